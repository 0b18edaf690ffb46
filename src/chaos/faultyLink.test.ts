import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultyLink } from './faultyLink.ts';

let far: Server;
let link: FaultyLink;
let port: number;
let dialled: Socket[];
/** The other end's side of each connection. */
let accepted: Socket[];

beforeEach(async () => {
  dialled = [];
  accepted = [];
  far = createServer((socket) => {
    socket.on('error', () => {});
    accepted.push(socket);
    // Says back what it hears.
    socket.on('data', (bytes) => socket.write(bytes));
  });
  far.listen(0, '127.0.0.1');
  await once(far, 'listening');
  link = new FaultyLink();
  port = await link.listen();
  link.leadTo((far.address() as { port: number }).port);
});

afterEach(() => {
  link.close();
  far.close();
  for (const socket of [...dialled, ...accepted]) socket.destroy();
});

async function dial(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  dialled.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Reads until so many bytes came. */
async function read(socket: Socket, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) text += String((await once(socket, 'data'))[0]);
  return text;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function echoes(socket: Socket, text: string): Promise<void> {
  socket.write(text);
  expect(await read(socket, text.length)).toBe(text);
}

describe('a faulty link', () => {
  it('carries bytes both ways while nothing is wrong, and the end of a connection', async () => {
    const socket = await dial();
    await echoes(socket, 'hello');
    socket.end();
    socket.destroy();
    await closed(accepted[0]!);
  });

  it.each(['there', 'back'] as const)('keeps back what goes %s, and lets it arrive later, in order', async (way) => {
    const socket = await dial();
    await echoes(socket, 'one');
    const release = link.hold(way);
    const again = link.hold(way);
    socket.write('two');
    socket.write('three');
    if (way === 'back') await read(accepted[0]!, 8);
    release();
    expect(link.isHeld(way)).toBe(true);
    again();
    expect(await read(socket, 8)).toBe('twothree');
  });

  it('leaves connections half open: the other end does not hear of an end that was held back', async () => {
    const socket = await dial();
    await echoes(socket, 'one');
    const release = link.hold('there');
    socket.destroy();
    await closed(socket);
    // Another connection is made and ended meanwhile.
    (await dial()).destroy();
    expect(accepted[0]!.destroyed).toBe(false);
    release();
    await closed(accepted[0]!);
  });

  it('cuts: connections are reset, and so are new ones until it ends', async () => {
    const socket = await dial();
    await echoes(socket, 'one');
    const mend = link.cut();
    await closed(socket);
    const second = connect(port, '127.0.0.1');
    dialled.push(second);
    second.on('error', () => {});
    await closed(second);
    mend();
    await echoes(await dial(), 'two');
  });

  it('resets in the middle: the other end has the beginning', async () => {
    const socket = await dial();
    await echoes(socket, 'one');
    link.resetAfter('there', 4);
    socket.write('abcdefgh');
    expect(await read(accepted[0]!, 4)).toBe('abcd');
    await closed(socket);
  });

  it('delays, and is as fast as before when that is over', async () => {
    const socket = await dial();
    const mend = link.delay(30);
    const beganMs = performance.now();
    await echoes(socket, 'late');
    expect(performance.now() - beganMs).toBeGreaterThan(55);
    mend();
    expect(link.delayMs).toBe(0);
  });

  it('makes a source wait that sends more than is read', async () => {
    const socket = await dial();
    await echoes(socket, 'one');
    const release = link.hold('there');
    const bytes = 16 << 20;
    socket.write(Buffer.alloc(bytes));
    // Some fits into the kernel's buffers and into what the link keeps.
    expect(socket.writableLength).toBeGreaterThan(0);
    release();
    let came = 0;
    while (came < bytes) came += ((await once(socket, 'data'))[0] as Buffer).length;
    expect(came).toBe(bytes);
  });
});

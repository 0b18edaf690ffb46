import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { GrpcServer } from '../../net/grpc/grpcServer.ts';
import type { ServiceOptions } from '../../net/grpc/method.ts';
import { takeFreePorts } from '../../supervisor/process/freePorts.ts';
import { rawMethod } from '../../wire/rawMethod.ts';
import { GrpcListener } from '../net/grpcListener.ts';
import type { FrontDoorOptions } from './frontDoor.ts';
import { openDoor } from './testing/openDoor.ts';

const MIB = 1 << 20;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

class Count {
  value = 0;
  inc(): void {
    this.value++;
  }
}

/** A server with one method that answers what it was asked, and one that peers call. */
async function opened({ messageBytesMax = 64 * MIB, ...options }: Partial<FrontDoorOptions> & ServiceOptions = {}) {
  const counts = {
    connectionsRefused: new Count(),
    connectionsClosed: new Count(),
    callsEnded: new Count(),
    requestsTooLarge: new Count(),
  };
  const reports: string[] = [];
  const door = openDoor({
    peerConnections: 2,
    budgetBytes: 4 * MIB,
    counts,
    report: (what) => reports.push(what),
    ...options,
  });
  const grpc = new GrpcServer({ messageBytesMax: 64 * MIB });
  const echo = (call: { request: Buffer }, done: (error: null, value: Buffer) => void) => done(null, call.request);
  grpc.addService({ echo: rawMethod('/test/Echo') }, { echo }, { messageBytesMax, limitName: '-maxvalue' });
  grpc.addService({ vote: rawMethod('/gorums.Raft/RequestVote') }, { vote: echo }, { isForPeers: true });
  const listener = new GrpcListener(grpc, door, NO_SECURITY, (socket) => socket.destroy());
  const [port] = await takeFreePorts(1);
  await listener.listen({ host: '127.0.0.1', port: port! });
  closers.push(() => {
    listener.close();
    door.close();
  });
  const dial = () => {
    const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1000 } });
    session.on('error', () => {});
    closers.push(() => session.destroy());
    return session;
  };
  const dialRaw = async (bytes: Buffer) => {
    const socket = connect(port!, '127.0.0.1');
    socket.on('error', () => {}).resume();
    closers.push(() => socket.destroy());
    await once(socket, 'connect');
    socket.write(bytes);
    return socket;
  };
  return { door, counts, reports, dial, dialRaw };
}

function request(session: ClientHttp2Session, path = '/test/Echo', headers = {}): ClientHttp2Stream {
  const call = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', ...headers });
  call.on('error', () => {});
  return call;
}

const message = (body: Buffer, size = body.length) => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(size, 1);
  return Buffer.concat([prefix, body]);
};

/** The status of a call that has ended, in gRPC's numbers; HTTP/2's code where the stream was reset. */
async function statusOf(call: ClientHttp2Stream): Promise<{ status: number; details: string }> {
  let found = { status: -1, details: '' };
  const note = (headers: Record<string, unknown>) => {
    if (headers['grpc-status'] === undefined) return;
    found = { status: Number(headers['grpc-status']), details: decodeURI(String(headers['grpc-message'] ?? '')) };
  };
  call.on('response', note);
  call.on('trailers', note);
  call.resume();
  await closeOf(call);
  return found.status === -1 ? { status: -1, details: `rst ${call.rstCode}` } : found;
}

const answered = async (call: ClientHttp2Stream) => {
  call.end(message(Buffer.from('well-behaved')));
  expect((await statusOf(call)).status).toBe(status.OK);
};

const closeOf = (emitter: { once(event: 'close', then: () => void): unknown }) =>
  new Promise<void>((resolve) => emitter.once('close', resolve));

const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
/** Each a HEADERS frame that begins a POST, and a RST_STREAM frame behind it. */
function abandonedCalls(count: number): Buffer {
  const fields = [0x83, 0x86, 0x84, 0x01, 1, 'x'.charCodeAt(0)];
  const headersBytes = 9 + fields.length;
  const both = [0, 0, fields.length, 1, 4, 0, 0, 0, 0, ...fields, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 8];
  const frames = Buffer.alloc(count * both.length);
  for (let i = 0; i < count; i++) {
    const at = i * both.length;
    frames.set(both, at);
    frames.writeUInt32BE(1 + 2 * i, at + 5);
    frames.writeUInt32BE(1 + 2 * i, at + headersBytes + 5);
  }
  return frames;
}

const DATA_ON_IDLE_STREAM = Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 1, 7]);

describe('memory', () => {
  it('bodies that were announced and never completed were gathered without bound', async () => {
    const { door, counts, dial } = await opened();
    const modest = dial();
    const started = request(modest);
    started.write(message(Buffer.alloc(100), 200));
    const hogs = Array.from({ length: 8 }, () => request(dial()));
    const ends = hogs.map(statusOf);
    for (const hog of hogs) hog.write(message(Buffer.alloc(MIB), 60 * MIB));
    const first = await Promise.race(ends);
    expect(first.status).toBe(status.RESOURCE_EXHAUSTED);
    expect(first.details).toContain('-clientmemory');
    expect(door.memory.lastCountBytes).toBeLessThanOrEqual(4 * MIB);
    expect(counts.callsEnded.value).toBeGreaterThan(0);
    started.write(Buffer.alloc(100));
    started.end();
    expect((await statusOf(started)).status).toBe(status.OK);
  });

  it('a message that is too large was gathered before it was refused', async () => {
    const { door, counts, dial } = await opened({ messageBytesMax: MIB });
    const call = request(dial());
    call.write(message(Buffer.alloc(10), MIB + 1));
    expect(await statusOf(call)).toEqual({
      status: status.RESOURCE_EXHAUSTED,
      details: `Received message larger than max (${MIB + 1} vs ${MIB}): see -maxvalue`,
    });
    expect(door.memory.count()).toBe(0);
    expect(counts.requestsTooLarge.value).toBe(1);
    const headers = { 'x-large': 'x'.repeat(17_000) };
    await statusOf(request(dial(), '/test/Echo', headers));
    expect(counts.requestsTooLarge.value).toBe(2);
    await answered(request(dial(), '/gorums.Raft/RequestVote'));
  });

  it('answers that nobody reads were kept without bound', async () => {
    const { door, counts, dial } = await opened();
    const hog = dial();
    const calls = Array.from({ length: 12 }, () => request(hog));
    for (const call of calls) {
      call.pause();
      call.end(message(Buffer.alloc(MIB / 2)));
    }
    // A call that is paused does not tell that it was ended.
    await expect.poll(() => counts.callsEnded.value).toBeGreaterThan(0);
    await answered(request(dial()));
    expect(door.memory.count()).toBe(0);
    expect(door.memory.lastCountBytes).toBeLessThanOrEqual(4 * MIB);
  });

  it('a compressed request could be small and take any amount of memory', async () => {
    const { dial } = await opened();
    const call = request(dial(), '/test/Echo', { 'grpc-encoding': 'gzip' });
    expect((await statusOf(call)).status).toBe(status.UNIMPLEMENTED);
  });
});

describe('connections', () => {
  it('beyond the bound are refused, saying so; peers still come in', async () => {
    const { counts, dial } = await opened({ connectionsMax: 2, peerConnections: 1 });
    const open = [dial(), dial()].map((session) => request(session));
    for (const call of open) call.write(message(Buffer.alloc(1), 2));
    await Promise.all(open.map((call) => once(call, 'ready')));
    await new Promise((resolve) => open[1]!.session!.ping(resolve));
    const refused = dial();
    const closed = closeOf(refused);
    const client = await statusOf(request(refused));
    expect(client).toMatchObject({
      status: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('2 connections'),
    });
    expect(counts.connectionsRefused.value).toBe(1);
    await closed;
    await answered(request(dial(), '/gorums.Raft/RequestVote'));
  });

  it('of a server that stops were told that they had asked for too much: clients gave up what is larger than a batch', async () => {
    const { door, dial } = await opened();
    const session = dial();
    const call = request(session);
    call.write(message(Buffer.alloc(1), 2));
    await once(call, 'ready');
    await new Promise((resolve) => session.ping(resolve));
    const told = once(session, 'goaway');
    const ended = statusOf(call);
    door.close();
    expect((await told)[0]).toBe(http2.constants.NGHTTP2_NO_ERROR);
    expect((await ended).details).not.toBe(`rst ${http2.constants.NGHTTP2_ENHANCE_YOUR_CALM}`);
  });

  it('on which nothing is asked are bounded: the oldest makes room, and what was asked something stays', async () => {
    const { door, counts, dial, dialRaw, reports } = await opened({ unusedMax: 2 });
    const used = dial();
    await answered(request(used));
    const silent = [await dialRaw(Buffer.alloc(0)), await dialRaw(PREFACE.subarray(0, 12))];
    await expect.poll(() => door.unusedCount).toBe(2);
    const closed = once(silent[0]!, 'close');
    await dialRaw(PREFACE);
    await closed;
    expect([door.unusedCount, door.connectionCount, counts.connectionsClosed.value]).toEqual([2, 3, 1]);
    expect(reports).toEqual(['closed a connection without a request: there are more than -maxunused allows']);
    await answered(request(used));
  });

  it('on which nothing comes are asked whether the other end is there, and closed where it says nothing', async () => {
    const { door, dial, dialRaw, reports } = await opened({ silenceMsMax: 300 });
    const answering = dial();
    await answered(request(answering));
    // It has said what one says first, and answers no ping.
    const deaf = await dialRaw(PREFACE);
    await once(deaf, 'close');
    expect(reports).toEqual(['closed a connection whose other end is gone']);
    expect(door.connectionCount).toBe(1);
    await answered(request(answering));
  });

  it('frames on streams that were never opened left their sessions behind for ever, sockets included', async () => {
    const { door, dialRaw } = await opened();
    const sockets = await Promise.all(
      Array.from({ length: 5 }, () => dialRaw(Buffer.concat([PREFACE, DATA_ON_IDLE_STREAM]))),
    );
    await Promise.all(sockets.map(closeOf));
    await expect.poll(() => door.connectionCount).toBe(0);
  });

  it('to close a connection while its frames were read aborted the process', async () => {
    const { counts, dial, dialRaw } = await opened();
    const socket = await dialRaw(Buffer.concat([PREFACE, abandonedCalls(3000)]));
    await closeOf(socket);
    expect(counts.connectionsClosed.value).toBe(1);
    await answered(request(dial()));
  });

  it('a connection on which calls are abandoned again and again is closed', async () => {
    const { counts, dial } = await opened();
    const session = dial();
    const closed = closeOf(session);
    // Sent first: a call that is given up before is never heard of.
    const abandon = () => {
      const call = request(session);
      call.once('ready', () => call.close(http2.constants.NGHTTP2_CANCEL));
    };
    for (let i = 0; i < 300; i++) abandon();
    await closed;
    expect(counts.connectionsClosed.value).toBe(1);
    await answered(request(dial()));
  });
});

import { once } from 'node:events';
import http2, { type Http2Session } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Client } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { abandonedStreams, BEGINNING } from '../../attack/http2Frames.ts';
import { grpcTransport } from '../../client/grpcTransport.ts';
import { openChannel, peerChannelOptions } from '../../net/endpoints/channels.ts';
import { FLOW_CONTROL_WINDOW_BYTES } from '../../net/endpoints/flowControl.ts';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { GrpcServer } from '../../net/grpc/grpcServer.ts';
import { takeFreePorts } from '../../supervisor/process/freePorts.ts';
import { PEER_PREFACE } from '../../wire/peerFrames.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';
import { openDoor } from '../admission/testing/openDoor.ts';
import { GrpcListener, ListenError } from './grpcListener.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function makeListener(
  links: (socket: Socket) => void = (socket) => socket.destroy(),
  door: FrontDoor = openDoor(),
): GrpcListener {
  const listener = new GrpcListener(new GrpcServer({ messageBytesMax: 1 << 20 }), door, NO_SECURITY, links);
  closers.push(() => {
    listener.close();
    door.close();
  });
  return listener;
}

async function listening(host = '127.0.0.1') {
  const listener = makeListener();
  const [port] = await takeFreePorts(1);
  await listener.listen({ host, port: port! });
  return { port: port! };
}

/** How much the other end may send: on one stream, and on all of the connection together. */
async function windowsOf(session: Http2Session) {
  if (session.pendingSettingsAck) await once(session, 'localSettings');
  await new Promise((resolve) => session.ping(resolve));
  return { stream: session.remoteSettings.initialWindowSize, connection: session.state.remoteWindowSize };
}

const WIDE = { stream: FLOW_CONTROL_WINDOW_BYTES, connection: FLOW_CONTROL_WINDOW_BYTES };

describe('the windows in force', () => {
  it('a server advertised 64 KiB', async () => {
    const { port } = await listening();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    const [first] = await once(session, 'remoteSettings');
    expect(first.initialWindowSize).toBe(FLOW_CONTROL_WINDOW_BYTES);
    expect(await windowsOf(session)).toEqual(WIDE);
  });

  it.each([
    [
      'a client',
      (address: string) => {
        const environment = { nowMs: () => 0, random: () => 0, soon: () => {}, after: () => () => {} };
        const transport = grpcTransport({ rpc: 'stream', environment });
        transport.status(address, 60_000).catch(() => {});
        return () => transport.close();
      },
    ],
    [
      'a peer',
      (address: string) => {
        const client = openChannel(Client, address, peerChannelOptions(1 << 20), NO_SECURITY);
        client.waitForReady(Number.POSITIVE_INFINITY, () => {});
        return () => client.close();
      },
    ],
  ])('of the way back, to %s', async (_name, connect) => {
    const server = http2.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const session = once(server, 'session');
    const close = connect(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    closers.push(close);
    expect(await windowsOf((await session)[0])).toEqual(WIDE);
  });
});

describe('listening', () => {
  it('names what is in the way', async () => {
    const { port } = await listening();
    const second = makeListener();
    const error = await second.listen({ host: '127.0.0.1', port }).catch((cause) => cause);
    expect(error).toBeInstanceOf(ListenError);
    expect(error.message).toBe(`cannot listen on 127.0.0.1:${port}: another process listens there`);
  });

  it('a name is listened to on each of its addresses', async () => {
    const { port } = await listening('localhost');
    const session = http2.connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    await once(session, 'connect');
  });
});

describe('streams at once', () => {
  it('are bounded on each connection, and the less the more connections there are', async () => {
    const { port } = await listening();
    const limits: (number | undefined)[] = [];
    for (let i = 0; i < 20; i++) {
      const session = http2.connect(`http://127.0.0.1:${port}`);
      closers.push(() => session.destroy());
      await once(session, 'remoteSettings');
      await windowsOf(session);
      limits.push(session.remoteSettings.maxConcurrentStreams);
    }
    expect(limits[0]).toBe(4096);
    expect(limits[19]).toBe(Math.floor(8192 / 20));
  });
});

describe('the first bytes of a connection', () => {
  async function both() {
    const links: Buffer[] = [];
    const taken = (socket: Socket) => {
      let all = Buffer.alloc(0);
      socket.on('data', (piece: Buffer) => {
        all = Buffer.concat([all, piece]);
      });
      socket.on('end', () => links.push(all));
    };
    const listener = makeListener(taken);
    const [port] = (await takeFreePorts(1)) as [number];
    await listener.listen({ host: '127.0.0.1', port });
    return { links, port };
  }

  it('answered HTTP/1.1 in frames, which curl and browsers take for garbage', async () => {
    const { port } = await both();
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect(response.status).toBe(505);
    expect(await response.text()).toBe('This port speaks gRPC, over HTTP/2 without TLS.\n');
    const posted = await fetch(`http://127.0.0.1:${port}/rkvpb.RKV/Insert`, {
      method: 'POST',
      body: 'x'.repeat(100_000),
    });
    expect(posted.status).toBe(505);
    await posted.text();
  });

  it('tell a peer’s link from HTTP/2, however they come', async () => {
    const { links, port } = await both();
    const said = Buffer.concat([PEER_PREFACE, Buffer.from('and so on')]);
    const socket = connect(port, '127.0.0.1');
    for (const byte of said) {
      socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    socket.end();
    const atOnce = connect(port, '127.0.0.1').end(said);
    await Promise.all([once(socket.resume(), 'close'), once(atOnce.resume(), 'close')]);
    expect(links.map(String)).toEqual(['and so on', 'and so on']);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    closers.push(() => session.destroy());
    await once(session, 'remoteSettings');
    expect(await windowsOf(session)).toEqual(WIDE);
    const preface = connect(port, '127.0.0.1');
    for (const byte of Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')) {
      preface.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    const [settings] = (await once(preface, 'data')) as [Buffer];
    expect(settings[3]).toBe(4);
    preface.destroy();
  });

  it('that belong to nobody are left to HTTP/2, which closes', async () => {
    const { links, port } = await both();
    for (const bytes of [PEER_PREFACE.subarray(0, 7), Buffer.from('GET / HTTP/1.0\r\n\r\n'.repeat(2))]) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume().write(bytes);
      await once(socket, 'close');
    }
    expect(links).toEqual([]);
  });

  describe('after calls were abandoned without end', () => {
    /** Connections are taken slowly, and more wait for their turn than are made to. */
    async function slow() {
      const door = openDoor();
      const linked: Socket[] = [];
      const listener = makeListener((socket) => linked.push(socket), door);
      const [port] = (await takeFreePorts(1)) as [number];
      await listener.listen({ host: '127.0.0.1', port });
      const dial = (bytes: Buffer) => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {}).resume();
        closers.push(() => socket.destroy());
        socket.write(bytes);
        return socket;
      };
      const abandoning = dial(Buffer.concat([BEGINNING, abandonedStreams('/a', 1, 3000)]));
      await once(abandoning, 'close');
      expect(door.isSlow(performance.now())).toBe(true);
      const waiting = Array.from({ length: 60 }, () => dial(BEGINNING));
      // There is no place in the line for the last of them.
      await Promise.any(waiting.map((socket) => once(socket, 'close')));
      return { door, dial, linked };
    }

    it('a peer’s link waited with all others, or was refused with them', async () => {
      const { dial, linked } = await slow();
      dial(PEER_PREFACE);
      await expect.poll(() => linked.length).toBe(1);
    });

    it('connections that say nothing keep no peer out, and are bounded', async () => {
      const { dial, linked } = await slow();
      const silent = Array.from({ length: 200 }, () => dial(Buffer.alloc(0)));
      await Promise.all(silent.slice(0, 100).map((socket) => once(socket, 'close')));
      dial(PEER_PREFACE);
      await expect.poll(() => linked.length).toBe(1);
    });
  });
});

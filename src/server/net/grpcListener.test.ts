import { once } from 'node:events';
import http2, { type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Client, credentials, Server } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { grpcTransport } from '../../client/grpcTransport.ts';
import { takeFreePorts } from '../../supervisor/process/freePorts.ts';
import { peerChannelOptions } from '../transport/peerMethod.ts';
import { FLOW_CONTROL_WINDOW_BYTES, GrpcListener, ListenError } from './grpcListener.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listening() {
  const grpc = new Server();
  const listener = new GrpcListener(grpc);
  const [port] = await takeFreePorts(1);
  await listener.listen({ host: '127.0.0.1', port: port! });
  closers.push(() => {
    listener.close();
    grpc.forceShutdown();
  });
  return { grpc, port: port! };
}

/** How much the other end may send: on one stream, and on all of the connection together. */
async function windowsOf(session: Http2Session) {
  if (session.pendingSettingsAck) await once(session, 'localSettings');
  await new Promise((resolve) => session.ping(resolve));
  return { stream: session.remoteSettings.initialWindowSize, connection: session.state.remoteWindowSize };
}

const WIDE = { stream: FLOW_CONTROL_WINDOW_BYTES, connection: FLOW_CONTROL_WINDOW_BYTES };

describe('the windows in force', () => {
  it('a server advertised 64 KiB, for grpc-js has no such option on its server side', async () => {
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
        const client = new Client(address, credentials.createInsecure(), peerChannelOptions(1 << 20));
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

  it('leaves http2 to others as it was', async () => {
    const { createServer } = http2;
    await listening();
    expect(http2.createServer).toBe(createServer);
  });
});

describe('listening', () => {
  it('names what is in the way', async () => {
    const { port } = await listening();
    const second = new GrpcListener(new Server());
    const error = await second.listen({ host: '127.0.0.1', port }).catch((cause) => cause);
    expect(error).toBeInstanceOf(ListenError);
    expect(error.message).toBe(`cannot listen on 127.0.0.1:${port}: another process listens there`);
  });

  it('a name is listened to on each of its addresses', async () => {
    const grpc = new Server();
    const listener = new GrpcListener(grpc);
    const [port] = await takeFreePorts(1);
    await listener.listen({ host: 'localhost', port: port! });
    closers.push(() => {
      listener.close();
      grpc.forceShutdown();
    });
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

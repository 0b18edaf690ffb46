import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DelayProxy } from './delayProxy.ts';
import { takeFreePorts } from './freePorts.ts';

const DELAY_MS = 30;

describe('a proxy that stands for distance', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  /** A connection through the proxy to a server that answers every byte with the same. */
  async function throughProxy(): Promise<Socket> {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const [from] = await takeFreePorts(1);
    const proxy = new DelayProxy(DELAY_MS);
    await proxy.listen([{ from: from!, to: (server.address() as AddressInfo).port }]);
    const socket = connect({ port: from!, host: '127.0.0.1' });
    await once(socket, 'connect');
    closers.push(() => {
      socket.destroy();
      proxy.close();
      server.close();
    });
    return socket;
  }

  it('lets everything through in order, and no sooner than the way there and back takes', async () => {
    const socket = await throughProxy();
    const sent = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => i % 251));
    const startMs = performance.now();
    let firstMs = 0;
    const chunks: Buffer[] = [];
    const complete = new Promise<void>((resolve) => {
      let size = 0;
      socket.on('data', (bytes) => {
        firstMs ||= performance.now();
        chunks.push(bytes);
        size += bytes.length;
        if (size === sent.length) resolve();
      });
    });
    for (let at = 0; at < sent.length; at += 10_000) socket.write(sent.subarray(at, at + 10_000));
    await complete;
    expect(Buffer.concat(chunks).equals(sent)).toBe(true);
    // Timers may be a millisecond early.
    expect(firstMs - startMs).toBeGreaterThanOrEqual(2 * (DELAY_MS - 1));
  });

  it('ends the other side when one side ends', async () => {
    const socket = await throughProxy();
    socket.end('bye');
    await once(socket, 'close');
  });
});

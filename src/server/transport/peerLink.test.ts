import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { MessageCodec } from '../../consensus/contract.ts';
import type { Log } from '../observe/log.ts';
import { PEER_SERVICE, peerImplementation } from './peerAcceptor.ts';
import { PeerLink } from './peerLink.ts';

const CODEC: MessageCodec<Uint8Array> = { encode: (message) => message, decode: (bytes) => bytes };
const MESSAGE_BYTES_MAX = 8192;

/** Remembers what was said at the levels that people are to see. */
class RememberingLog {
  readonly lines: string[] = [];
  info(): void {}
  warn(_facts: object, line: string): void {
    this.lines.push(line);
  }
  error(_facts: object, line: string): void {
    this.lines.push(line);
  }
}

async function linked() {
  const log = new RememberingLog();
  const received: Uint8Array[] = [];
  let wake = () => {};
  const server = new Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX });
  const acceptor = { self: 2, serverCount: 3, engine: 'gorums', codec: CODEC, log: log as unknown as Log };
  const receive = (_from: number, message: Uint8Array) => {
    received.push(message);
    wake();
    return undefined;
  };
  server.addService(PEER_SERVICE, peerImplementation({ ...acceptor, receive }));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const link = new PeerLink<Uint8Array>({
    self: 1,
    peer: 2,
    address: { host: '127.0.0.1', port },
    engine: 'gorums',
    codec: CODEC,
    maxMessageBytes: MESSAGE_BYTES_MAX,
    log: log as unknown as Log,
    unimplemented: () => {},
  });
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const close = () => {
    link.close();
    server.forceShutdown();
  };
  return { link, log, received, until, close };
}

describe('a link to a peer', () => {
  let close = () => {};
  afterEach(() => close());

  it('messages of one turn that together pass -maxgrpc ended the stream, and so did their repetition, for ever', async () => {
    const one = await linked();
    close = one.close;
    one.link.send(Array.from({ length: 9 }, (_, i) => new Uint8Array(3000).fill(i)));
    await one.until(() => one.received.length === 9);
    expect(one.received.map((bytes) => bytes[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(one.log.lines).toEqual([]);
  });

  it('a message above -maxgrpc took the stream, and so the heartbeats, down with it', async () => {
    const one = await linked();
    close = one.close;
    one.link.send([Uint8Array.of(1), new Uint8Array(MESSAGE_BYTES_MAX), Uint8Array.of(2)]);
    await one.until(() => one.received.length === 2);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1, 2]);
    expect(one.log.lines).toEqual([expect.stringContaining('8192')]);
  });
});

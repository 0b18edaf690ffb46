import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import type { MessageCodec } from '../../consensus/contract.ts';
import { IdentityFile } from '../identity/identityFile.ts';
import type { Log } from '../observe/log.ts';
import { PeerAcceptor } from './peerAcceptor.ts';
import { PeerLink } from './peerLink.ts';
import { PEER_STREAM_METHOD } from './peerMethod.ts';

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

const folders: string[] = [];

function member(id: number, cluster = 'c'.repeat(32), engine = 'gorums'): IdentityFile {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-link-'));
  folders.push(folder);
  const identity = IdentityFile.open(folder, id, engine, true);
  identity.change({ cluster });
  return identity;
}

async function linked(dialler = member(1), answerer = member(2)) {
  const log = new RememberingLog();
  const received: Uint8Array[] = [];
  const refusals: string[] = [];
  let wake = () => {};
  const server = new Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX });
  const receive = (_from: number, message: Uint8Array) => {
    received.push(message);
    wake();
    return undefined;
  };
  const common = { codec: CODEC, log: log as unknown as Log };
  const acceptor = new PeerAcceptor({ ...common, self: 2, serverCount: 3, identity: answerer, receive });
  server.addService({ stream: PEER_STREAM_METHOD }, { stream: acceptor.accept.bind(acceptor) });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const dial = (identity = dialler) =>
    new PeerLink<Uint8Array>({
      ...common,
      self: 1,
      peer: 2,
      address: { host: '127.0.0.1', port },
      identity,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      accepted: () => {},
      refused: (_peer, misfit) => {
        refusals.push(misfit);
        wake();
      },
      unimplemented: () => {},
    });
  const links = [dial()];
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const close = () => {
    for (const link of links) link.close();
    server.forceShutdown();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  };
  const another = (identity: IdentityFile) => {
    const link = dial(identity);
    links.push(link);
    return link;
  };
  return { link: links[0]!, another, acceptor, answerer, log, received, refusals, until, close };
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

  it('remembers whom it spoke to, and refuses another folder under that id, an older copy, another cluster and engine', async () => {
    const first = member(1);
    const one = await linked(first);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    const { instance, boots, life } = first.identity;
    expect(one.answerer.identity.known.get(1)).toEqual({ instance, boots, life, admitted: 0, ran: true });
    const older = { ...first.identity, life: 'e'.repeat(16) };
    const strangers = [
      member(1),
      { identity: older } as IdentityFile,
      member(1, 'd'.repeat(32)),
      member(1, '', 'etcd'),
    ];
    for (const [i, stranger] of strangers.entries()) {
      one.another(stranger).send([Uint8Array.of(2)]);
      await one.until(() => one.refusals.length === i + 1);
    }
    expect(one.refusals).toEqual(['forgotten', 'older-copy', 'other-cluster', 'other-engine']);
    expect(one.received.length).toBe(1);
  });

  it('takes a folder that was admitted later, and not the earlier one any more', async () => {
    const first = member(1);
    const one = await linked(first);
    close = one.close;
    one.link.send([Uint8Array.of(1)]);
    await one.until(() => one.received.length === 1);
    const later = member(1);
    later.change({ admitted: 7 });
    one.another(later).send([Uint8Array.of(2)]);
    await one.until(() => one.received.length === 2);
    one.another(first).send([Uint8Array.of(3)]);
    await one.until(() => one.refusals.length === 1);
    expect(one.received.map((bytes) => bytes[0])).toEqual([1, 2]);
  });

  it('hears nothing from a server that is being admitted', async () => {
    const one = await linked();
    close = one.close;
    const shutOut = one.acceptor.shutOut(1);
    one.link.send([Uint8Array.of(1)]);
    await expect.poll(() => one.log.lines.join()).toContain('is being admitted');
    shutOut.over();
    await expect
      .poll(() => {
        one.link.send([Uint8Array.of(2)]);
        return one.received.length;
      })
      .toBeGreaterThan(0);
    expect(one.received.every((bytes) => bytes[0] === 2)).toBe(true);
  });

  it('heard the earlier process of a server again once the state was sent, and hears only the admitted one', async () => {
    const earlier = member(1);
    const one = await linked(earlier);
    close = one.close;
    const shutOut = one.acceptor.shutOut(1);
    shutOut.given(7);
    shutOut.over();
    // Another attempt that comes to nothing changes nothing.
    one.acceptor.shutOut(1).over();
    one.link.send([Uint8Array.of(1)]);
    await expect.poll(() => one.log.lines.join()).toContain('is being admitted');
    expect(one.acceptor.isDeafTo(1)).toBe(true);
    expect(one.answerer.identity.known.size).toBe(0);
    const admitted = member(1);
    admitted.change({ admitted: 7 });
    one.another(admitted).send([Uint8Array.of(2)]);
    await one.until(() => one.received.length === 1);
    expect(one.acceptor.isDeafTo(1)).toBe(false);
    expect(one.received[0]).toEqual(Uint8Array.of(2));
  });

  it('speaks to no server of another cluster', async () => {
    const dialler = member(1, '');
    const one = await linked(dialler, member(2, 'd'.repeat(32)));
    close = one.close;
    // Found out between its hello and the welcome.
    one.link.send([Uint8Array.of(1)]);
    dialler.change({ cluster: 'c'.repeat(32) });
    await expect.poll(() => one.log.lines.join()).toContain('refused to speak to a peer: server 2 is of cluster d');
  });
});

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageCodec } from '../../../consensus/contract.ts';
import { NO_SECURITY } from '../../../net/endpoints/security.ts';
import { type Fences, NO_FENCES } from '../../../wire/fence.ts';
import { PEER_VERSIONS, type VersionRange } from '../../../wire/peerVersions.ts';
import { stillCounts } from '../../identity/fences.ts';
import { Hearsay } from '../../identity/hearsay.ts';
import { IdentityFile } from '../../identity/identityFile.ts';
import { Addresses } from '../../identity/testing/addresses.ts';
import { sniff } from '../../net/sniff.ts';
import type { Log } from '../../observe/log.ts';
import { PeerAcceptor } from '../peerAcceptor.ts';
import { PeerLink } from '../peerLink.ts';

export const CODEC: MessageCodec<Uint8Array> = {
  encode: (message) => message,
  encodeLarge: (message) => (message.length < LARGE_BYTES ? undefined : [message.subarray(0, 7), message.subarray(7)]),
  decode: (bytes) => bytes,
  mayOvertake: (bytes) => bytes[0] === URGENT,
};
export const URGENT = 99;
const LARGE_BYTES = 70_000;
export const MESSAGE_BYTES_MAX = 8192;

/** Remembers what was said at the levels that people are to see. */
export class RememberingLog {
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

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

export function member(id: number, cluster = 'c'.repeat(32), engine = 'gorums'): IdentityFile {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-link-'));
  folders.push(folder);
  const identity = IdentityFile.open(folder, id, engine, true);
  identity.change({ cluster });
  return identity;
}

/** A link of server 1 to server 2. `speaks`: what the dialler does, and the acceptor. */
export async function linked(
  dialler = member(1),
  answerer = member(2),
  maxMessageBytes = MESSAGE_BYTES_MAX,
  speaks: readonly [VersionRange, VersionRange] = [PEER_VERSIONS, PEER_VERSIONS],
) {
  const log = new RememberingLog();
  const received: Uint8Array[] = [];
  const refusals: string[] = [];
  const inForce: { fences: Fences } = { fences: NO_FENCES };
  /** Those of the dialler. */
  const ofDialler: { fences: Fences } = { fences: NO_FENCES };
  /** What links said of the peer, in order. */
  const said: string[] = [];
  let wake = () => {};
  /** Of what was received, whether it is still to be heard. */
  const counting: (() => boolean)[] = [];
  const receive = (_from: number, message: Uint8Array, counts: () => boolean) => {
    received.push(message);
    counting.push(counts);
    wake();
    return undefined;
  };
  const common = { codec: CODEC, log: log as unknown as Log, maxMessageBytes };
  /** Who dialled last is at the address of server 1. */
  const addresses = new Addresses();
  const acceptor = new PeerAcceptor({
    ...common,
    self: 2,
    serverCount: 3,
    speaks: speaks[1],
    identity: answerer,
    hearsay: new Hearsay(answerer, addresses),
    fences: () => inForce.fences,
    receive,
  });
  const server = createServer((socket) =>
    sniff(
      socket,
      () => acceptor.accept(socket),
      () => socket.destroy(),
    ),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const dial = (identity = dialler, spoken = speaks[0]) => {
    addresses.put(1, () => identity.identity);
    return new PeerLink<Uint8Array>({
      ...common,
      self: 1,
      peer: 2,
      speaks: spoken,
      address: { host: '127.0.0.1', port },
      security: NO_SECURITY,
      identity,
      counts: (claim) => stillCounts(identity.identity, ofDialler.fences, claim),
      accepted: () => said.push('accepted'),
      gone: () => {
        said.push('gone');
        wake();
      },
      refused: (_peer, misfit) => {
        refusals.push(misfit);
        said.push('refused');
        wake();
      },
      notUnderstood: () => {},
    });
  };
  const links = [dial()];
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>((resolve) => (wake = resolve));
  };
  const close = () => {
    for (const link of links) link.close();
    acceptor.close();
    server.close();
    removeFolders();
  };
  const another = (identity: IdentityFile, spoken = speaks[0]) => {
    const link = dial(identity, spoken);
    links.push(link);
    return link;
  };
  return {
    link: links[0]!,
    address: `127.0.0.1:${port}`,
    another,
    addresses,
    acceptor,
    answerer,
    inForce,
    ofDialler,
    log,
    received,
    counting,
    refusals,
    said,
    until,
    close,
  };
}

import type { Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { ANYBODY } from '../net/endpoints/security.ts';
import type { Connection } from '../server/admission/connection.ts';
import { ASK_TIMES, type Asker } from '../server/identity/asking.ts';
import { Hearsay } from '../server/identity/hearsay.ts';
import { blankIdentity, type Introduction, introductionOf } from '../server/identity/identity.ts';
import { KeptIdentity } from '../server/identity/keptIdentity.ts';
import type { LimitedLog } from '../server/observe/logLimiter.ts';
import { PeerAcceptor, type PeerAcceptorOptions } from '../server/transport/peerAcceptor.ts';
import { NO_FENCES } from '../wire/fence.ts';
import { type FrameKind, FrameReader, PAYLOAD_BYTES_MAX, PEER_PREFACE } from '../wire/peerFrames.ts';
import { OPENING_VERSION, PEER_VERSIONS } from '../wire/peerVersions.ts';
import { demand } from './target.ts';

/** Of servers that know of no cluster yet, the first of three is the one that hears. */
export const SELF = 1;
export const SERVERS = 3;
export const CLUSTER = 'c'.repeat(32);

/** The other end has a second to read why a link ends, and is dialled again after less. */
export const LINK_LINGER_MS = 1_200;

/** An identity that is written nowhere. */
export class MemoryIdentity extends KeptIdentity {
  constructor(id: number, engine: string) {
    const last = { ...blankIdentity(id, engine, String(id).repeat(32), 'member'), cluster: CLUSTER };
    super(last, String(id).repeat(16));
    this.countStart();
  }

  protected override store(): void {}
}

/** What servers 2 and 3 say of themselves, and nobody else can truly say of them. */
export function truthOf(id: number, engine: string): Introduction {
  return introductionOf(new MemoryIdentity(id, engine).identity);
}

/** Whoever asks at the address of a server hears the truth, at once. */
export function truthfulHearsay(identity: KeptIdentity, engine: string): Hearsay {
  const asker: Asker = {
    times: ASK_TIMES,
    nowMs: () => 0,
    after: (_delayMs, run) => run(),
    ask: (peer, _own, _timeoutMs, answered) => {
      if (peer === SELF || peer > SERVERS) answered({ kind: 'silent' });
      else {
        const introduction = truthOf(peer, engine);
        const known = new Map();
        answered({
          kind: 'introduced',
          introduction,
          misfit: undefined,
          isVoter: true,
          leader: 0,
          known,
          wish: undefined,
        });
      }
    },
  };
  return new Hearsay(identity, asker);
}

/** Nothing is known that is not true, whatever was said. */
export function demandTruth(identity: KeptIdentity, engine: string): void {
  for (const [id, known] of identity.identity.known) {
    demand(id > SELF && id <= SERVERS, () => `only servers of -servers are known, not ${id}`);
    const { instance, boots, life, admitted } = truthOf(id, engine);
    const isTrue =
      known.instance === instance && known.boots === boots && known.life === life && known.admitted === admitted;
    demand(isTrue, () => `what is known of server ${id} is what it says at its own address`);
  }
}

/** What accepts links of other servers at server SELF, which knows of no fences. */
export function acceptorOf<M>(
  identity: MemoryIdentity,
  { codec, maxMessageBytes, receive }: Pick<PeerAcceptorOptions<M>, 'codec' | 'maxMessageBytes' | 'receive'>,
): PeerAcceptor<M> {
  return new PeerAcceptor({
    self: SELF,
    serverCount: SERVERS,
    speaks: PEER_VERSIONS,
    identity,
    hearsay: truthfulHearsay(identity, identity.identity.engine),
    codec,
    maxMessageBytes,
    log: NO_LOG,
    fences: () => NO_FENCES,
    receive,
  });
}

export const NO_LOG = { info: () => {}, warn: () => {}, error: () => {} } as unknown as LimitedLog;

/** Both ends of a connection in this process; what is handed out as a socket is one as far as links use it. */
export function memoryConnection(): { readonly near: Duplex; readonly socket: Socket } {
  // As a socket, it ends when the other end does.
  const [near, far] = duplexPair({ allowHalfOpen: false });
  near.on('error', () => {});
  const socket = Object.assign(far, { setNoDelay: () => far, remoteAddress: '127.0.0.1', remotePort: 1 });
  return { near, socket: socket as unknown as Socket };
}

/** What the front door knows of a link, and how much it was told that this holds. */
export function watchedConnection(heldBytesMax: number): Connection {
  let heldBytes = () => 0;
  const check = () =>
    demand(heldBytes() <= heldBytesMax, () => `a link holds ${heldBytes()} bytes, at most ${heldBytesMax}`);
  const connection = {
    party: ANYBODY,
    becamePeer: (bytes: () => number) => {
      heldBytes = bytes;
    },
    held: check,
  };
  return connection as unknown as Connection;
}

/** Reads what a link says: its preface, the frame with which it begins, and frames of its version, that a reader of ours takes. */
export class SaidFrames {
  readonly frames: { readonly kind: FrameKind; readonly payload: Uint8Array }[] = [];
  private readonly reader = new FrameReader(PAYLOAD_BYTES_MAX, (kind, payload) => {
    this.frames.push({ kind, payload: payload.slice() });
    this.reader.version = this.version;
  });
  private version = OPENING_VERSION;
  private skipped = 0;

  constructor(near: Duplex) {
    near.on('data', (piece: Buffer) => {
      const skip = Math.min(PEER_PREFACE.length - this.skipped, piece.length);
      const isPreface = piece.subarray(0, skip).equals(PEER_PREFACE.subarray(this.skipped, this.skipped + skip));
      demand(isPreface, 'a link begins with its preface');
      this.skipped += skip;
      this.reader.push(piece.subarray(skip));
    });
  }

  /** That of the link is agreed upon: what follows its first frame has it. */
  agreed(version: number): void {
    this.version = version;
    if (this.frames.length > 0) this.reader.version = version;
  }

  get kinds(): readonly FrameKind[] {
    return this.frames.map(({ kind }) => kind);
  }
}

/** Until what was written has had its effects. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Writes `bytes` in pieces of so many. */
export function writePieces(near: Duplex, bytes: Uint8Array, pieceBytes: number): void {
  const size = Math.max(pieceBytes, Math.ceil(bytes.length / PIECES_MAX));
  for (let at = 0; at < bytes.length; at += size) near.write(Buffer.from(bytes.subarray(at, at + size)));
}

/** More would only take time. */
const PIECES_MAX = 200;

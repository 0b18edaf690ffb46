import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { printable } from '../../cli/printable.ts';
import type { MessageCodec, NodeId } from '../../consensus/contract.ts';
import { type Address, formatAddress } from '../../net/endpoints/addresses.ts';
import { Backoff } from '../../net/endpoints/backoff.ts';
import { PEER_RECONNECT_MAX_MS, PEER_RECONNECT_MIN_MS } from '../../net/endpoints/channels.ts';
import { onceConnected, type Security } from '../../net/endpoints/security.ts';
import { explainTlsFailure } from '../../net/endpoints/tlsFailure.ts';
import { decodeRefusal, decodeWelcome, encodeHello, type Refusal, type Welcome } from '../../wire/peerCodec.ts';
import {
  decodePing,
  decodeTaken,
  encodeFrame,
  encodePing,
  FrameKind,
  FrameReader,
  MalformedFrameError,
  PAYLOAD_BYTES_MAX,
  PEER_PREFACE,
} from '../../wire/peerFrames.ts';
import {
  agreedVersion,
  does,
  explainVersions,
  OPENING_VERSION,
  OTHER_VERSION,
  rangeOf,
  type VersionRange,
} from '../../wire/peerVersions.ts';
import { explainMisfit, type Introduction, introductionOf, type Misfit } from '../identity/identity.ts';
import type { KeptIdentity } from '../identity/keptIdentity.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { checkedIntroduction, misfitNamed } from './introductions.ts';
import { Outbox } from './outbox.ts';
import { MessagePieces, type Outgoing } from './outgoing.ts';
import { SendWindow } from './sendWindow.ts';

/** Bytes that are handed to the socket before it has taken them: an urgent message stands behind these. */
const SOCKET_BYTES_MAX = 256 * 1024;
/** Frames that together are smaller than this leave as one piece of memory. */
const JOINED_BYTES_MAX = 16 * 1024;
/**
 * So long may a connection take, and then the peer to take up the link. Then it is asked whether it is there, every other such while, and
 * has as long to answer.
 */
const ANSWER_MS_MAX = 5_000;
const NO_BYTES = new Uint8Array(0);

const NOT_UNDERSTOOD = 'what listens there does not speak the protocol of peers';

/** Of what a peer says about itself, in our log. */
const REASON_LENGTH_MAX = 500;

export interface PeerLinkOptions<M> {
  readonly self: NodeId;
  readonly peer: NodeId;
  /** Of the peers' protocol, what is spoken here. */
  readonly speaks: VersionRange;
  readonly address: Address;
  readonly security: Security;
  readonly identity: KeptIdentity;
  readonly codec: MessageCodec<M>;
  readonly maxMessageBytes: number;
  readonly log: LimitedLog;
  /** Whether the process that says this of itself is still the one to be spoken to under its id. */
  readonly counts: (claim: Introduction) => boolean;
  /** The peer took our link: it has nothing against us. */
  readonly accepted: (peer: NodeId) => void;
  /** The link to the peer is lost: what it had against us is so no longer, unless `refused` follows. */
  readonly gone: (peer: NodeId) => void;
  /** The peer takes us for somebody who must not take part, for the reason given. */
  readonly refused: (peer: NodeId, misfit: Misfit, details: string) => void;
  /** What listens there took the connection and does not know our links: one of the original's servers, or another version. */
  readonly notUnderstood: () => void;
}

/** One connection to the peer, from its first byte to its last. */
interface Dialled {
  readonly socket: Socket;
  readonly window: SendWindow;
  readonly timer: NodeJS.Timeout;
  readonly reader: FrameReader;
  /** What came before the peer's preface was whole. */
  preface: Buffer;
  isConnected: boolean;
  /** The peer speaks as we do. */
  hasAnswered: boolean;
  /** Who took up the link; undefined until then. */
  welcomedBy: Introduction | undefined;
  /** Of the link; that of its beginning until it is taken up. */
  version: number;
  /** It was asked whether it is there, and something came since. */
  isAsked: boolean;
  heard: boolean;
  pings: number;
  pingedMs: number;
}

/** What is known of the way to a peer. */
export interface LinkFacts {
  readonly peer: NodeId;
  /** What the peer said that it speaks, when it last took up a link; undefined before. */
  readonly speaks: VersionRange | undefined;
  /** Of the link; undefined while there is none. */
  readonly version: number | undefined;
  /** Between the last ping and its pong; undefined where it is not known. */
  readonly roundTripMs: number | undefined;
}

/**
 * The way to one peer: a connection of our own frames (docs/peers.md), dialled when there is something to say. While it is
 * down messages are dropped, which engines expect of networks; it comes back by itself. What an engine lets overtake does not
 * wait behind large messages, here or at the socket. What is said in a turn leaves at its end, in one write.
 *
 * Nothing is said before the other end has said who it is, nor once another process is admitted in its place: engines match answers by
 * their terms, so a vote for the one would be taken for its own by the other (admission.ts).
 */
export class PeerLink<M> {
  private readonly options: PeerLinkOptions<M>;
  private readonly outbox = new Outbox();
  private dialled: Dialled | undefined;
  /** Peers are few: they need not spread. */
  private readonly backoff = new Backoff(PEER_RECONNECT_MIN_MS, PEER_RECONNECT_MAX_MS, () => 1);
  private pause: NodeJS.Timeout | undefined;
  private flushes = false;
  private closed = false;
  private reported = '';
  private peerSpeaks: VersionRange | undefined;
  private roundTripMs: number | undefined;

  constructor(options: PeerLinkOptions<M>) {
    this.options = options;
  }

  get facts(): LinkFacts {
    const { dialled, peerSpeaks, roundTripMs, options } = this;
    const version = dialled?.welcomedBy === undefined ? undefined : dialled.version;
    return { peer: options.peer, speaks: peerSpeaks, version, roundTripMs };
  }

  /** Messages of one turn, in order; `encoded` remembers what is said to others as well. */
  send(messages: readonly M[], encoded?: Map<M, Outgoing>): void {
    if (this.closed) return;
    const { dialled } = this;
    const end = dialled?.welcomedBy;
    if (end !== undefined && !this.options.counts(end)) this.lost(dialled!, 'another folder of it was admitted');
    if (this.dialled === undefined && this.pause !== undefined) return;
    this.dialled ??= this.dial();
    const { codec, maxMessageBytes } = this.options;
    for (const message of messages) {
      const mayOvertake = codec.mayOvertake(message);
      if (!this.outbox.hasRoom(mayOvertake)) continue;
      let bytes = encoded?.get(message);
      if (bytes === undefined) {
        bytes = encode(codec, message);
        encoded?.set(message, bytes);
      }
      if (bytes.length > maxMessageBytes) this.reportTooLarge(bytes.length);
      else this.outbox.add(bytes, mayOvertake);
    }
    if (this.flushes) return;
    this.flushes = true;
    process.nextTick(() => {
      this.flushes = false;
      this.flush();
    });
  }

  /** To send it would end the link, and the heartbeats with it. */
  private reportTooLarge(size: number): void {
    const { peer, log, maxMessageBytes } = this.options;
    const reason = `a message of ${size} bytes is not sent: a link takes ${maxMessageBytes}`;
    if (reason === this.reported) return;
    this.reported = reason;
    log.error({ peer }, reason);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.pause);
    if (this.dialled !== undefined) clearInterval(this.dialled.timer);
    this.dialled?.socket.destroy();
  }

  /** Hands to the socket what it may have: what overtakes first, then as much of the rest as the way carries. */
  private flush(): void {
    const { dialled, outbox } = this;
    if (dialled?.welcomedBy === undefined || outbox.waitingBytes === 0) return;
    const { socket, window } = dialled;
    const nowMs = performance.now();
    let bytes: number;
    do {
      const parts: Uint8Array[] = [];
      bytes = 0;
      const take = (frame: readonly Uint8Array[]) => {
        for (const part of frame) {
          parts.push(part);
          bytes += part.length;
          window.sent(part.length, nowMs);
        }
      };
      for (let frame = outbox.nextOvertaking(); frame !== undefined; frame = outbox.nextOvertaking()) take(frame);
      while (socket.writableLength + bytes < SOCKET_BYTES_MAX && window.isOpen) {
        const frame = outbox.nextOrdered();
        if (frame === undefined) break;
        take(frame);
      }
      write(socket, parts, bytes);
      // Where the kernel took all of it at once there may be room for more.
    } while (bytes > 0 && socket.writableLength === 0 && outbox.waitingBytes > 0);
  }

  private dial(): Dialled {
    const { self, peer, speaks, address, security, identity } = this.options;
    const socket = security.dial(address, peer);
    const dialled: Dialled = {
      socket,
      window: new SendWindow(),
      timer: setInterval(() => this.lookAfter(dialled), ANSWER_MS_MAX),
      reader: new FrameReader(PAYLOAD_BYTES_MAX, (kind, payload) => this.frame(dialled, kind, payload)),
      preface: Buffer.alloc(0),
      isConnected: false,
      hasAnswered: false,
      welcomedBy: undefined,
      version: OPENING_VERSION,
      isAsked: false,
      heard: false,
      pings: 0,
      pingedMs: 0,
    };
    dialled.timer.unref();
    const introduction = introductionOf(identity.identity);
    const hello = encodeHello({ from: self, to: peer, engine: introduction.engine, introduction }, speaks);
    dialled.window.sent(hello.length, performance.now());
    socket.write(Buffer.concat([PEER_PREFACE, hello]));
    onceConnected(socket, () => {
      dialled.isConnected = true;
      dialled.timer.refresh();
    });
    socket.on('data', (piece: Buffer) => this.take(dialled, piece));
    socket.on('drain', () => {
      if (this.dialled === dialled) this.flush();
    });
    socket.on('error', (error) => this.lost(dialled, explainTlsFailure(error.message)));
    socket.on('close', () => {
      this.lost(
        dialled,
        dialled.hasAnswered ? 'the peer ended the link' : 'the connection was closed before an answer came',
      );
    });
    return dialled;
  }

  private take(dialled: Dialled, piece: Buffer): void {
    if (this.dialled !== dialled) return;
    dialled.heard = true;
    try {
      const rest = dialled.hasAnswered ? piece : this.afterPreface(dialled, piece);
      if (rest !== undefined) dialled.reader.push(rest);
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error;
      this.lost(dialled, error.message);
    }
  }

  private afterPreface(dialled: Dialled, piece: Buffer): Buffer | undefined {
    dialled.preface = Buffer.concat([dialled.preface, piece]);
    const { preface } = dialled;
    const common = Math.min(preface.length, PEER_PREFACE.length);
    if (preface.compare(PEER_PREFACE, 0, common, 0, common) !== 0) throw new MalformedFrameError(NOT_UNDERSTOOD);
    if (common < PEER_PREFACE.length) return undefined;
    dialled.hasAnswered = true;
    return preface.subarray(common);
  }

  private frame(dialled: Dialled, kind: FrameKind, payload: Uint8Array): void {
    if (this.dialled !== dialled) return;
    if (kind === FrameKind.Refusal) this.wasRefused(dialled, decodeRefusal(payload));
    else if (kind === FrameKind.Welcome && dialled.welcomedBy === undefined) this.welcomed(dialled, payload);
    else if (kind === FrameKind.Taken && dialled.welcomedBy !== undefined) {
      dialled.window.taken(decodeTaken(payload), performance.now());
      this.flush();
    } else if (kind === FrameKind.Pong) this.ponged(dialled, payload);
    else {
      throw new MalformedFrameError(`a frame of kind ${kind}, which an acceptor does not send there`);
    }
  }

  private welcomed(dialled: Dialled, payload: Uint8Array): void {
    const { peer, speaks, identity, log, address, accepted } = this.options;
    const welcome = decodeWelcome(payload);
    const claim = checkedIntroduction(welcome.introduction);
    const misfit = this.whyNot(welcome, claim);
    if (misfit !== undefined) {
      if (misfit !== this.reported) log.error({ peer }, `refused to speak to a peer: ${misfit}`);
      this.lost(dialled, undefined);
      this.reported = misfit;
      return;
    }
    const version = agreedVersion(speaks, welcome)!;
    dialled.welcomedBy = claim;
    dialled.version = version;
    dialled.reader.version = version;
    this.outbox.version = version;
    this.peerSpeaks = rangeOf(welcome);
    this.backoff.reset();
    this.reported = '';
    const { cluster } = identity.identity;
    log.info({ peer, address: formatAddress(address), cluster: cluster || 'not known', version }, 'connected to peer');
    accepted(peer);
    if (does(version, 'namedPings')) {
      this.ping(dialled);
      // It has its whole time to answer, however late it took up the link.
      dialled.timer.refresh();
    }
    this.flush();
  }

  /** Why nothing is said to whoever answers so. */
  private whyNot(welcome: Welcome, claim: Introduction | undefined): string | undefined {
    const { self, peer, speaks } = this.options;
    if (claim?.id !== peer) return `what answers there is not server ${peer}`;
    if (agreedVersion(speaks, welcome) === undefined) return explainVersions(self, speaks, peer, welcome);
    return this.misfitOf(claim);
  }

  private misfitOf(claim: Introduction): string | undefined {
    const { identity, counts } = this.options;
    const own = identity.identity;
    try {
      const misfit = identity.meet(claim);
      if (misfit !== undefined) return explainMisfit(misfit, own, claim);
      return counts(claim) ? undefined : `another folder of server ${claim.id} is being admitted`;
    } catch (error) {
      return `whom it speaks to cannot be noted: ${(error as Error).message}`;
    }
  }

  private wasRefused(dialled: Dialled, { code, details, reason }: Refusal): void {
    const { peer, log, refused } = this.options;
    const words = printable(details, REASON_LENGTH_MAX);
    if (code === status.FAILED_PRECONDITION && words !== this.reported) {
      log.error({ peer }, `peer refuses us: ${words}`);
      this.reported = words;
    }
    this.lost(dialled, words);
    if (reason === OTHER_VERSION) this.peerSpeaks = undefined;
    const misfit = misfitNamed(reason);
    if (misfit !== undefined) refused(peer, misfit, details);
  }

  /** A peer that is gone without a word is noticed by its silence. */
  private lookAfter(dialled: Dialled): void {
    if (dialled.welcomedBy === undefined) this.lost(dialled, `no welcome in ${ANSWER_MS_MAX / 1000} s`);
    else if (!dialled.isAsked) this.ping(dialled);
    else if (dialled.heard) dialled.isAsked = false;
    else this.lost(dialled, `it does not answer for ${ANSWER_MS_MAX / 1000} s`);
  }

  private ping(dialled: Dialled): void {
    const { version, window, socket } = dialled;
    const isNamed = does(version, 'namedPings');
    const ping = isNamed
      ? encodePing(FrameKind.Ping, ++dialled.pings, version)
      : encodeFrame(FrameKind.Ping, NO_BYTES, version);
    dialled.heard = false;
    dialled.isAsked = true;
    dialled.pingedMs = performance.now();
    window.sent(ping.length, dialled.pingedMs);
    socket.write(ping);
  }

  /** Without a name it may answer an earlier ping, and says nothing of the time. */
  private ponged({ version, pings, pingedMs }: Dialled, payload: Uint8Array): void {
    if (does(version, 'namedPings') && decodePing(payload) === pings) this.roundTripMs = performance.now() - pingedMs;
  }

  /** What waited is forgotten; undefined where the reason was told. */
  private lost(dialled: Dialled, reason: string | undefined): void {
    if (this.dialled !== dialled || this.closed) return;
    this.dialled = undefined;
    this.roundTripMs = undefined;
    this.outbox.clear();
    clearInterval(dialled.timer);
    dialled.socket.destroy();
    if (reason !== undefined) this.report(reason);
    this.options.gone(this.options.peer);
    this.pause = setTimeout(() => {
      this.pause = undefined;
    }, this.backoff.nextMs());
    this.pause.unref();
    if (!dialled.isConnected || dialled.hasAnswered) return;
    // Whoever said what it speaks is not there any more.
    this.peerSpeaks = undefined;
    this.options.notUnderstood();
  }

  /** Says once why a peer is out of reach, not at every attempt. */
  private report(reason: string): void {
    const { peer, log } = this.options;
    if (reason === this.reported) return;
    this.reported = reason;
    log.warn({ peer }, `peer is out of reach: ${reason}`);
  }
}

/** What is large in it is not copied: a first touch of memory of many MiB takes a thread tens of milliseconds, and more. */
function encode<M>(codec: MessageCodec<M>, message: M): Outgoing {
  const pieces = codec.encodeLarge(message);
  return pieces === undefined ? codec.encode(message) : new MessagePieces(pieces);
}

function write(socket: Socket, parts: readonly Uint8Array[], bytes: number): void {
  if (parts.length === 1) socket.write(parts[0]!);
  else if (bytes < JOINED_BYTES_MAX) socket.write(Buffer.concat(parts, bytes));
  else {
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
  }
}

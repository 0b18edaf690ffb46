import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { MalformedMessageError } from '../../consensus/contract.ts';
import { THE_GROUP } from '../../wire/group.ts';
import { decodeHello, encodeRefusal, type Hello, type Refusal } from '../../wire/peerCodec.ts';
import {
  decodeMessages,
  decodePing,
  encodeFrame,
  encodePing,
  encodeTaken,
  FrameKind,
  FrameReader,
  MalformedFrameError,
  PAYLOAD_BYTES_MAX,
  PEER_PREFACE,
} from '../../wire/peerFrames.ts';
import { does, OPENING_VERSION } from '../../wire/peerVersions.ts';
import { farewell } from '../net/farewell.ts';
import { LargeMessage } from './largeMessage.ts';

/** A hello names one server and its last starts. */
const HELLO_BYTES_MAX = 8 * 1024;
/** What connects says hello at once. */
const HELLO_MS_MAX = 5_000;
/** A peer that is there says something more often: it asks whether this side is. */
export const SILENCE_MS_MAX = 30_000;
/** The other end has this long to read why its link ends. */
const FAREWELL_MS = 1_000;
/** How often the peer is told how much was taken in: often enough that its window never waits for it. */
const TAKEN_EVERY_BYTES = 128 * 1024;
/** Of what this side says, that the other end has not read. */
const UNREAD_BYTES_MAX = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

/** A link that is taken up. */
export interface TakenUp {
  readonly welcome: Buffer;
  /** Of all frames that follow, either way. */
  readonly version: number;
}

export interface AcceptedLinkOptions {
  readonly maxMessageBytes: number;
  /** The first frame: runs `then` once what it says can be judged. Until then nothing more is read. */
  readonly weigh: (hello: Hello, then: () => void) => void;
  /** Returns what to answer it with, or why not. */
  readonly greet: (hello: Hello) => TakenUp | Refusal;
  /** Throws MalformedMessageError. */
  readonly receive: (message: Uint8Array) => void;
  /** A frame of a group that is not served here was left out. */
  readonly strange: (group: number) => void;
  /** This link makes the server hold so many bytes more than before. */
  readonly grew: (bytes: number) => void;
  /** Its end was refused by this side. */
  readonly refused: (refusal: Refusal) => void;
  readonly closed: () => void;
}

/** A connection that a peer dialled: it hears what comes, and says little. What is wrong with it ends it and nothing else. */
export class AcceptedLink {
  private readonly socket: Socket;
  private readonly options: AcceptedLinkOptions;
  private readonly reader: FrameReader;
  private readonly large: LargeMessage;
  private greeted = false;
  private version = OPENING_VERSION;
  /** What came with the hello, while that is weighed. */
  private early: Parameters<AcceptedLink['frame']>[] | undefined;
  private ended = false;
  private heard = false;
  private takenBytes = 0;
  private toldBytes = 0;
  /** The last ping of the turn, as far as it has a name: one pong answers all, for a flood of them would take it from others. */
  private pinged: number | undefined;
  private timer: NodeJS.Timeout;

  /** The preface was taken off. */
  constructor(socket: Socket, options: AcceptedLinkOptions) {
    this.socket = socket;
    this.options = options;
    this.large = new LargeMessage(options.maxMessageBytes);
    this.reader = new FrameReader(HELLO_BYTES_MAX, (kind, payload, group) => this.frame(kind, payload, group));
    this.timer = setTimeout(() => this.refuse(unavailable('no hello came')), HELLO_MS_MAX);
    this.timer.unref();
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('data', (piece: Buffer) => this.take(piece));
    socket.on('close', () => this.over());
  }

  /** Bytes of messages and frames that are not whole. */
  get heldBytes(): number {
    return this.reader.heldBytes + this.large.heldBytes;
  }

  /** Ends the link, and says why to the other end. */
  refuse(refusal: Refusal): void {
    if (this.ended) return;
    this.over();
    this.options.refused(refusal);
    if (this.greeted) farewell(this.socket, encodeRefusal(refusal, this.version), FAREWELL_MS);
    else refuseLink(this.socket, refusal);
  }

  destroy(): void {
    this.over();
    this.socket.destroy();
  }

  private over(): void {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.timer);
    this.options.closed();
  }

  private take(piece: Buffer): void {
    if (this.ended) return;
    this.heard = true;
    this.guarded(() => this.reader.push(piece));
    if (this.ended) return;
    if (this.pinged !== undefined) {
      this.say(this.pong(this.pinged));
      this.pinged = undefined;
    }
    if (this.heldBytes > 0) this.options.grew(piece.length);
    this.takenBytes += piece.length;
    if (this.takenBytes - this.toldBytes < TAKEN_EVERY_BYTES) return;
    this.toldBytes = this.takenBytes;
    if (!this.ended) this.say(encodeTaken(this.takenBytes, this.version));
  }

  /** What cannot be read, or no correct server says, ends the link. */
  private guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof MalformedFrameError || error instanceof MalformedMessageError)) throw error;
      this.refuse({ code: status.INVALID_ARGUMENT, details: error.message, reason: '' });
    }
  }

  private frame(kind: FrameKind, payload: Uint8Array, group: number): void {
    if (this.ended) return;
    if (this.early !== undefined) {
      this.early.push([kind, payload.slice(), group]);
      return;
    }
    if (!this.greeted) {
      this.hello(kind, payload);
      return;
    }
    if (group !== THE_GROUP) {
      this.options.strange(group);
      return;
    }
    switch (kind) {
      case FrameKind.Messages:
        for (const message of decodeMessages(payload)) if (!this.ended) this.options.receive(message);
        return;
      case FrameKind.LargeBegin:
        this.large.begin(payload);
        return;
      case FrameKind.LargeMore: {
        const message = this.large.more(payload);
        if (message !== undefined) this.options.receive(message);
        return;
      }
      case FrameKind.Ping:
        this.pinged = does(this.version, 'namedPings') ? decodePing(payload) : 0;
        return;
      default:
        throw new MalformedFrameError(`a frame of kind ${kind}, which a dialler does not send there`);
    }
  }

  private pong(name: number): Buffer {
    const { version } = this;
    if (does(version, 'namedPings')) return encodePing(FrameKind.Pong, name, version);
    return encodeFrame(FrameKind.Pong, NO_BYTES, version);
  }

  private hello(kind: FrameKind, payload: Uint8Array): void {
    if (kind !== FrameKind.Hello) throw new MalformedFrameError("a peer's first frame must say hello");
    const hello = decodeHello(payload);
    clearTimeout(this.timer);
    this.reader.payloadBytesMax = PAYLOAD_BYTES_MAX;
    this.early = [];
    this.socket.pause();
    this.options.weigh(hello, () => {
      if (!this.ended) this.guarded(() => this.greet(hello));
    });
  }

  private greet(hello: Hello): void {
    const { early = [] } = this;
    this.early = undefined;
    const answer = this.options.greet(hello);
    if (!('welcome' in answer)) {
      this.refuse(answer);
      return;
    }
    this.socket.write(Buffer.concat([PEER_PREFACE, answer.welcome]));
    this.greeted = true;
    this.version = answer.version;
    this.reader.version = answer.version;
    if (early.length > 0 && answer.version !== OPENING_VERSION) {
      throw new MalformedFrameError(`a frame of peer protocol version ${OPENING_VERSION}, expected ${answer.version}`);
    }
    this.timer = setInterval(() => this.checkSilence(), SILENCE_MS_MAX / 2);
    this.timer.unref();
    for (const frame of early) this.frame(...frame);
    this.socket.resume();
  }

  /** A peer reads what it is told: one that does not would make this side keep it. */
  private say(frame: Buffer): void {
    if (this.socket.writableLength > UNREAD_BYTES_MAX) this.destroy();
    else this.socket.write(frame);
  }

  private checkSilence(): void {
    if (!this.heard) this.refuse(unavailable(`nothing came for ${SILENCE_MS_MAX / 2000} s and more`));
    this.heard = false;
  }
}

/** Ends a connection on which this side has said nothing yet. */
export function refuseLink(socket: Socket, refusal: Refusal): void {
  socket.on('error', () => {});
  farewell(socket, Buffer.concat([PEER_PREFACE, encodeRefusal(refusal)]), FAREWELL_MS);
}

export function unavailable(details: string): Refusal {
  return { code: status.UNAVAILABLE, details, reason: '' };
}

import { type ServerDuplexStream, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { MalformedMessageError, type MessageCodec, type NodeId, type Refusal } from '../../consensus/contract.ts';
import {
  type Acquaintance,
  type Hello,
  type Introduction as IntroductionMessage,
  Welcome,
} from '../../wire/generated/peer.ts';
import { decodeFrame, MalformedFrameError, PEER_PROTOCOL_VERSION } from '../../wire/peerCodec.ts';
import type { Connection } from '../admission/connection.ts';
import { explainMisfit, introductionOf, misfitOf } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import { type ShutOut, ShutOuts } from '../identity/shutOuts.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { checkedIntroduction, knownMessages, reasonMetadata } from './introductions.ts';

export interface PeerAcceptorOptions<M> {
  readonly self: NodeId;
  readonly serverCount: number;
  readonly identity: IdentityFile;
  readonly codec: MessageCodec<M>;
  readonly log: LimitedLog;
  readonly receive: (from: NodeId, message: M) => Refusal | undefined;
  /** The connection of the stream that is being accepted. */
  readonly connection?: () => Connection | undefined;
}

interface Misfitting {
  readonly code: status;
  readonly details: string;
  readonly reason: string;
}

/**
 * Takes the streams that peers dial. A peer that does not fit, or that sends what we cannot read or no correct server
 * sends, loses its stream and nothing else. A server has one stream at a time: with a new one the one before is of an earlier life.
 */
export class PeerAcceptor<M> {
  private readonly options: PeerAcceptorOptions<M>;
  private readonly streams = new Map<NodeId, (details: string) => void>();
  private readonly shutOuts = new ShutOuts();

  constructor(options: PeerAcceptorOptions<M>) {
    this.options = options;
  }

  /** Hears nothing from server `id`, which asks for admission, until it is over; for what follows see ShutOut. */
  shutOut(id: NodeId): ShutOut {
    const shutOut = this.shutOuts.begin(id);
    this.streams.get(id)?.(`server ${id} is being admitted again`);
    return shutOut;
  }

  /** Whether nothing of this server may be used. */
  isDeafTo(id: NodeId): boolean {
    return this.shutOuts.isDeafTo(id, this.options.identity.identity);
  }

  accept(call: ServerDuplexStream<Buffer, Buffer>): void {
    const { codec, log, receive, identity } = this.options;
    let from: NodeId = 0;
    let refused = false;
    const connection = this.options.connection?.();
    const refuse = ({ code, details, reason }: Misfitting) => {
      refused = true;
      log.warn({ peer: from || undefined, from: call.getPeer() }, `refused a peer's stream: ${details}`);
      call.emit('error', { code, details, metadata: reasonMetadata(reason) });
    };
    const end = (details: string) => refuse({ code: status.UNAVAILABLE, details, reason: '' });
    call.on('data', (bytes: Buffer) => {
      if (refused) return;
      try {
        const { hello, messages } = decodeFrame(bytes);
        if (from === 0) {
          const misfit = this.whatMisfits(hello);
          if (misfit !== undefined) {
            refuse(misfit);
            return;
          }
          from = hello!.from;
          if (connection !== undefined) connection.isPeer = true;
          this.streams.get(from)?.('a newer stream takes its place');
          this.streams.set(from, end);
          const introduction = introductionOf(identity.identity);
          call.write(Buffer.from(Welcome.encode({ version: PEER_PROTOCOL_VERSION, introduction }).finish()));
        }
        for (const message of messages) {
          const refusal = receive(from, codec.decode(message));
          if (refusal?.malformed) throw new MalformedMessageError(refusal.reason);
        }
      } catch (error) {
        if (!(error instanceof MalformedFrameError || error instanceof MalformedMessageError)) throw error;
        refuse({ code: status.INVALID_ARGUMENT, details: error.message, reason: '' });
      }
    });
    const over = () => {
      if (this.streams.get(from) === end) this.streams.delete(from);
    };
    call.on('error', over);
    call.on('cancelled', over);
    call.on('end', () => {
      over();
      call.end();
    });
  }

  private whatMisfits(hello: Hello | undefined): Misfitting | undefined {
    const { self, serverCount, identity } = this.options;
    const misfit = (details: string, reason = '') => ({ code: status.FAILED_PRECONDITION, details, reason });
    if (hello === undefined) return misfit("a peer's first frame must say hello");
    if (hello.version !== PEER_PROTOCOL_VERSION) {
      return misfit(`peer protocol version ${hello.version}, expected ${PEER_PROTOCOL_VERSION}`);
    }
    if (hello.to !== self) return misfit(`this is server ${self}, not server ${hello.to}: check -servers and -id`);
    if (hello.from < 1 || hello.from > serverCount || hello.from === self) {
      return misfit(`server ${hello.from} is not one of the other ${serverCount - 1} servers of -servers`);
    }
    const claim = checkedIntroduction(hello.introduction);
    if (claim?.id !== hello.from || !claim.isMember) return misfit(`server ${hello.from} does not say who it is`);
    if (this.shutOuts.bars(claim, identity.identity)) {
      return { code: status.UNAVAILABLE, details: `server ${claim.id} is being admitted again`, reason: '' };
    }
    const own = identity.identity;
    try {
      const found = identity.meet(claim);
      return found === undefined ? undefined : misfit(explainMisfit(found, own, claim), found);
    } catch (error) {
      const details = `server ${self} cannot note whom it speaks to: ${(error as Error).message}`;
      return { code: status.UNAVAILABLE, details, reason: '' };
    }
  }
}

export interface IntroductionFacts {
  readonly identity: IdentityFile;
  /** Whether a server is a voter, as far as this one knows. */
  isVoter(id: NodeId): boolean;
  leader(): NodeId;
}

/**
 * Answers who this is, and what it has against the one that asks; also while it does not take part yet. A member whose start
 * is not on disk yet does not answer: who notes a start that is then lost would refuse all that come after it.
 */
export function introduce(
  { identity, isVoter, leader }: IntroductionFacts,
  { request }: ServerUnaryCall<IntroductionMessage, Acquaintance>,
  done: sendUnaryData<Acquaintance>,
): void {
  const claim = checkedIntroduction(request);
  if (claim === undefined || claim.id === identity.identity.id) {
    done({ code: status.INVALID_ARGUMENT, details: 'not an introduction of another server' });
    return;
  }
  if (!identity.counts) {
    done({ code: status.UNAVAILABLE, details: `server ${identity.identity.id} is starting` });
    return;
  }
  let misfit = misfitOf(identity.identity, claim);
  try {
    misfit = identity.meet(claim);
  } catch {
    // A disk that is full: the answer is as true as it was, and messages would be refused.
  }
  done(null, {
    introduction: introductionOf(identity.identity),
    misfit: misfit ?? '',
    isVoter: isVoter(claim.id),
    leader: leader(),
    known: knownMessages(identity.identity.known),
  });
}

import type { Socket } from 'node:net';
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  MalformedMessageError,
  type MessageCodec,
  type Refusal as MessageRefusal,
  type NodeId,
} from '../../consensus/contract.ts';
import type { Fences } from '../../wire/fence.ts';
import type { Acquaintance, Introduction as IntroductionMessage } from '../../wire/generated/peer.ts';
import { encodeWelcome, type Hello, type Refusal } from '../../wire/peerCodec.ts';
import { agreedVersion, explainVersions, OTHER_VERSION, type VersionRange } from '../../wire/peerVersions.ts';
import type { Connection } from '../admission/connection.ts';
import { impersonation } from '../admission/permissions.ts';
import { passes, stillCounts } from '../identity/fences.ts';
import { type Hearsay, UNCONFIRMED } from '../identity/hearsay.ts';
import { type Introduction, introductionOf, type Misfit, misfitOf } from '../identity/identity.ts';
import type { KeptIdentity } from '../identity/keptIdentity.ts';
import { type ShutOut, ShutOuts } from '../identity/shutOuts.ts';
import type { Wish } from '../identity/startDecision.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { AcceptedLink, unavailable } from './acceptedLink.ts';
import { checkedIntroduction, knownMessages } from './introductions.ts';

export interface PeerAcceptorOptions<M> {
  readonly self: NodeId;
  readonly serverCount: number;
  /** Of the peers' protocol, what is spoken here. */
  readonly speaks: VersionRange;
  readonly identity: KeptIdentity;
  readonly hearsay: Hearsay;
  readonly codec: MessageCodec<M>;
  readonly maxMessageBytes: number;
  readonly log: LimitedLog;
  /** Those in force here. */
  readonly fences: () => Fences;
  /** `counts`: whether its sender is still to be heard. */
  readonly receive: (from: NodeId, message: M, counts: () => boolean, bytes: number) => MessageRefusal | undefined;
}

/**
 * Takes the links that peers dial. A peer that does not fit, or that sends what we cannot read or no correct server
 * sends, loses its link and nothing else. A server has one link at a time: with a new one the one before is of an earlier life.
 */
export class PeerAcceptor<M> {
  private readonly options: PeerAcceptorOptions<M>;
  private readonly links = new Map<NodeId, AcceptedLink>();
  /** Also those that did not say hello yet. */
  private readonly open = new Set<AcceptedLink>();
  private readonly shutOuts = new ShutOuts();

  constructor(options: PeerAcceptorOptions<M>) {
    this.options = options;
  }

  /** Hears nothing from a server that asks for admission until it is over; for what follows see ShutOut. */
  shutOut(asker: Introduction): ShutOut {
    const { id } = asker;
    const shutOut = this.shutOuts.begin(asker);
    this.links.get(id)?.refuse(unavailable(`server ${id} is being admitted again`));
    return shutOut;
  }

  /** Whether nothing of this server may be used, as far as is known without asking who it is. */
  isDeafTo(id: NodeId): boolean {
    const own = this.options.identity.identity;
    const known = own.known.get(id);
    const isFenced = known !== undefined && !passes(this.options.fences().get(id), known);
    return isFenced || this.shutOuts.isDeafTo(id, own);
  }

  /** What a server says at its own address is true: an admission that it asked for before it took part keeps it out no longer. */
  met(claim: Introduction): void {
    this.shutOuts.met(claim);
  }

  /** Whether what this process says still counts. */
  counts(claim: Introduction): boolean {
    return stillCounts(this.options.identity.identity, this.options.fences(), claim);
  }

  /** `connection`: what the front door knows of the socket, whose preface was taken off. */
  accept(socket: Socket, connection?: Connection): void {
    const { codec, log, receive, identity, hearsay, maxMessageBytes, speaks } = this.options;
    const address = `${socket.remoteAddress}:${socket.remotePort}`;
    let from: NodeId = 0;
    let claim: Introduction | undefined;
    const counts = () => this.counts(claim!) && !this.isDeafTo(from);
    const link = new AcceptedLink(socket, {
      maxMessageBytes,
      weigh: (hello, then) => {
        claim = checkedIntroduction(hello.introduction);
        if (claim === undefined || this.whyNot(hello, claim, connection) !== undefined) then();
        else hearsay.settle(claim, then);
      },
      greet: (hello) => {
        const refusal = this.whyNot(hello, claim, connection) ?? this.whatMisfits(claim!);
        if (refusal !== undefined) return refusal;
        this.met(claim!);
        from = hello.from;
        connection?.becamePeer(() => link.heldBytes);
        this.links.get(from)?.refuse(unavailable('a newer link takes its place'));
        this.links.set(from, link);
        const welcome = encodeWelcome({ introduction: introductionOf(identity.identity) }, speaks);
        return { welcome, version: agreedVersion(speaks, hello)! };
      },
      receive: (message) => {
        if (!this.counts(claim!)) {
          link.refuse(unavailable(`another folder of server ${from} was admitted`));
          return;
        }
        const refusal = receive(from, codec.decode(message), counts, message.length);
        if (refusal?.malformed) throw new MalformedMessageError(refusal.reason);
      },
      strange: (group) => log.warn({ peer: from, group }, "left a peer's message out: its group is not served here"),
      grew: (bytes) => connection?.held(bytes),
      refused: ({ details }) =>
        log.warn({ peer: from || undefined, from: address }, `refused a peer's link: ${details}`),
      closed: () => {
        this.open.delete(link);
        if (this.links.get(from) === link) this.links.delete(from);
      },
    });
    this.open.add(link);
  }

  /** Ends all links. */
  close(): void {
    for (const link of this.open) link.destroy();
  }

  /** Why whoever says this is not met. */
  private whyNot(
    hello: Hello,
    claim: Introduction | undefined,
    connection: Connection | undefined,
  ): Refusal | undefined {
    const { self, serverCount, identity, speaks } = this.options;
    if (agreedVersion(speaks, hello) === undefined) {
      return misfit(explainVersions(self, speaks, hello.from, hello), OTHER_VERSION);
    }
    if (hello.to !== self) return misfit(`this is server ${self}, not server ${hello.to}: check -servers and -id`);
    if (hello.from < 1 || hello.from > serverCount || hello.from === self) {
      return misfit(`server ${hello.from} is not one of the other ${serverCount - 1} servers of -servers`);
    }
    const objection = connection === undefined ? undefined : impersonation(connection.party, hello.from);
    if (objection !== undefined) return misfit(objection);
    if (claim?.id !== hello.from || !claim.isMember) return misfit(`server ${hello.from} does not say who it is`);
    const isShutOut = this.shutOuts.refuses(claim, identity.identity);
    if (!isShutOut && passes(this.options.fences().get(claim.id), claim)) return undefined;
    return unavailable(`server ${claim.id} is being admitted again`);
  }

  private whatMisfits(claim: Introduction): Refusal | undefined {
    const { hearsay } = this.options;
    const objection = hearsay.objectionTo(claim);
    if (objection === undefined) return undefined;
    const words = hearsay.explain(objection, claim);
    return objection === UNCONFIRMED ? unavailable(words) : misfit(words, objection);
  }
}

function misfit(details: string, reason = ''): Refusal {
  return { code: status.FAILED_PRECONDITION, details, reason };
}

export interface IntroductionFacts {
  readonly identity: KeptIdentity;
  readonly hearsay: Hearsay;
  readonly wish: Wish;
  /** Of `-servers`: what says that it is another one is told who this is, and nothing of it is noted. */
  readonly serverCount: number;
  /** Whether a server is a voter, as far as this one knows. */
  isVoter(id: NodeId): boolean;
  leader(): NodeId;
}

/**
 * Answers who this is, and what it has against the one that asks; also while it does not take part yet, but see
 * `KeptIdentity.answers`. Where there is something new in what that one says of itself, it has to be noted before.
 */
export function introduce(
  { identity, hearsay, wish, serverCount, isVoter, leader }: IntroductionFacts,
  { request }: ServerUnaryCall<IntroductionMessage, Acquaintance>,
  done: sendUnaryData<Acquaintance>,
): void {
  const claim = checkedIntroduction(request);
  if (claim === undefined || claim.id === identity.identity.id) {
    done({ code: status.INVALID_ARGUMENT, details: 'not an introduction of another server' });
    return;
  }
  if (!identity.answers(claim)) {
    done({ code: status.UNAVAILABLE, details: `server ${identity.identity.id} is starting` });
    return;
  }
  const answer = (misfit: Misfit | undefined) =>
    done(null, {
      introduction: introductionOf(identity.identity),
      misfit: misfit ?? '',
      isVoter: isVoter(claim.id),
      leader: leader(),
      known: knownMessages(identity.identity.known),
      ...wish,
    });
  if (claim.id > serverCount) {
    answer(misfitOf(identity.identity, claim));
    return;
  }
  hearsay.settle(claim, () => {
    const objection = hearsay.objectionTo(claim);
    if (objection !== UNCONFIRMED) answer(objection);
    else done({ code: status.UNAVAILABLE, details: hearsay.explain(objection, claim) });
  });
}

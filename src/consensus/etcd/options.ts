import type { EngineInit, NodeId } from '../contract.ts';
import type { TickClock } from './clock.ts';
import { APPLYING_BYTES_MAX, INFLIGHT_BYTES_MAX, INFLIGHT_MESSAGES_MIN } from './limits.ts';

export const ReadMode = {
  /** Every read is confirmed by a majority. */
  Safe: 'safe',
  /** The leader trusts that no other was elected within an election timeout. Clocks must not drift; needs checkQuorum. */
  LeaseBased: 'lease-based',
} as const;
export type ReadMode = (typeof ReadMode)[keyof typeof ReadMode];

/** How one node behaves. Sizes are bytes; Infinity switches a limit off. */
export interface RaftOptions {
  readonly id: NodeId;
  /** Ticks without a leader until an election; each one waits for a random number of ticks from this to twice this. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** For how many ticks a large message may be on its way; Infinity: that is not taken into account. */
  readonly tickMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Entries in one append message. */
  readonly entriesPerMessageMax: number;
  readonly messageBytesMax: number;
  /** Handed out to be applied and not applied yet. */
  readonly applyingBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly checkQuorum: boolean;
  readonly preVote: boolean;
  /** Refuse pre-votes while a leader was heard from, also without checkQuorum (thesis §4.2.3). */
  readonly preVoteLease: boolean;
  readonly readMode: ReadMode;
  /** Storage writes are answered by messages of the local threads, instead of being done when `advance` is called. */
  readonly asyncStorageWrites: boolean;
  /**
   * Committed entries are handed out as soon as a quorum holds them, even while this node's own write of them is in progress.
   * Without asynchronous storage writes that is always so: the caller writes before it applies.
   */
  readonly applyUnstable: boolean;
  readonly disableProposalForwarding: boolean;
  /** Lets membership changes into the log that do not fit the present configuration. */
  readonly disableConfChangeValidation: boolean;
  readonly stepDownOnRemoval: boolean;
  /**
   * Appends to one follower that fall together in one turn are sent as one, none for the commit index alone, and no heartbeat
   * to who was just sent an append.
   */
  readonly coalesceAppends: boolean;
  /** Answers tell the sender's commit index: to the leader, and with the refusal of a vote to the candidate. */
  readonly shareCommit: boolean;
}

export const DEFAULT_OPTIONS: Omit<RaftOptions, 'id' | 'random'> = {
  electionTicks: 10,
  heartbeatTicks: 1,
  tickMs: Number.POSITIVE_INFINITY,
  entriesPerMessageMax: Number.POSITIVE_INFINITY,
  messageBytesMax: Number.POSITIVE_INFINITY,
  applyingBytesMax: Number.POSITIVE_INFINITY,
  inflightMessagesMax: 256,
  inflightBytesMax: Number.POSITIVE_INFINITY,
  checkQuorum: false,
  preVote: false,
  preVoteLease: false,
  readMode: ReadMode.Safe,
  asyncStorageWrites: false,
  applyUnstable: false,
  disableProposalForwarding: false,
  disableConfChangeValidation: false,
  stepDownOnRemoval: false,
  coalesceAppends: false,
  shareCommit: false,
};

/** How nodes differ from the default where they serve; src/consensus/etcd/testdata/ has transcripts of such nodes. */
export const SERVED = {
  preVote: true,
  preVoteLease: true,
  asyncStorageWrites: true,
  // A leader with a slow disk takes part in its quorum late, but knows what is committed, and in which configuration, first.
  applyUnstable: true,
  disableProposalForwarding: true,
  coalesceAppends: true,
  shareCommit: true,
} as const satisfies Partial<RaftOptions>;

/** The options contradict each other. */
export class InvalidOptionsError extends Error {
  override readonly name = 'InvalidOptionsError';
}

/** Throws InvalidOptionsError. */
export function checkOptions(options: RaftOptions): void {
  const { id, heartbeatTicks, electionTicks, inflightMessagesMax, inflightBytesMax, messageBytesMax } = options;
  if (!(id > 0)) throw new InvalidOptionsError(`id ${id}, expected a positive number`);
  if (!(heartbeatTicks > 0)) throw new InvalidOptionsError(`heartbeatTicks ${heartbeatTicks}, expected at least 1`);
  if (!(electionTicks > heartbeatTicks)) {
    throw new InvalidOptionsError(
      `electionTicks ${electionTicks}, expected more than heartbeatTicks ${heartbeatTicks}`,
    );
  }
  if (!(inflightMessagesMax > 0)) throw new InvalidOptionsError('inflightMessagesMax must be at least 1');
  if (inflightBytesMax < messageBytesMax && messageBytesMax !== Number.POSITIVE_INFINITY) {
    throw new InvalidOptionsError('inflightBytesMax must be at least messageBytesMax');
  }
  if (options.readMode === ReadMode.LeaseBased && !options.checkQuorum) {
    throw new InvalidOptionsError('lease-based reads need checkQuorum');
  }
}

/** The settings of all engines in this one's terms. */
export function optionsFor({ id, settings, random }: EngineInit, clock: TickClock): RaftOptions {
  const { batch, checkQuorum, catchUpMultiplier, entriesPerMessage, maxMessageBytes } = settings;
  const perMessage = batch ? entriesPerMessage : 1;
  return Object.assign({}, DEFAULT_OPTIONS, SERVED, {
    id,
    random,
    electionTicks: clock.electionTicks,
    heartbeatTicks: clock.heartbeatTicks,
    tickMs: clock.tickMs,
    entriesPerMessageMax: perMessage,
    messageBytesMax: maxMessageBytes,
    applyingBytesMax: APPLYING_BYTES_MAX,
    inflightMessagesMax: Math.max(
      INFLIGHT_MESSAGES_MIN,
      Math.floor((entriesPerMessage * catchUpMultiplier) / perMessage),
    ),
    inflightBytesMax: Math.max(INFLIGHT_BYTES_MAX, maxMessageBytes),
    checkQuorum,
  });
}

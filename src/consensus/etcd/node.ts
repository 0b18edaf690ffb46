import { type Configuration, EMPTY_HARD_STATE, type HardState, type NodeId, type Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import type { ConfChange } from './confChange.ts';
import { type InitialState, RaftCore } from './core.ts';
import { APPEND_THREAD, APPLY_THREAD, isLocal, isLocalThread, Message, MessageType } from './messages.ts';
import { checkOptions, type RaftOptions } from './options.ts';
import { entriesSize, type LogStorage } from './raftLog.ts';
import type { ReadState } from './readQueue.ts';
import { applyConfChange } from './reconfigure.ts';
import { flushAppends } from './replication.ts';
import type { RaftRole } from './role.ts';

/** Everything that a turn brought forth. The storage writes in it are in `messages`, too, where they are asynchronous. */
export interface Ready {
  /** Given where the leader or the role changed. */
  readonly softState: { readonly lead: NodeId; readonly role: RaftRole } | undefined;
  /** Given where it changed. */
  readonly hardState: HardState | undefined;
  readonly readStates: readonly ReadState[];
  /** To be written, after the snapshot. */
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  /** To be applied. */
  readonly committed: readonly Entry[];
  readonly messages: readonly Message[];
  /** Whether the hard state and the entries must be durable before anything that depends on them. */
  readonly mustSync: boolean;
}

/** Why a message was not taken. */
export const StepError = {
  ProposalDropped: 'raft proposal dropped',
  LocalMessage: 'raft: cannot step raft local message',
  PeerNotFound: 'raft: cannot step as peer not found',
} as const;
export type StepError = (typeof StepError)[keyof typeof StepError];

/**
 * A node: the state machine and the passing of its outputs to storage. `ready` hands over what is to be done. With
 * asynchronous storage writes the work goes to two local threads, as messages whose responses are to be delivered when the
 * work is done; each thread works in order. Otherwise the caller writes, sends, applies and then calls `advance`.
 */
export class RaftNode {
  readonly core: RaftCore;
  private lastHardState: HardState;
  private lastLead: NodeId;
  private lastRole: RaftRole;
  private pendingAdvance: Message[] = [];

  /** Throws InvalidOptionsError. */
  constructor(options: RaftOptions, storage: LogStorage, initial: InitialState) {
    checkOptions(options);
    this.core = new RaftCore(options, storage, initial);
    this.lastHardState = this.core.hardState;
    this.lastLead = this.core.lead;
    this.lastRole = this.core.role;
  }

  /** Takes a message from a peer or a local thread. */
  step(message: Message): StepError | undefined {
    if (isLocal(message.type) && !isLocalThread(message.from)) return StepError.LocalMessage;
    if (!this.core.knows(message)) return StepError.PeerNotFound;
    return this.core.step(message) ? undefined : StepError.ProposalDropped;
  }

  tick(): void {
    this.core.tick();
  }

  campaign(): void {
    this.stepLocal(MessageType.Hup);
  }

  propose(entries: readonly Entry[]): StepError | undefined {
    const message = new Message(MessageType.Propose, this.core.id);
    message.from = this.core.id;
    message.entries = entries;
    return this.core.step(message) ? undefined : StepError.ProposalDropped;
  }

  /** Asks for a linearizable read; `context` names it in the ReadState that follows. */
  readIndex(context: number): void {
    const message = new Message(MessageType.ReadIndex, this.core.id);
    message.from = this.core.id;
    message.readContext = context;
    this.core.step(message);
  }

  transferLeadership(to: NodeId): void {
    this.stepLocal(MessageType.TransferLeader, to);
  }

  forgetLeader(): void {
    this.stepLocal(MessageType.ForgetLeader);
  }

  /** The last message to `id` could not be sent. */
  reportUnreachable(id: NodeId): void {
    this.stepLocal(MessageType.Unreachable, id);
  }

  /** A snapshot sent to `id` was lost. */
  reportSnapshotFailure(id: NodeId): void {
    const message = new Message(MessageType.SnapshotStatus, this.core.id);
    message.from = id;
    message.reject = true;
    this.core.step(message);
  }

  /** A committed change takes effect; the configuration in force from here on. Throws ConfChangeError. */
  applyConfChange(change: ConfChange): Configuration {
    applyConfChange(this.core, change);
    return this.core.configuration;
  }

  get hasReady(): boolean {
    const { core } = this;
    return (
      core.lead !== this.lastLead ||
      core.role !== this.lastRole ||
      this.changedHardState() !== undefined ||
      core.outbox.length > 0 ||
      core.outboxAfterAppend.length > 0 ||
      core.readStates.length > 0 ||
      core.leader?.appendDue === true ||
      core.log.unstable.nextSnapshot() !== undefined ||
      core.log.unstable.inProgressEnd < core.log.unstable.end ||
      core.log.hasNextCommitted(this.appliesUnstable)
    );
  }

  /** What is to be done now. Everything in it counts as being done from here on. */
  ready(): Ready {
    const { core } = this;
    if (core.leader !== undefined) flushAppends(core, core.leader);
    const { unstable } = core.log;
    const changed = core.lead !== this.lastLead || core.role !== this.lastRole;
    const hardState = this.changedHardState();
    const entries = unstable.nextEntries();
    const ready: Ready = {
      softState: changed ? { lead: core.lead, role: core.role } : undefined,
      hardState,
      readStates: core.readStates,
      entries,
      snapshot: unstable.nextSnapshot(),
      committed: core.log.nextCommitted(this.appliesUnstable),
      mustSync:
        entries.length > 0 ||
        (hardState !== undefined &&
          (hardState.term !== this.lastHardState.term || hardState.vote !== this.lastHardState.vote)),
      messages: core.outbox,
    };
    if (core.options.asyncStorageWrites) this.addThreadMessages(ready);
    else this.addDirectMessages(ready);
    this.accept(ready);
    return ready;
  }

  /** The work of the last `ready` is done. Only without asynchronous storage writes. */
  advance(): void {
    const messages = this.pendingAdvance;
    this.pendingAdvance = [];
    for (const message of messages) this.core.step(message);
  }

  private get appliesUnstable(): boolean {
    const { asyncStorageWrites, applyUnstable } = this.core.options;
    return applyUnstable || !asyncStorageWrites;
  }

  private stepLocal(type: MessageType, from: NodeId = this.core.id): void {
    const message = new Message(type, this.core.id);
    message.from = from;
    this.core.step(message);
  }

  private changedHardState(): HardState | undefined {
    const { term, vote, log } = this.core;
    const last = this.lastHardState;
    if (term === last.term && vote === last.vote && log.committed === last.commit) return undefined;
    return this.core.hardState;
  }

  private accept(content: Ready): void {
    const { core } = this;
    core.outbox = [];
    core.outboxAfterAppend = [];
    if (content.readStates.length > 0) core.readStates = [];
    this.lastLead = core.lead;
    this.lastRole = core.role;
    if (content.hardState !== undefined) this.lastHardState = content.hardState;
    core.log.unstable.accept();
    const last = content.committed[content.committed.length - 1];
    if (last !== undefined) {
      core.log.acceptApplying(last.index, entriesSize(content.committed), this.appliesUnstable);
    }
  }

  /** To the outbox, which is what goes out. */
  private addThreadMessages(content: Ready): void {
    const { core } = this;
    const messages = core.outbox;
    const { hardState, entries, snapshot, committed } = content;
    if (hardState !== undefined || entries.length > 0 || snapshot !== undefined || core.outboxAfterAppend.length > 0) {
      const append = new Message(MessageType.StorageAppend, APPEND_THREAD);
      append.from = core.id;
      append.entries = entries;
      append.snapshot = snapshot;
      const { term, vote, commit } = hardState ?? EMPTY_HARD_STATE;
      append.term = term;
      append.vote = vote;
      append.commit = commit;
      const confirmation = this.appendConfirmation(snapshot);
      append.responses =
        confirmation === undefined ? core.outboxAfterAppend : [...core.outboxAfterAppend, confirmation];
      messages.push(append);
    }
    if (committed.length > 0) {
      const apply = new Message(MessageType.StorageApply, APPLY_THREAD);
      apply.from = core.id;
      apply.entries = committed;
      apply.responses = [this.applyConfirmation(committed)];
      messages.push(apply);
    }
  }

  private addDirectMessages(content: Ready): void {
    const { core } = this;
    const messages = core.outbox;
    for (const message of core.outboxAfterAppend) {
      (message.to === core.id ? this.pendingAdvance : messages).push(message);
    }
    const confirmation = this.appendConfirmation(content.snapshot);
    if (confirmation !== undefined) this.pendingAdvance.push(confirmation);
    if (content.committed.length > 0) this.pendingAdvance.push(this.applyConfirmation(content.committed));
  }

  /**
   * What tells that the log is durable as far as it reaches now. It is asked for with every write while entries are unstable,
   * not only with writes of entries: a confirmation of an earlier term is not believed, and without a further one entries
   * that outlive a change of term would stay unstable.
   */
  private appendConfirmation(snapshot: Snapshot | undefined): Message | undefined {
    const { core } = this;
    const { unstable } = core.log;
    if (unstable.entries.length === 0 && unstable.snapshot === undefined) return undefined;
    const confirmation = new Message(MessageType.StorageAppendResp, core.id);
    confirmation.from = APPEND_THREAD;
    confirmation.term = core.term;
    if (unstable.entries.length > 0) {
      confirmation.index = core.log.lastIndex;
      confirmation.logTerm = core.log.lastTerm;
    }
    confirmation.snapshot = snapshot;
    return confirmation;
  }

  private applyConfirmation(committed: readonly Entry[]): Message {
    const confirmation = new Message(MessageType.StorageApplyResp, this.core.id);
    confirmation.from = APPLY_THREAD;
    confirmation.entries = committed;
    return confirmation;
  }
}

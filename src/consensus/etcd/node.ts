import { type Configuration, EMPTY_HARD_STATE, type HardState, type NodeId, type Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { recordsSize } from '../entryCodec.ts';
import { startElection } from './election.ts';
import type { ConfChange } from './membership.ts';
import { APPEND_THREAD, APPLY_THREAD, isLocal, isLocalThread, isResponse, Message, MessageType } from './messages.ts';
import { checkOptions, type RaftOptions } from './options.ts';
import type { LogStorage } from './raftLog.ts';
import type { ReadState } from './readQueue.ts';
import { applyConfChange } from './reconfigure.ts';
import { flushAppends } from './replication.ts';
import { type InitialState, type RaftRole, RaftState } from './state.ts';
import { step, tick } from './step.ts';

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
  /** Whether the hard state and the entries must be durable before anything that depends on them. The transcripts print it. */
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
  readonly state: RaftState;
  private lastHardState: HardState;
  private lastLead: NodeId;
  private lastRole: RaftRole;
  private pendingAdvance: Message[] = [];

  /** Throws InvalidOptionsError. */
  constructor(options: RaftOptions, storage: LogStorage, initial: InitialState) {
    checkOptions(options);
    this.state = new RaftState(options, storage, initial);
    this.lastHardState = this.state.hardState;
    this.lastLead = this.state.lead;
    this.lastRole = this.state.role;
  }

  /** Takes a message from a peer or a local thread. */
  step(message: Message): StepError | undefined {
    if (isLocal(message.type) && !isLocalThread(message.from)) return StepError.LocalMessage;
    // Answers make sense only from members.
    const isStranger = !isLocalThread(message.from) && !this.state.members.progress.has(message.from);
    if (isStranger && isResponse(message.type)) return StepError.PeerNotFound;
    return step(this.state, message) ? undefined : StepError.ProposalDropped;
  }

  tick(): void {
    tick(this.state);
  }

  campaign(): void {
    startElection(this.state, false);
  }

  propose(entries: readonly Entry[]): StepError | undefined {
    const message = new Message(MessageType.Propose, this.state.id);
    message.entries = entries;
    return step(this.state, message) ? undefined : StepError.ProposalDropped;
  }

  /** Asks for a linearizable read; `context` names it in the ReadState that follows. */
  readIndex(context: number): void {
    const message = new Message(MessageType.ReadIndex, this.state.id);
    message.readContext = context;
    step(this.state, message);
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
    this.stepLocal(MessageType.SnapshotStatus, id);
  }

  /** A committed change takes effect; the configuration in force from here on. Throws ConfChangeError. */
  applyConfChange(change: ConfChange): Configuration {
    applyConfChange(this.state, change);
    return this.state.configuration;
  }

  get hasReady(): boolean {
    const { state } = this;
    return (
      state.lead !== this.lastLead ||
      state.role !== this.lastRole ||
      this.changedHardState() !== undefined ||
      state.outbox.length > 0 ||
      state.outboxAfterAppend.length > 0 ||
      state.readStates.length > 0 ||
      state.leader?.appendDue === true ||
      state.log.unstable.nextSnapshot() !== undefined ||
      state.log.unstable.inProgressEnd < state.log.unstable.end ||
      state.log.hasNextCommitted(this.appliesUnstable)
    );
  }

  /** What is to be done now. Everything in it counts as being done from here on. */
  ready(): Ready {
    const { state } = this;
    if (state.leader !== undefined) flushAppends(state, state.leader);
    const { unstable } = state.log;
    const changed = state.lead !== this.lastLead || state.role !== this.lastRole;
    const hardState = this.changedHardState();
    const entries = unstable.nextEntries();
    const ready: Ready = {
      softState: changed ? { lead: state.lead, role: state.role } : undefined,
      hardState,
      readStates: state.readStates,
      entries,
      snapshot: unstable.nextSnapshot(),
      committed: state.log.nextCommitted(this.appliesUnstable),
      mustSync:
        entries.length > 0 ||
        (hardState !== undefined &&
          (hardState.term !== this.lastHardState.term || hardState.vote !== this.lastHardState.vote)),
      messages: state.outbox,
    };
    if (state.options.asyncStorageWrites) this.addThreadMessages(ready);
    else this.addDirectMessages(ready);
    this.accept(ready);
    return ready;
  }

  /** The work of the last `ready` is done. Only without asynchronous storage writes. */
  advance(): void {
    const messages = this.pendingAdvance;
    this.pendingAdvance = [];
    for (const message of messages) step(this.state, message);
  }

  private get appliesUnstable(): boolean {
    const { asyncStorageWrites, applyUnstable } = this.state.options;
    return applyUnstable || !asyncStorageWrites;
  }

  private stepLocal(type: MessageType, from: NodeId = this.state.id): void {
    const message = new Message(type, this.state.id);
    message.from = from;
    step(this.state, message);
  }

  private changedHardState(): HardState | undefined {
    const { term, vote, log } = this.state;
    const last = this.lastHardState;
    if (term === last.term && vote === last.vote && log.committed === last.commit) return undefined;
    return this.state.hardState;
  }

  private accept(content: Ready): void {
    const { state } = this;
    state.outbox = [];
    state.outboxAfterAppend = [];
    if (content.readStates.length > 0) state.readStates = [];
    this.lastLead = state.lead;
    this.lastRole = state.role;
    if (content.hardState !== undefined) this.lastHardState = content.hardState;
    state.log.unstable.accept();
    const last = content.committed[content.committed.length - 1];
    if (last !== undefined) {
      state.log.acceptApplying(last.index, recordsSize(content.committed), this.appliesUnstable);
    }
  }

  /** To the outbox, which is what goes out. */
  private addThreadMessages(content: Ready): void {
    const { state } = this;
    const messages = state.outbox;
    const { hardState, entries, snapshot, committed } = content;
    if (hardState !== undefined || entries.length > 0 || snapshot !== undefined || state.outboxAfterAppend.length > 0) {
      const append = new Message(MessageType.StorageAppend, APPEND_THREAD);
      append.from = state.id;
      append.entries = entries;
      append.snapshot = snapshot;
      const { term, vote, commit } = hardState ?? EMPTY_HARD_STATE;
      append.term = term;
      append.vote = vote;
      append.commit = commit;
      const confirmation = this.appendConfirmation(snapshot);
      append.responses =
        confirmation === undefined ? state.outboxAfterAppend : [...state.outboxAfterAppend, confirmation];
      messages.push(append);
    }
    if (committed.length > 0) {
      const apply = new Message(MessageType.StorageApply, APPLY_THREAD);
      apply.from = state.id;
      apply.entries = committed;
      apply.responses = [this.applyConfirmation(committed)];
      messages.push(apply);
    }
  }

  private addDirectMessages(content: Ready): void {
    const { state } = this;
    const messages = state.outbox;
    for (const message of state.outboxAfterAppend) {
      (message.to === state.id ? this.pendingAdvance : messages).push(message);
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
    const { state } = this;
    const { unstable } = state.log;
    if (unstable.entries.length === 0 && unstable.snapshot === undefined) return undefined;
    const confirmation = new Message(MessageType.StorageAppendResp, state.id);
    confirmation.from = APPEND_THREAD;
    confirmation.term = state.term;
    if (unstable.entries.length > 0) {
      confirmation.index = state.log.lastIndex;
      confirmation.logTerm = state.log.lastTerm;
    }
    confirmation.snapshot = snapshot;
    return confirmation;
  }

  private applyConfirmation(committed: readonly Entry[]): Message {
    const confirmation = new Message(MessageType.StorageApplyResp, this.state.id);
    confirmation.from = APPLY_THREAD;
    confirmation.entries = committed;
    return confirmation;
  }
}

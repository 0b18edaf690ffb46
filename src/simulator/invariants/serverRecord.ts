import type { Configuration, HardState, NodeId } from '../../consensus/contract.ts';
import { EMPTY_HARD_STATE, Role } from '../../consensus/contract.ts';
import { LogMirror, type MirroredEntry } from './logMirror.ts';

/** A batch that was handed to the store and is not known to be durable. */
export interface PendingBatch {
  readonly mark: number;
  readonly snapshot: { readonly index: number; readonly term: number; readonly id: number } | undefined;
  readonly truncateFrom: number | undefined;
  readonly entries: readonly MirroredEntry[];
  readonly hardState: HardState | undefined;
}

/** A log and a hard state: what a store holds. */
export class StoredState {
  readonly log = new LogMirror();
  hardState: HardState = EMPTY_HARD_STATE;

  take(batch: PendingBatch): void {
    if (batch.snapshot !== undefined) this.log.restore(batch.snapshot.index, batch.snapshot.term, batch.snapshot.id);
    if (batch.truncateFrom !== undefined) this.log.truncateFrom(batch.truncateFrom);
    for (const entry of batch.entries) this.log.push(entry);
    if (batch.hardState !== undefined) this.hardState = batch.hardState;
  }

  copyFrom(other: StoredState): void {
    this.log.copyFrom(other.log);
    this.hardState = other.hardState;
  }
}

/** What the invariants know of one server. */
export class ServerRecord {
  readonly id: NodeId;
  /** What the engine handed over to be persisted. */
  readonly accepted = new StoredState();
  /** What the disk is known to hold. */
  readonly durable = new StoredState();
  pending: PendingBatch[] = [];
  /** What a disk held that was lost, until the server is admitted again: what it acknowledged may still be counted. */
  lost: StoredState | undefined;
  /** Counts starts. */
  incarnation = 0;
  isRunning = false;
  role: Role = Role.Follower;
  term = 0;
  leader: NodeId = 0;
  commitIndex = 0;
  /** As leader: up to here who acknowledged what it commits was judged. */
  countedIndex = 0;
  /** The last committed entry that the engine handed over. */
  delivered = 0;
  applied = 0;
  lastMark = 0;
  configuration: Configuration | undefined;
  /** The last vote that it heard of a process in whose place another one was admitted. */
  pastVote: { readonly term: number; readonly from: NodeId } | undefined;
  /** What each other server acknowledged to this one in the latest term in which it did. */
  private readonly matches = new Map<NodeId, { readonly term: number; readonly index: number }>();

  constructor(id: NodeId) {
    this.id = id;
  }

  heardMatch(from: NodeId, term: number, index: number): void {
    const before = this.matches.get(from);
    if (before !== undefined && (before.term > term || (before.term === term && before.index >= index))) return;
    this.matches.set(from, { term, index });
  }

  /** Up to where server `from` acknowledged to this one in this term. */
  matchOf(from: NodeId, term: number): number {
    const match = this.matches.get(from);
    return match?.term === term ? match.index : 0;
  }

  get isLeader(): boolean {
    return this.isRunning && this.role === Role.Leader;
  }

  durableUpTo(mark: number): void {
    let done = 0;
    for (const batch of this.pending) {
      if (batch.mark > mark) break;
      this.durable.take(batch);
      done++;
    }
    if (done > 0) this.pending.splice(0, done);
  }

  lose(): void {
    // Lost again before it was admitted, it lost nothing more.
    if (this.lost === undefined) {
      this.lost = new StoredState();
      this.lost.copyFrom(this.durable);
    }
    this.hold(new StoredState());
  }

  /** The server begins with nothing, rightly. */
  begunEmpty(): void {
    this.lost = undefined;
  }

  /** The server begins with this, which is durable. */
  admitted(state: StoredState): void {
    this.lost = undefined;
    this.hold(state);
  }

  private hold(state: StoredState): void {
    this.durable.copyFrom(state);
    this.accepted.copyFrom(state);
    this.pending = [];
    this.applied = 0;
  }

  /** Whether an acknowledgement of this entry by the server may be counted. */
  mayHaveAcknowledged(index: number, id: number): boolean {
    return this.durable.log.holds(index, id) || this.lost?.log.holds(index, id) === true;
  }

  stopped(): void {
    this.isRunning = false;
    this.role = Role.Follower;
  }
}

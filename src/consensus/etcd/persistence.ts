import type { HardState, LogReader, PersistBatch, Snapshot, SnapshotPiece } from '../contract.ts';
import type { Entry } from '../entry.ts';
import type { Message } from './messages.ts';

/**
 * Turns the node's asynchronous storage writes into the contract's marks: gathers the writes of one drain into one batch,
 * and keeps the responses that this server owes itself until that batch is durable.
 *
 * A new commit index alone is not written: it is a hint, and rides with the next batch that has to be. But a change of the members
 * is in force from when it is known to be committed, so that knowledge is kept: who forgot it would ask those who left, and
 * they may be gone.
 */
export class Persistence {
  private readonly log: LogReader;
  private mark = 0;
  private durableMark = 0;
  private stored: HardState;
  private latest: HardState;
  private snapshot: Snapshot | undefined;
  private truncateFrom: number | undefined;
  /** As the node handed them over: each of its writes has a list of its own. */
  private entries: readonly Entry[] = [];
  private dirty = false;
  /** Responses for this drain's batch. */
  private owed: Message[] = [];
  /** Membership entries that are applied and not yet committed by what is on disk, and the marks after which they are. Ascending. */
  private changes: { readonly index: number; readonly mark: number }[] = [];
  private waiting: { readonly mark: number; readonly responses: readonly Message[] }[] = [];

  constructor(log: LogReader, hardState: HardState) {
    this.log = log;
    this.stored = hardState;
    this.latest = hardState;
  }

  /** Nothing handed over, or about to be, waits for the disk. */
  get idle(): boolean {
    return !this.dirty && this.durableMark === this.mark;
  }

  /** The first membership entry that a crash now would leave undecided; 0: none. */
  get openChange(): number {
    return this.changes[0]?.index ?? 0;
  }

  /** The membership entry at `index` is committed and applied. */
  changeApplied(index: number): void {
    if (index <= this.stored.commit) return;
    const { term, vote, commit } = this.latest;
    this.latest = { term, vote, commit: Math.max(commit, index) };
    this.dirty = true;
    this.changes.push({ index, mark: this.mark + 1 });
  }

  write(snapshot: Snapshot | undefined, entries: readonly Entry[], hardState: HardState | undefined): void {
    if (hardState !== undefined) {
      const { term, vote, commit } = hardState;
      this.latest = { term, vote, commit: Math.max(commit, this.latest.commit) };
      if (term !== this.stored.term || vote !== this.stored.vote) this.dirty = true;
    }
    if (snapshot !== undefined) {
      this.snapshot = snapshot;
      this.truncateFrom = undefined;
      this.entries = [];
      this.dirty = true;
    }
    if (entries.length > 0) this.append(entries);
  }

  /** These are due when everything written so far is durable. */
  owe(responses: readonly Message[]): void {
    for (const response of responses) this.owed.push(response);
  }

  /** The responses that wait for nothing. */
  takeDue(): Message[] {
    if (!this.idle) return NONE;
    const due = this.owed;
    this.owed = [];
    return due;
  }

  /** The batch of this drain. */
  take(pieces?: readonly SnapshotPiece[]): PersistBatch | undefined {
    let batch: PersistBatch | undefined;
    if (this.dirty || pieces !== undefined) {
      const { snapshot, truncateFrom, entries, latest } = this;
      const changed =
        latest.term !== this.stored.term || latest.vote !== this.stored.vote || latest.commit !== this.stored.commit;
      const hardState = changed ? latest : undefined;
      batch = { mark: ++this.mark, pieces, snapshot, truncateFrom, entries, hardState, mustSync: true };
      this.stored = latest;
      this.snapshot = undefined;
      this.truncateFrom = undefined;
      this.entries = [];
      this.dirty = false;
    }
    if (this.owed.length > 0) {
      this.waiting.push({ mark: this.mark, responses: this.owed });
      this.owed = [];
    }
    return batch;
  }

  /** Everything up to `mark` is on disk; the responses that are due now, in order. */
  durable(mark: number): Message[] {
    this.durableMark = Math.max(this.durableMark, Math.min(mark, this.mark));
    const due: Message[] = [];
    let count = 0;
    for (; count < this.waiting.length && this.waiting[count]!.mark <= this.durableMark; count++) {
      due.push(...this.waiting[count]!.responses);
    }
    this.waiting.splice(0, count);
    if (this.changes.length > 0) this.changes = this.changes.filter((change) => change.mark > this.durableMark);
    return due;
  }

  private append(entries: readonly Entry[]): void {
    const first = entries[0]!.index;
    if (this.snapshot === undefined && first <= this.log.lastIndex) {
      this.truncateFrom = Math.min(first, this.truncateFrom ?? first);
    }
    const kept = this.entries[0] === undefined ? 0 : Math.max(0, first - this.entries[0].index);
    this.entries = kept === 0 ? entries : [...this.entries.slice(0, kept), ...entries];
    this.dirty = true;
  }
}

const NONE: Message[] = [];

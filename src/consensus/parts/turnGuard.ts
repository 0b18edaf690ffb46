import type { Output, PersistBatch } from '../contract.ts';
import type { Entry } from '../entry.ts';

/** What an engine keeps to, whatever its peers say and its storage does. */
export type EngineRule =
  | 'terms rise'
  | 'one vote a term'
  | 'commit index rises'
  | 'the log holds what is committed'
  | 'commit in own term'
  | 'marks ascend'
  | 'the log has no gaps'
  | 'committed entries stay'
  | 'leader append-only'
  | 'snapshots hold what is committed'
  | 'hand out in order'
  | 'applied was handed out';

/** What the parts around an engine keep to. */
export type HostRule = 'apply in order' | 'durable was written' | 'session numbers rise';

/**
 * What cannot be, is: a defect of this program, or of the memory that it runs in, and nothing that a peer, a client or a disk can bring
 * about. The server stops: whatever it did next might be a promise that it has no right to make.
 */
export class BrokenInvariantError extends Error {
  override readonly name = 'BrokenInvariantError';
  readonly rule: EngineRule | HostRule;
  constructor(rule: EngineRule | HostRule, found: string) {
    super(`the rule "${rule}" is broken: ${found}; this server stops, for it cannot trust what it holds`);
    this.rule = rule;
  }
}

export function broken(rule: EngineRule | HostRule, found: string): never {
  throw new BrokenInvariantError(rule, found);
}

/** Where an engine stands at the end of a turn. */
export interface Standing {
  readonly term: number;
  readonly vote: number;
  readonly leads: boolean;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
}

/** The part of an output that the rules speak of. */
export type GuardedOutput = Pick<Output<unknown>, 'persist' | 'restore' | 'committed'>;

/**
 * Holds every turn of an engine against the one before it (Raft figures 2 and 3). On in production: a turn costs a few comparisons,
 * however much it carries. What only the whole cluster can know is the simulator's to judge.
 */
export class TurnGuard {
  private before: Standing;
  private stored: { readonly term: number; readonly vote: number };
  private mark = 0;
  /** The last index that storage was given. */
  private writtenIndex: number;
  private deliveredIndex: number;

  /** `start` is where the engine stands before its first turn: on what storage holds. */
  constructor(start: Standing) {
    this.before = start;
    this.stored = start;
    this.writtenIndex = start.lastIndex;
    this.deliveredIndex = start.appliedIndex;
  }

  /** Throws BrokenInvariantError. `termAt` is asked for the term of an entry, and may not know it. */
  check(now: Standing, output: GuardedOutput, termAt: (index: number) => number | undefined): void {
    this.checkTerm(now);
    this.checkCommit(now, termAt);
    if (output.persist !== undefined) this.checkWrite(now, output.persist);
    if (output.restore !== undefined) this.checkRestore(output.restore.index);
    if (output.committed.length > 0) this.checkHandedOut(now, output.committed);
    if (now.appliedIndex > this.deliveredIndex) {
      broken('applied was handed out', `entry ${now.appliedIndex} is applied, handed out up to ${this.deliveredIndex}`);
    }
    this.before = now;
  }

  private checkTerm({ term, vote }: Standing): void {
    const { before } = this;
    if (term < before.term) broken('terms rise', `term ${before.term} became ${term}`);
    if (term === before.term && before.vote !== 0 && vote !== before.vote) {
      broken('one vote a term', `the vote for ${before.vote} in term ${term} became one for ${vote}`);
    }
  }

  private checkCommit(now: Standing, termAt: (index: number) => number | undefined): void {
    const { before } = this;
    const { commitIndex, lastIndex, term } = now;
    if (commitIndex < before.commitIndex) broken('commit index rises', `${before.commitIndex} became ${commitIndex}`);
    if (commitIndex > lastIndex) {
      broken(
        'the log holds what is committed',
        `entries up to ${commitIndex} are committed, the last one is ${lastIndex}`,
      );
    }
    if (commitIndex === before.commitIndex || !this.ledBefore(now)) return;
    const committed = termAt(commitIndex);
    if (committed !== undefined && committed !== term) {
      broken('commit in own term', `as leader of term ${term} it commits entry ${commitIndex} of term ${committed}`);
    }
  }

  private ledBefore({ leads, term }: Standing): boolean {
    return leads && this.before.leads && this.before.term === term;
  }

  private checkWrite(now: Standing, batch: PersistBatch): void {
    const { mark, snapshot, truncateFrom, hardState } = batch;
    if (mark !== this.mark + 1) broken('marks ascend', `mark ${mark} follows ${this.mark}`);
    this.mark = mark;
    if (hardState !== undefined) this.checkStored(hardState);
    if ((snapshot !== undefined || truncateFrom !== undefined) && this.ledBefore(now)) {
      broken('leader append-only', `as leader of term ${now.term} it removes entries of its log`);
    }
    if (snapshot !== undefined) {
      if (snapshot.index > now.commitIndex) {
        broken(
          'snapshots hold what is committed',
          `a snapshot of ${snapshot.index}, committed up to ${now.commitIndex}`,
        );
      }
      this.writtenIndex = snapshot.index;
    }
    if (truncateFrom !== undefined) this.checkTruncation(truncateFrom);
    this.checkAppended(now, batch.entries);
  }

  private checkStored({ term, vote }: { readonly term: number; readonly vote: number }): void {
    const { stored } = this;
    if (term < stored.term) broken('terms rise', `stored term ${stored.term} becomes ${term}`);
    if (term === stored.term && stored.vote !== 0 && vote !== stored.vote) {
      broken('one vote a term', `the stored vote for ${stored.vote} in term ${term} becomes one for ${vote}`);
    }
    this.stored = { term, vote };
  }

  private checkTruncation(from: number): void {
    const { commitIndex } = this.before;
    if (from <= commitIndex) {
      broken('committed entries stay', `the log is cut from ${from}, committed up to ${commitIndex}`);
    }
    if (from > this.writtenIndex + 1) {
      broken('the log has no gaps', `the log is cut from ${from}, storage has entries up to ${this.writtenIndex}`);
    }
    this.writtenIndex = from - 1;
  }

  private checkAppended({ term }: Standing, entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const last = entries[entries.length - 1]!;
    if (first.index !== this.writtenIndex + 1 || last.index - first.index !== entries.length - 1) {
      const what = `${entries.length} entries from ${first.index} to ${last.index}`;
      broken('the log has no gaps', `${what} follow entry ${this.writtenIndex}`);
    }
    if (last.term > term) broken('terms rise', `entry ${last.index} of term ${last.term} is appended in term ${term}`);
    this.writtenIndex = last.index;
  }

  private checkRestore(index: number): void {
    if (index < this.deliveredIndex) {
      broken('hand out in order', `a snapshot of ${index} is handed out after entry ${this.deliveredIndex}`);
    }
    this.deliveredIndex = index;
  }

  private checkHandedOut({ commitIndex }: Standing, committed: readonly Entry[]): void {
    const first = committed[0]!.index;
    const last = committed[committed.length - 1]!.index;
    if (first !== this.deliveredIndex + 1 || last - first !== committed.length - 1 || last > commitIndex) {
      const what = `${committed.length} entries from ${first} to ${last} are handed out after ${this.deliveredIndex}`;
      broken('hand out in order', `${what}, committed up to ${commitIndex}`);
    }
    this.deliveredIndex = last;
  }
}

import { SparseNumbers } from './sparseNumbers.ts';

/**
 * What one client session has applied, so that each command applies once however often and in whatever order it comes
 * (Raft §8; thesis §6.3). Numbers up to `floor` can no longer be told apart; those in (floor, mark] are applied; above
 * the mark, `above` holds the applied ones.
 */
export class Session {
  readonly id: number;
  floor = 0;
  mark = 0;
  /** Index of the last entry that used it; 0 where none did. */
  lastUsed = 0;
  above: SparseNumbers = NONE;
  /** What is counted of it, and its neighbours among those that hold about as much (heldNumbers.ts). */
  heldWeight = 0;
  previous: Session | undefined;
  next: Session | undefined;

  constructor(id: number) {
    this.id = id;
  }

  /**
   * Decides on `seq` and, where the answer is 'apply', remembers it as applied. Where something is missing `window` numbers and
   * more below the highest that is applied, it is given up, and all up to there can no longer be told apart.
   */
  admit(seq: number, window: number): Admission {
    if (seq === this.mark + 1) {
      this.mark = seq;
      if (this.above.size > 0) this.absorb();
      return 'apply';
    }
    if (seq <= this.floor) return 'too-old';
    if (seq <= this.mark || this.above.has(seq)) return 'duplicate';
    if (seq > this.mark + SEQUENCE_AHEAD_MAX) return 'too-far';
    if (this.above === NONE) this.above = new SparseNumbers();
    this.above.add(seq);
    const leftBehind = this.above.highest - window;
    if (leftBehind > this.mark) this.giveUp(leftBehind);
    return 'apply';
  }

  /** What admit would say to `seq` that refuses it, with nothing remembered. */
  refusal(seq: number): 'too-old' | 'too-far' | undefined {
    if (seq <= this.floor) return 'too-old';
    return seq > this.mark + SEQUENCE_AHEAD_MAX ? 'too-far' : undefined;
  }

  /** Whether `seq` is known to be applied: admit would call it a duplicate, now and as long as it can be told. */
  hasApplied(seq: number): boolean {
    return seq > this.floor && (seq <= this.mark || this.above.has(seq));
  }

  /** What is missing in the lower half of what is above the mark, which is something. */
  giveUpHalf(): void {
    this.giveUp(this.above.halfway);
  }

  /** Whether it gave up what is within `window` of its highest number, which `admit` never does: for the sake of all sessions (giveUpHalf). */
  gaveUpWithin(window: number): boolean {
    return this.floor > Math.max(0, Math.max(this.mark, this.above.highest) - window);
  }

  /** All that is missing up to `seq`. */
  private giveUp(seq: number): void {
    this.floor = seq;
    this.mark = seq;
    this.above.dropUpTo(seq);
    this.absorb();
  }

  private absorb(): void {
    while (this.above.delete(this.mark + 1)) this.mark++;
    if (this.above.size === 0) this.above = NONE;
  }
}

/** 'duplicate': applied before. 'too-old': whether it was applied can no longer be told. */
export type Admission = 'apply' | 'duplicate' | 'too-old' | 'too-far';

/**
 * A number further than this above the mark is a client's mistake, not reordering. Twice the window: what a client leaves out for ever
 * is given up long before its next numbers would be too far.
 */
export const SEQUENCE_AHEAD_MAX = 1 << 20;

const NONE = new SparseNumbers();

/** Somebody who makes the server hold bytes, and can be let go. */
export interface Holder {
  /** Let go only where letting go of all others is not enough. */
  readonly isPeer: boolean;
  heldBytes(): number;
  /** Lets go of at least `bytes` where so much is held; returns what was let go of. */
  letGo(bytes: number): number;
}

/** What is left over after the budget was passed: below it, so that the next byte does not pass it again. */
const LEFT_AFTER_LETTING_GO = 3 / 4;

/**
 * One budget for everything that clients make the server hold. Adding up who holds what costs time in proportion to the
 * clients, so it is done when it could matter: what is held is never more than what was held at the last count and what came
 * since. Where that passes the budget all is counted, and those who hold most are let go until there is room.
 */
export class HeldMemory {
  readonly budgetBytes: number;
  private readonly holders: () => Iterable<Holder>;
  /** Bytes held elsewhere that nobody can be let go for: commands on their way through the log. */
  private readonly otherBytes: () => number;
  private countedBytes = 0;
  private sinceBytes = 0;

  constructor(budgetBytes: number, holders: () => Iterable<Holder>, otherBytes: () => number) {
    this.budgetBytes = budgetBytes;
    this.holders = holders;
    this.otherBytes = otherBytes;
  }

  /** What was held when it was last counted. */
  get lastCountBytes(): number {
    return this.countedBytes;
  }

  /** A client makes the server hold `bytes` more. */
  grow(bytes: number): void {
    this.sinceBytes += bytes;
    if (this.countedBytes + this.sinceBytes > this.budgetBytes) this.count();
  }

  /** Whether `bytes` more would be within the budget. */
  hasRoomFor(bytes: number): boolean {
    if (this.countedBytes + this.sinceBytes + bytes <= this.budgetBytes) return true;
    // Some of it may be gone by now. Nothing more comes before the end of the turn, so it is counted once in it.
    if (this.sinceBytes > 0) this.count();
    return this.countedBytes + bytes <= this.budgetBytes;
  }

  /** Counts, and makes room where the budget is passed. Returns how many bytes were let go of. */
  count(): number {
    const held: { readonly holder: Holder; readonly bytes: number }[] = [];
    let total = this.otherBytes();
    for (const holder of this.holders()) {
      const bytes = holder.heldBytes();
      if (bytes === 0) continue;
      held.push({ holder, bytes });
      total += bytes;
    }
    let freed = 0;
    if (total > this.budgetBytes) {
      const excess = total - this.budgetBytes * LEFT_AFTER_LETTING_GO;
      held.sort((a, b) => Number(a.holder.isPeer) - Number(b.holder.isPeer) || b.bytes - a.bytes);
      for (const { holder } of held) {
        if (freed >= excess) break;
        freed += holder.letGo(excess - freed);
      }
    }
    this.countedBytes = total - freed;
    this.sinceBytes = 0;
    return freed;
  }
}

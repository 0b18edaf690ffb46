/** Longer than anybody waits. */
const SLOTS = 4096;

/** What is tried again later. */
export interface Retry {
  retry(): void;
}

/**
 * Wakes whoever waits, to the millisecond, by one timer for all: under overload a hundred thousand calls wait for their next
 * attempt, and a timer for each costs the machine as much as the attempt.
 */
export class RetryWheel {
  private readonly slots: Retry[][] = Array.from({ length: SLOTS }, () => []);
  private atMs = 0;
  private waiting = 0;
  private timer: NodeJS.Timeout | undefined;

  /** `ms` is less than a few seconds. */
  after(ms: number, what: Retry): void {
    const nowMs = Math.floor(performance.now());
    if (this.waiting === 0) {
      this.atMs = nowMs;
      this.timer = setInterval(() => this.tick(), 1);
    }
    this.waiting++;
    this.slots[(nowMs + Math.max(1, Math.ceil(ms))) % SLOTS]!.push(what);
  }

  private tick(): void {
    const nowMs = Math.floor(performance.now());
    const due: Retry[][] = [];
    // A turn that took longer than the wheel is round finds each slot once.
    for (let turned = 0; this.atMs < nowMs && turned < SLOTS; turned++) {
      const at = ++this.atMs % SLOTS;
      const slot = this.slots[at]!;
      if (slot.length === 0) continue;
      this.slots[at] = [];
      this.waiting -= slot.length;
      due.push(slot);
    }
    this.atMs = nowMs;
    if (this.waiting === 0) clearInterval(this.timer);
    for (const slot of due) for (const each of slot) each.retry();
  }

  stop(): void {
    clearInterval(this.timer);
    for (const slot of this.slots) slot.length = 0;
    this.waiting = 0;
  }
}

/**
 * Keys whose content later writes made useless, in the order in which they became so. A key may be deleted once the write
 * that replaced it is *anchored*: at or below the durableSequence that a durable record holds (recovery.ts says why).
 */
interface Useless {
  readonly key: string;
  readonly replacedBy: number;
}

/** Taken entries at the front of the queue before its array is cut. */
const QUEUE_SLACK = 1024;

export class Garbage {
  private queue: Useless[] = [];
  private start = 0;

  /** `replacedBy` never falls from one call to the next. */
  add(key: string, replacedBy: number): void {
    this.queue.push({ key, replacedBy });
  }

  /** The write that must be anchored before the next key may go; undefined where there is no garbage. */
  get nextReplacedBy(): number | undefined {
    return this.queue[this.start]?.replacedBy;
  }

  /** Takes up to `max` keys that were replaced by writes up to `anchored`. */
  take(anchored: number, max: number, into: (key: string) => void): number {
    let taken = 0;
    for (; taken < max; taken++) {
      const next = this.queue[this.start];
      if (next === undefined || next.replacedBy > anchored) break;
      this.start++;
      into(next.key);
    }
    if (this.start >= QUEUE_SLACK) {
      this.queue = this.queue.slice(this.start);
      this.start = 0;
    }
    return taken;
  }
}

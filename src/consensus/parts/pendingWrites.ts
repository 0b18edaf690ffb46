interface Write {
  readonly mark: number;
  /** What of the log it proves: up to its last index when the write was handed over, less what was cut since. */
  lastIndex: number;
  /** That of then. */
  readonly term: number;
  readonly handedAtMs: number;
}

/** What of this server's own log and term is on disk, and how long the disk has owed an answer. */
export class PendingWrites {
  private lastMark = 0;
  /** Handed over and not yet durable, ascending by mark. */
  private pending: Write[] = [];
  private durableUpTo: number;
  private durableTermValue: number;

  constructor(durableIndex: number, durableTerm: number) {
    this.durableUpTo = durableIndex;
    this.durableTermValue = durableTerm;
  }

  /** Everything up to here is on disk, as the log has it now. */
  get durableIndex(): number {
    return this.durableUpTo;
  }

  /** The newest term on disk. */
  get durableTerm(): number {
    return this.durableTermValue;
  }

  handOver(lastIndex: number, term: number, nowMs: number): number {
    this.lastMark++;
    this.pending.push({ mark: this.lastMark, lastIndex, term, handedAtMs: nowMs });
    return this.lastMark;
  }

  /** The log was cut from `index` on: writes under way no longer prove anything about it from there. */
  truncateFrom(index: number): void {
    const last = index - 1;
    this.durableUpTo = Math.min(this.durableUpTo, last);
    for (const write of this.pending) write.lastIndex = Math.min(write.lastIndex, last);
  }

  durable(mark: number): void {
    let done = 0;
    while (done < this.pending.length && this.pending[done]!.mark <= mark) {
      const write = this.pending[done++]!;
      this.durableUpTo = Math.max(this.durableUpTo, write.lastIndex);
      this.durableTermValue = Math.max(this.durableTermValue, write.term);
    }
    this.pending.splice(0, done);
  }

  /** How long the oldest write under way has taken, ms; 0 where there is none. */
  stalledMs(nowMs: number): number {
    const oldest = this.pending[0];
    return oldest === undefined ? 0 : nowMs - oldest.handedAtMs;
  }
}

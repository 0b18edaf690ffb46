/** A linearizable read that waits: for a round that began after it arrived, then for that round's answers. */
interface WaitingRead {
  readonly token: number;
  /** The commit index when it arrived: what it must see. */
  readonly index: number;
}

interface ReadRound {
  readonly round: number;
  readonly reads: readonly WaitingRead[];
}

/**
 * VerifyLeader (thesis §6.4): a read costs no log entry but the proof, gathered after it arrived, that its server still
 * leads. Reads that arrive together share a round.
 */
export class ReadQueue {
  private waiting: WaitingRead[] = [];
  private rounds: ReadRound[] = [];
  /** When the last round with reads began. */
  private lastBeganMs = Number.NEGATIVE_INFINITY;

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.rounds.length === 0;
  }

  add(token: number, commitIndex: number): void {
    this.waiting.push({ token, index: commitIndex });
  }

  /**
   * Whether a round should begin for the sake of reads: some wait, and none is under way that began now. Reads that come
   * while one is share the next, but do not wait for its answer from far away.
   */
  wantsRound(nowMs: number): boolean {
    return this.waiting.length > 0 && (this.rounds.length === 0 || nowMs > this.lastBeganMs);
  }

  /** A round begins, for whatever reason; every waiting read joins it. */
  roundBegan(round: number, nowMs: number): void {
    if (this.waiting.length === 0) return;
    this.lastBeganMs = nowMs;
    this.rounds.push({ round, reads: this.waiting });
    this.waiting = [];
  }

  /**
   * Reads whose round, or a later one, a majority has answered. None of them may see less than `atLeast`, the commit
   * index by which the leader knows all that earlier terms committed.
   */
  verified(round: number, atLeast: number): { token: number; index: number }[] {
    let done = 0;
    while (done < this.rounds.length && this.rounds[done]!.round <= round) done++;
    if (done === 0) return [];
    const reads = this.rounds.splice(0, done).flatMap((one) => one.reads);
    return reads.map(({ token, index }) => ({ token, index: Math.max(index, atLeast) }));
  }

  /** Leadership is lost: all tokens, in the order in which they came. */
  abandon(): number[] {
    const reads = [...this.rounds.flatMap((one) => one.reads), ...this.waiting];
    this.rounds = [];
    this.waiting = [];
    return reads.map((read) => read.token);
  }
}

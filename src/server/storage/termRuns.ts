/** The terms of a log as runs of equal terms: two numbers per run, not per entry. */
export class TermRuns {
  private readonly firsts: number[] = [];
  private readonly terms: number[] = [];

  /** Entries from `first` on, which is after all there were, have `term`. */
  append(first: number, term: number): void {
    if (this.terms.length > 0 && this.terms[this.terms.length - 1] === term) return;
    this.firsts.push(first);
    this.terms.push(term);
  }

  /** Forgets this index and all after it. */
  truncateFrom(index: number): void {
    while (this.firsts.length > 0 && this.firsts[this.firsts.length - 1]! >= index) {
      this.firsts.pop();
      this.terms.pop();
    }
  }

  /** Forgets runs that end at or before `index`. */
  dropUpTo(index: number): void {
    let dead = 0;
    while (dead + 1 < this.firsts.length && this.firsts[dead + 1]! <= index + 1) dead++;
    if (dead === 0) return;
    this.firsts.splice(0, dead);
    this.terms.splice(0, dead);
  }

  clear(): void {
    this.firsts.length = 0;
    this.terms.length = 0;
  }

  /** The term of the run that `index` falls into. The caller knows that the index is in the log. */
  at(index: number): number | undefined {
    let low = 0;
    let high = this.firsts.length - 1;
    if (high >= 0 && this.firsts[high]! <= index) return this.terms[high];
    // Invariant: the wanted run, if there is one, is in [low, high].
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.firsts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return high >= 0 && this.firsts[low]! <= index ? this.terms[low] : undefined;
  }
}

/**
 * Which chunk holds which entries: for each live chunk, in index order, its first index and the sequence number of its
 * write. A chunk ends where the next one begins. Sixteen bytes per chunk, outside the JavaScript heap.
 */
const INITIAL_CAPACITY = 1024;

export interface ChunkName {
  readonly firstIndex: number;
  readonly sequence: number;
}

export class ChunkIndex {
  private firsts = new Float64Array(INITIAL_CAPACITY);
  private sequences = new Float64Array(INITIAL_CAPACITY);
  /** Live chunks are at [`start`, `end`). */
  private start = 0;
  private end = 0;

  get length(): number {
    return this.end - this.start;
  }

  at(position: number): ChunkName {
    const slot = this.start + position;
    return { firstIndex: this.firsts[slot]!, sequence: this.sequences[slot]! };
  }

  /** The first index of the chunk at this position, or undefined after the last chunk. */
  firstAt(position: number): number | undefined {
    const slot = this.start + position;
    return slot < this.end ? this.firsts[slot] : undefined;
  }

  push(firstIndex: number, sequence: number): void {
    if (this.end === this.firsts.length) this.makeRoom();
    this.firsts[this.end] = firstIndex;
    this.sequences[this.end] = sequence;
    this.end++;
  }

  private makeRoom(): void {
    const capacity = Math.max(INITIAL_CAPACITY, this.length * 2);
    const firsts = new Float64Array(capacity);
    const sequences = new Float64Array(capacity);
    firsts.set(this.firsts.subarray(this.start, this.end));
    sequences.set(this.sequences.subarray(this.start, this.end));
    this.end = this.length;
    this.start = 0;
    this.firsts = firsts;
    this.sequences = sequences;
  }

  /** The position of the chunk that `index` falls into: the last one that begins at or before it; -1 where there is none. */
  find(index: number): number {
    let low = this.start;
    let high = this.end - 1;
    if (high < low || this.firsts[low]! > index) return -1;
    if (this.firsts[high]! <= index) return high - this.start;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.firsts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return low - this.start;
  }

  /** Removes and returns, last first, the chunks that begin at or after `index`. */
  popFrom(index: number): ChunkName[] {
    const popped: ChunkName[] = [];
    while (this.length > 0 && this.firsts[this.end - 1]! >= index) {
      popped.push(this.at(this.length - 1));
      this.end--;
    }
    return popped;
  }

  /** Removes and returns, first first, the chunks that hold nothing above `index`, of which the log's last is `lastIndex`. */
  shiftUpTo(index: number, lastIndex: number): ChunkName[] {
    const shifted: ChunkName[] = [];
    while (this.length > 0 && (this.firstAt(1) ?? lastIndex + 1) <= index + 1) {
      shifted.push(this.at(0));
      this.start++;
    }
    return shifted;
  }
}

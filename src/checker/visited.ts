/**
 * The configurations that a search has been in.
 *
 * A configuration is an exact part (any number of 32-bit words, compared for equality) and a *used* part: a bit set of
 * the optional operations that were spent on the way. Of two configurations with equal exact parts the one that spent
 * a subset can do everything the other can, so a new configuration that spent a superset need not be looked at again.
 *
 * All words live in one typed array; hashes only choose the chain, and every word is compared.
 */
export class VisitedConfigurations {
  private readonly exactWords: number;
  private readonly stride: number;
  private readonly recordsMax: number;
  private records: Int32Array;
  private buckets: Int32Array;
  private count = 0;

  constructor(exactWords: number, usedWords: number, bytesMax: number) {
    this.exactWords = exactWords;
    this.stride = 1 + exactWords + usedWords;
    // Beside its words, each record costs up to four words of buckets.
    this.recordsMax = Math.floor(bytesMax / ((this.stride + 4) * Int32Array.BYTES_PER_ELEMENT));
    this.records = new Int32Array(this.stride * 64);
    this.buckets = new Int32Array(128).fill(NONE);
  }

  get size(): number {
    return this.count;
  }

  /** True once another configuration might not fit into `bytesMax`. */
  get isFull(): boolean {
    return this.count >= this.recordsMax;
  }

  /** Adds the configuration (exact words, then used words) unless one at least as good is known; says whether it did. */
  add(words: Int32Array): boolean {
    const hash = this.hash(words, 0);
    const bucket = hash & (this.buckets.length - 1);
    for (let record = this.buckets[bucket]!; record !== NONE; record = this.records[record * this.stride]!) {
      if (this.covers(record * this.stride + 1, words)) return false;
    }
    this.append(words, bucket);
    if (this.count > this.buckets.length) this.rehash();
    return true;
  }

  private covers(start: number, words: Int32Array): boolean {
    const records = this.records;
    for (let i = 0; i < this.exactWords; i += 1) if (records[start + i] !== words[i]) return false;
    for (let i = this.exactWords; i < this.stride - 1; i += 1) {
      if ((records[start + i]! & ~words[i]!) !== 0) return false;
    }
    return true;
  }

  private append(words: Int32Array, bucket: number): void {
    const start = this.count * this.stride;
    if (start + this.stride > this.records.length) {
      const larger = new Int32Array(Math.min(this.records.length * 2, Math.max(this.recordsMax, 64) * this.stride));
      larger.set(this.records);
      this.records = larger;
    }
    this.records[start] = this.buckets[bucket]!;
    this.records.set(words, start + 1);
    this.buckets[bucket] = this.count;
    this.count += 1;
  }

  private rehash(): void {
    this.buckets = new Int32Array(this.buckets.length * 4).fill(NONE);
    for (let record = 0; record < this.count; record += 1) {
      const start = record * this.stride;
      const bucket = this.hash(this.records, start + 1) & (this.buckets.length - 1);
      this.records[start] = this.buckets[bucket]!;
      this.buckets[bucket] = record;
    }
  }

  private hash(words: Int32Array, start: number): number {
    let hash = 0;
    for (let i = 0; i < this.exactWords; i += 1) {
      hash = Math.imul(hash ^ words[start + i]!, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}

const NONE = -1;

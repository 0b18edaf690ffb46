/** Characters of the run's mark, and of a write's number behind it, at the front of a value. */
export const MARK_LENGTH = 8;
export const NUMBER_LENGTH = 8;
export const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** What a key's value says about the writes of this run. */
export type KeyFinding = 'good' | 'lost' | 'stale' | 'foreign' | 'garbled';

/** What was acknowledged, and how a read that came after all of it is judged. */
export interface WriteChecks {
  /** Inserts, to all keys. */
  readonly acknowledged: number;
  /** The audited keys with an acknowledged write. */
  keysToRead(): number[];
  /** Judges what a linearizable read of a key gave after all requests had ended. */
  judge(key: number, value: string | undefined): KeyFinding;
}

/** The writes that one process followed. Times are of one clock for all processes that write to the same keys. */
export interface AuditedWrites {
  /** At the front of its values. */
  readonly mark: string;
  readonly payloadBytes: number;
  /** Of the keys, every so many-th is followed. */
  readonly stride: number;
  readonly acknowledged: number;
  readonly nextNumber: number;
  /** By key / stride: when the latest of its acknowledged writes began; 0 where none was. */
  readonly ackedBegan: Float64Array;
  /** How many records there are. */
  readonly recorded: number;
  /** Of each record, ascending. */
  readonly number: Float64Array;
  readonly key: Int32Array;
  /** 0: not acknowledged. */
  readonly acked: Float64Array;
}

/** Judges by the writes of all processes that made load together. */
export class MergedChecks implements WriteChecks {
  private readonly parts: readonly AuditedWrites[];

  constructor(parts: readonly AuditedWrites[]) {
    this.parts = parts;
  }

  get acknowledged(): number {
    return this.parts.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  keysToRead(): number[] {
    const keys = new Set<number>();
    for (const { ackedBegan, stride } of this.parts) {
      ackedBegan.forEach((began, at) => {
        if (began > 0) keys.add(at * stride);
      });
    }
    return [...keys].sort((a, b) => a - b);
  }

  judge(key: number, value: string | undefined): KeyFinding {
    const ackedBegan = Math.max(...this.parts.map((part) => part.ackedBegan[key / part.stride] ?? 0));
    if (value === undefined) return ackedBegan > 0 ? 'lost' : 'good';
    const part = this.parts.find(({ mark }) => value.startsWith(mark));
    if (part === undefined) return ackedBegan > 0 ? 'foreign' : 'good';
    const number = decodeNumber(value);
    if (number === undefined || number >= part.nextNumber || value.length !== part.payloadBytes) return 'garbled';
    const record = find(part, number);
    // Records are dropped only once a later write stands above theirs.
    if (record === undefined) return 'stale';
    if (part.key[record] !== key) return 'garbled';
    const acked = part.acked[record]!;
    return acked === 0 || acked >= ackedBegan ? 'good' : 'stale';
  }
}

function find({ number: numbers, recorded }: AuditedWrites, number: number): number | undefined {
  let low = 0;
  let high = recorded - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = numbers[middle]!;
    if (found === number) return middle;
    if (found < number) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

function decodeNumber(value: string): number | undefined {
  let number = 0;
  for (let at = MARK_LENGTH; at < MARK_LENGTH + NUMBER_LENGTH; at++) {
    const digit = DIGITS.indexOf(value.charAt(at));
    if (digit === -1 || at >= value.length) return undefined;
    number = number * 64 + digit;
  }
  return number;
}

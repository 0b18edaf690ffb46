import type { LoadSink } from '../../client/load/loadGenerator.ts';
import type { Workload } from '../../client/load/workload.ts';
import {
  type AuditedWrites,
  DIGITS,
  type KeyFinding,
  MARK_LENGTH,
  MergedChecks,
  NUMBER_LENGTH,
  type WriteChecks,
} from './writeChecks.ts';

/** Keys whose writes are followed. */
export const AUDITED_KEYS_MAX = 1000;
const FIRST_RECORDS = 1 << 17;
const DIGIT_CODES = new TextEncoder().encode(DIGITS);
const NO_RECORD = -1;

/**
 * Follows the writes to a sample of the keys, so that afterwards a read of such a key can be judged: a value may be
 * there only if no acknowledged write began after its own write was acknowledged, which is what linearizability leaves
 * of a history whose reads come last. A write without an acknowledgement may have taken place or not.
 *
 * It is both a sink of the load and a wrapper of its workload, whose values it marks with the run and their number.
 */
export class WriteAudit implements LoadSink, WriteChecks {
  readonly workload: Workload;
  /** Of all keys, since the start. */
  acknowledged = 0;
  private readonly mark: string;
  private readonly stride: number;
  private readonly value: Uint8Array;
  private readonly clock: () => number;
  private nextNumber = 0;
  /** By key / stride: when the latest of its acknowledged writes began; 0 where none was. */
  private ackedBegan: Float64Array;
  /** Records of writes, ascending by number. */
  private recorded = 0;
  private number = new Float64Array(FIRST_RECORDS);
  private key = new Int32Array(FIRST_RECORDS);
  private began = new Float64Array(FIRST_RECORDS);
  /** 0: not acknowledged. */
  private acked = new Float64Array(FIRST_RECORDS);
  private readonly slotRecord: number[] = [];

  /** `mark`: eight characters of its own for every run. `keyspace` as the workload draws from it. */
  constructor(
    inner: Workload,
    options: {
      readonly mark: string;
      readonly keyspace: number;
      readonly payloadBytes: number;
      /** Of beginnings and acknowledgements, above 0: the order that real time gave them; by default it counts them. */
      readonly clock?: () => number;
    },
  ) {
    const { mark, keyspace, payloadBytes, clock = counter() } = options;
    if (mark.length !== MARK_LENGTH || payloadBytes < MARK_LENGTH + NUMBER_LENGTH) {
      throw new RangeError(`a value of ${payloadBytes} bytes has no room for the mark "${mark}" and a number`);
    }
    this.mark = mark;
    this.clock = clock;
    this.stride = Math.max(1, Math.ceil(keyspace / AUDITED_KEYS_MAX));
    this.ackedBegan = new Float64Array(Math.ceil(keyspace / this.stride));
    this.value = new Uint8Array(payloadBytes);
    this.workload = { ...inner, nextValue: (slot) => this.markedValue(slot, inner.nextValue(slot)) };
  }

  issued(slot: number, read: boolean, key: number): void {
    this.slotRecord[slot] = read || key % this.stride !== 0 ? NO_RECORD : this.record(key);
  }

  completed(read: boolean, _fromMs: number, _endMs: number, slot: number): void {
    if (read) return;
    this.acknowledged++;
    const record = this.slotRecord[slot] ?? NO_RECORD;
    if (record === NO_RECORD) return;
    this.slotRecord[slot] = NO_RECORD;
    this.acked[record] = this.clock();
    const at = this.key[record]! / this.stride;
    // New keys may come while it runs.
    if (at >= this.ackedBegan.length) this.ackedBegan = enlarged(this.ackedBegan, Float64Array, at + 1);
    if (this.began[record]! > this.ackedBegan[at]!) this.ackedBegan[at] = this.began[record]!;
  }

  failed(_read: boolean, _kind: unknown, _fromMs: number, _endMs: number, slot: number): void {
    this.slotRecord[slot] = NO_RECORD;
  }

  dropped(): void {}

  /** What was followed; what it answers changes with what is followed after it. */
  get writes(): AuditedWrites {
    const { mark, stride, acknowledged, nextNumber, ackedBegan, recorded, number, key, acked } = this;
    const payloadBytes = this.value.length;
    return { mark, payloadBytes, stride, acknowledged, nextNumber, ackedBegan, recorded, number, key, acked };
  }

  keysToRead(): number[] {
    return new MergedChecks([this.writes]).keysToRead();
  }

  judge(key: number, value: string | undefined): KeyFinding {
    return new MergedChecks([this.writes]).judge(key, value);
  }

  private lastAckedBegan(key: number): number {
    return this.ackedBegan[key / this.stride] ?? 0;
  }

  private record(key: number): number {
    if (this.recorded === this.number.length) this.makeRoom();
    const record = this.recorded++;
    this.number[record] = this.nextNumber++;
    this.key[record] = key;
    this.began[record] = this.clock();
    this.acked[record] = 0;
    return record;
  }

  private markedValue(slot: number, inner: Uint8Array): Uint8Array {
    const { value, mark } = this;
    const record = this.slotRecord[slot] ?? NO_RECORD;
    value.set(inner);
    for (let at = 0; at < MARK_LENGTH; at++) value[at] = mark.charCodeAt(at);
    // Other keys' values are never read back; their number stays what the workload drew.
    if (record === NO_RECORD) return value;
    let rest = this.number[record]!;
    for (let at = MARK_LENGTH + NUMBER_LENGTH - 1; at >= MARK_LENGTH; at--) {
      value[at] = DIGIT_CODES[rest % 64]!;
      rest = Math.floor(rest / 64);
    }
    return value;
  }

  /** Drops the writes that can no longer be a key's value; makes the arrays larger where that is not half of them. */
  private makeRoom(): void {
    this.compact();
    if (this.recorded <= this.number.length / 2) return;
    this.number = enlarged(this.number, Float64Array);
    this.key = enlarged(this.key, Int32Array);
    this.began = enlarged(this.began, Float64Array);
    this.acked = enlarged(this.acked, Float64Array);
  }

  /** Drops the writes that can no longer be a key's value. */
  compact(): void {
    const moved = new Map<number, number>();
    let kept = 0;
    for (let record = 0; record < this.recorded; record++) {
      const acked = this.acked[record]!;
      if (acked !== 0 && acked < this.lastAckedBegan(this.key[record]!)) continue;
      this.number[kept] = this.number[record]!;
      this.key[kept] = this.key[record]!;
      this.began[kept] = this.began[record]!;
      this.acked[kept] = acked;
      moved.set(record, kept++);
    }
    this.recorded = kept;
    this.slotRecord.forEach((record, slot) => {
      if (record !== NO_RECORD) this.slotRecord[slot] = moved.get(record) ?? NO_RECORD;
    });
  }
}

function counter(): () => number {
  let count = 0;
  return () => ++count;
}

function enlarged<A extends Float64Array | Int32Array>(from: A, make: new (length: number) => A, lengthMin = 0): A {
  const to = new make(Math.max(2 * from.length, lengthMin));
  to.set(from);
  return to;
}

/** A mark for one run, from eight random bytes. */
export function markFrom(bytes: Uint8Array): string {
  return Array.from({ length: MARK_LENGTH }, (_, at) => DIGITS[bytes[at]! % 64]!).join('');
}

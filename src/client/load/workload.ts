import { checkWhole } from '../numbers.ts';
import { seededRandom } from './random.ts';
import { zipf } from './zipf.ts';

export interface WorkloadOptions {
  /** How many keys there are. */
  readonly keyspace: number;
  readonly zipfS: number;
  readonly zipfV: number;
  /** Bytes of a value. */
  readonly payloadBytes: number;
  /** Equal seeds draw the same keys and values in the same order. */
  readonly seed: number;
}

/** What requests are about: the next key and value to use. */
export interface Workload {
  /** Draws the key of a lookup or an insert and answers its number. */
  nextKey(read: boolean): number;
  keyText(key: number): string;
  /** The key in UTF-8; not to be changed. */
  keyBytes(key: number): Uint8Array;
  /** The value of the insert in this slot, in UTF-8; not to be changed. */
  nextValue(slot: number): Uint8Array;
  /** Uniform in [0, 1). */
  random(): number;
  /** An insert looks its key up first, and both are one request. */
  readonly readsFirst?: boolean;
  /** An insert to the key was answered, or is given up. */
  inserted?(key: number): void;
}

/** Decimal digits and `X` behind them up to here; longer numbers stand alone. */
export const KEY_BYTES = 16;

/** Different values that requests take turns with: as many as fit in these bytes, within these bounds. */
const VALUES_MIN = 2;
const VALUES_MAX = 64;
const VALUES_BYTES = 1 << 20;
/** Keys kept in their encoded form; the Zipf distribution rarely goes beyond. */
const KEYS_KEPT_MAX = 1 << 16;
/** More than any server takes. */
const PAYLOAD_BYTES_MAX = 2 ** 30;
const VALUE_LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_';

export function keyOf(number: number): string {
  return String(number).padEnd(KEY_BYTES, 'X');
}

/** Zipf-distributed keys and random values, which a store cannot compress away. Throws ZipfParameterError or InvalidNumberError. */
export function zipfWorkload({ keyspace, zipfS, zipfV, payloadBytes, seed }: WorkloadOptions): Workload {
  checkWhole('keyspace', keyspace, 1);
  const random = seededRandom(seed);
  return { nextKey: zipf({ s: zipfS, v: zipfV, max: keyspace - 1 }, random), ...keysAndValues(payloadBytes, random) };
}

/** The part of a workload that is the same whatever keys it draws. Throws InvalidNumberError. */
export function keysAndValues(payloadBytes: number, random: () => number): Omit<Workload, 'nextKey'> {
  checkWhole('payloadBytes', payloadBytes, 0, PAYLOAD_BYTES_MAX);
  const utf8 = new TextEncoder();
  const kept: (Uint8Array | undefined)[] = [];
  const letters = utf8.encode(VALUE_LETTERS);
  const count = Math.max(VALUES_MIN, Math.min(VALUES_MAX, Math.floor(VALUES_BYTES / payloadBytes)));
  const values = Array.from({ length: count }, () =>
    new Uint8Array(payloadBytes).map(() => letters[Math.floor(random() * letters.length)]!),
  );
  let nextValue = 0;
  return {
    keyText: keyOf,
    keyBytes(key) {
      if (key >= KEYS_KEPT_MAX) return utf8.encode(keyOf(key));
      const found = kept[key];
      if (found !== undefined) return found;
      const encoded = utf8.encode(keyOf(key));
      kept[key] = encoded;
      return encoded;
    },
    nextValue: () => values[nextValue++ % count]!,
    random,
  };
}

import { checkWhole } from '../numbers.ts';
import { seededRandom } from './random.ts';
import { keysAndValues, type Workload } from './workload.ts';
import { zipf, zipfUpTo } from './zipf.ts';

/** The core workloads of YCSB, without E, which scans (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010). */
export const YCSB_NAMES = ['ycsb-a', 'ycsb-b', 'ycsb-c', 'ycsb-d', 'ycsb-f'] as const;
export type YcsbName = (typeof YCSB_NAMES)[number];

/** How keys are drawn, by the names of YCSB's `requestdistribution`. */
export const KEY_DISTRIBUTIONS = ['zipfian', 'latest', 'uniform'] as const;
export type KeyDistribution = (typeof KEY_DISTRIBUTIONS)[number];

interface YcsbWorkload {
  /** Fraction of lookups. */
  readonly reads: number;
  readonly distribution: KeyDistribution;
  /** The others are inserts of records that are there (update), of new ones, or of what was looked up just before. */
  readonly writes: 'update' | 'insert' | 'read-modify-write';
}

/** What a load may be: the original's, which is made of the options, or one of YCSB's. */
export const WORKLOAD_NAMES = ['original', ...YCSB_NAMES] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

/** As YCSB's files workloada … workloadf have them. */
export const YCSB: Readonly<Record<YcsbName, YcsbWorkload>> = {
  'ycsb-a': { reads: 0.5, distribution: 'zipfian', writes: 'update' },
  'ycsb-b': { reads: 0.95, distribution: 'zipfian', writes: 'update' },
  'ycsb-c': { reads: 1, distribution: 'zipfian', writes: 'update' },
  'ycsb-d': { reads: 0.95, distribution: 'latest', writes: 'insert' },
  'ycsb-f': { reads: 0.5, distribution: 'zipfian', writes: 'read-modify-write' },
};

/** YCSB's ZIPFIAN_CONSTANT. */
const ZIPFIAN_EXPONENT = 0.99;
/** Of its scrambled zipfian generator: ranks that are drawn, whatever the number of records. */
export const SCRAMBLED_RANKS = 10_000_000_000;
/** Ranks whose key is kept: of the draws, a third and more. */
const RANKS_KEPT_MAX = 1 << 16;

export interface YcsbOptions {
  readonly name: YcsbName;
  /** Where it is not the workload's own. */
  readonly distribution?: KeyDistribution | undefined;
  /** Keys that are there before anything is measured: 0 … records - 1. */
  readonly records: number;
  readonly payloadBytes: number;
  readonly seed: number;
  /** Of several processes that make load together: which one, from 0, and how many. New keys of one are never those of another. */
  readonly part?: number;
  readonly parts?: number;
}

/** Throws InvalidNumberError. */
export function ycsbWorkload(options: YcsbOptions): Workload {
  const { name, records, payloadBytes, seed, part = 0, parts = 1 } = options;
  checkWhole('records', records, 1);
  const { distribution, writes } = YCSB[name];
  const random = seededRandom(seed);
  const known = new KnownRecords(records, part, parts);
  const draw = drawerOf(options.distribution ?? distribution, known, random);
  const others = keysAndValues(payloadBytes, random);
  if (writes !== 'insert') return { ...others, nextKey: draw, readsFirst: writes === 'read-modify-write' };
  return {
    ...others,
    nextKey: (read) => (read ? draw() : known.add()),
    inserted: (key) => known.answered(key),
  };
}

function drawerOf(distribution: KeyDistribution, known: KnownRecords, random: () => number): () => number {
  switch (distribution) {
    case 'uniform':
      return () => known.key(Math.floor(random() * known.count));
    case 'zipfian':
      return scrambledZipfian(known.count, random);
    case 'latest': {
      const rank = zipfUpTo({ s: ZIPFIAN_EXPONENT, v: 1 }, random);
      return () => known.key(known.count - 1 - rank(known.count - 1));
    }
  }
}

/**
 * The popular keys lie anywhere among the others: ranks of a Zipf distribution go to records by a hash, so that several may share one. As in YCSB there
 * are SCRAMBLED_RANKS of them; unlike there, they are drawn by their exact probabilities.
 */
function scrambledZipfian(records: number, random: () => number): () => number {
  const rank = zipf({ s: ZIPFIAN_EXPONENT, v: 1, max: SCRAMBLED_RANKS - 1 }, random);
  const kept = new Int32Array(RANKS_KEPT_MAX).fill(-1);
  return () => {
    const drawn = rank();
    if (drawn >= RANKS_KEPT_MAX) return hashedRank(drawn, records);
    const found = kept[drawn]!;
    if (found !== -1) return found;
    const key = hashedRank(drawn, records);
    kept[drawn] = key;
    return key;
  };
}

/** FNV-1a with 64 bits of the rank's eight bytes, the lowest first; its magnitude as a signed number, modulo the records. */
export function hashedRank(rank: number, records: number): number {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  let rest = rank;
  for (let byte = 0; byte < 8; byte++) {
    low = (low ^ (rest & 0xff)) >>> 0;
    rest = Math.floor(rest / 256);
    // Times 2^40 + 0x1b3.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  if (high >= 2 ** 31) {
    high = ~high >>> 0;
    low = ~low >>> 0;
    if (++low === 2 ** 32) {
      low = 0;
      high++;
    }
  }
  // Two halves of 16 bits each time: no product is beyond what a double holds.
  let modulus = high % records;
  modulus = (modulus * 2 ** 16) % records;
  modulus = (modulus * 2 ** 16) % records;
  return (modulus + low) % records;
}

/** The records that lookups may ask for: those from the beginning, and new ones whose insert, and all before it, were answered. */
class KnownRecords {
  count: number;
  private readonly records: number;
  private readonly part: number;
  private readonly parts: number;
  private added: number;
  /** Indices of records that were answered before one that came earlier. */
  private readonly early = new Set<number>();

  constructor(records: number, part: number, parts: number) {
    this.records = records;
    this.part = part;
    this.parts = parts;
    this.count = records;
    this.added = records;
  }

  /** Of the record that came as the index-th. */
  key(index: number): number {
    return index < this.records ? index : this.records + this.part + this.parts * (index - this.records);
  }

  /** The key of a new one. */
  add(): number {
    return this.key(this.added++);
  }

  answered(key: number): void {
    this.early.add(this.records + (key - this.records - this.part) / this.parts);
    while (this.early.delete(this.count)) this.count++;
  }
}

/** What fills the servers with records: the others that make load have those of the other parts. */
export function fillingWorkload(workload: Workload, records: number, part = 0, parts = 1): Workload {
  const own = recordsOfPart(records, part, parts);
  let next = 0;
  const { keyText, keyBytes, nextValue, random } = workload;
  return { keyText, keyBytes, nextValue, random, nextKey: () => part + parts * (next++ % own) };
}

/** How many of the records a part has. */
export function recordsOfPart(records: number, part: number, parts: number): number {
  return Math.ceil((records - part) / parts);
}

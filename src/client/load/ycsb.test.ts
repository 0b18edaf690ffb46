import { describe, expect, it } from 'vitest';
import { chiSquareOf } from '../testing/chiSquare.ts';
import { seededRandom } from './random.ts';
import type { Workload } from './workload.ts';
import {
  fillingWorkload,
  hashedRank,
  type KeyDistribution,
  recordsOfPart,
  SCRAMBLED_RANKS,
  YCSB_NAMES,
  type YcsbName,
  ycsbWorkload,
} from './ycsb.ts';
import { zipf } from './zipf.ts';

const EXPONENT = 0.99;
const DRAWS = 200_000;

/** Sum of k^-0.99 for k = 1 … n, by Euler and Maclaurin from 1,000 on: exact to more digits than a test of draws can see. */
function zeta(n: number): number {
  const exact = Math.min(n, 1000);
  let sum = 0;
  for (let k = 1; k <= exact; k++) sum += k ** -EXPONENT;
  if (n === exact) return sum;
  const integral = (n ** (1 - EXPONENT) - exact ** (1 - EXPONENT)) / (1 - EXPONENT);
  const ends = (n ** -EXPONENT - exact ** -EXPONENT) / 2;
  const slopes = (-EXPONENT * (n ** (-EXPONENT - 1) - exact ** (-EXPONENT - 1))) / 12;
  return sum + integral + ends + slopes;
}

/** Pearson's statistic is below its mean and four standard deviations; the seed is fixed, so this holds or does not for good. */
function expectDrawnBy(probabilities: readonly number[], draw: () => number): void {
  const { chiSquare, bins } = chiSquareOf(probabilities, DRAWS, draw);
  expect(probabilities.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 6);
  expect(chiSquare).toBeLessThan(bins - 1 + 4 * Math.sqrt(2 * (bins - 1)));
}

function workload(
  name: YcsbName,
  records: number,
  distribution?: KeyDistribution,
  part?: number,
  parts?: number,
): Workload {
  return ycsbWorkload({ name, distribution, records, payloadBytes: 16, seed: 7, ...(parts ? { part, parts } : {}) });
}

describe('zipf with the exponent of YCSB', () => {
  it.each([50, 9999])('draws by its definition, up to %d', (max) => {
    const total = zeta(max + 1);
    const probabilities = Array.from({ length: max + 1 }, (_, k) => (k + 1) ** -EXPONENT / total);
    expectDrawnBy(probabilities, zipf({ s: EXPONENT, v: 1, max }, seededRandom(3)));
  });

  it('has of its ten thousand million ranks the sum that YCSB has as ZETAN', () => {
    expect(zeta(SCRAMBLED_RANKS)).toBeCloseTo(26.46902820178302, 6);
  });
});

describe("YCSB's zipfian", () => {
  it.each([10, 1000])(
    'gives each of %d records what its ranks have, and an even share of those that are too rare to count',
    (records) => {
      const counted = 1_000_000;
      const total = zeta(SCRAMBLED_RANKS);
      const probabilities = new Array<number>(records).fill(1 - zeta(counted) / total).map((tail) => tail / records);
      for (let rank = 0; rank < counted; rank++) {
        probabilities[hashedRank(rank, records)]! += (rank + 1) ** -EXPONENT / total;
      }
      const { nextKey } = workload('ycsb-a', records);
      expectDrawnBy(probabilities, () => nextKey(true));
    },
  );

  it('goes to records by FNV-1a of the rank', () => {
    const slow = (rank: number, records: number) => {
      let hash = 0xcbf29ce484222325n;
      let rest = BigInt(rank);
      for (let byte = 0; byte < 8; byte++) {
        hash = BigInt.asUintN(64, (hash ^ (rest & 0xffn)) * 1099511628211n);
        rest >>= 8n;
      }
      const signed = BigInt.asIntN(64, hash);
      return Number((signed < 0n ? -signed : signed) % BigInt(records));
    };
    const random = seededRandom(5);
    for (let i = 0; i < 3000; i++) {
      const rank = i < 300 ? i : Math.floor(random() * SCRAMBLED_RANKS);
      const records = 1 + Math.floor(random() * (2 ** 31 - 1));
      expect(hashedRank(rank, records)).toBe(slow(rank, records));
    }
  });
});

describe("YCSB's other distributions", () => {
  it('latest: the last record as often as the first rank, and so on', () => {
    const total = zeta(300);
    const probabilities = Array.from({ length: 300 }, (_, key) => (300 - key) ** -EXPONENT / total);
    const { nextKey } = workload('ycsb-d', 300);
    expectDrawnBy(probabilities, () => nextKey(true));
  });

  it('latest goes on with new records once they, and all before them, were answered', () => {
    const one = workload('ycsb-d', 100);
    const added = Array.from({ length: 50 }, () => one.nextKey(false));
    expect(added).toEqual(Array.from({ length: 50 }, (_, at) => 100 + at));
    for (const key of added.slice(1)) one.inserted!(key);
    expect(Math.max(...Array.from({ length: 500 }, () => one.nextKey(true)))).toBe(99);
    one.inserted!(100);
    const total = zeta(150);
    const probabilities = Array.from({ length: 150 }, (_, key) => (150 - key) ** -EXPONENT / total);
    expectDrawnBy(probabilities, () => one.nextKey(true));
  });

  it('uniform: each as often', () => {
    const { nextKey } = workload('ycsb-b', 200, 'uniform');
    expectDrawnBy(new Array<number>(200).fill(1 / 200), () => nextKey(false));
  });
});

describe('YCSB in parts', () => {
  it('makes every record once, and new ones of which no two parts have one', () => {
    const parts = 3;
    const filled: number[] = [];
    const added: number[] = [];
    for (let part = 0; part < parts; part++) {
      const one = workload('ycsb-d', 100, undefined, part, parts);
      const own = recordsOfPart(100, part, parts);
      const filling = fillingWorkload(one, 100, part, parts);
      filled.push(...Array.from({ length: own }, () => filling.nextKey(false)));
      added.push(...Array.from({ length: 40 }, () => one.nextKey(false)));
      for (const key of added.slice(-40)) one.inserted!(key);
      const known = new Set([...filled, ...Array.from({ length: 100 }, (_, key) => key), ...added.slice(-40)]);
      for (let i = 0; i < 300; i++) expect(known).toContain(one.nextKey(true));
    }
    expect(filled.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, key) => key));
    expect(new Set(added).size).toBe(120);
    expect(Math.min(...added)).toBe(100);
  });

  it.each(YCSB_NAMES)('%s: equal seeds draw equal keys', (name) => {
    const keys = () => {
      const { nextKey } = workload(name, 1000);
      return Array.from({ length: 100 }, (_, at) => nextKey(at % 2 === 0));
    };
    expect(keys()).toEqual(keys());
  });
});

import { describe, expect, it } from 'vitest';
import { chiSquareOf } from '../testing/chiSquare.ts';
import { seededRandom } from './random.ts';
import { keyOf, zipfWorkload } from './workload.ts';
import { ZipfParameterError, zipf } from './zipf.ts';

/** The distribution by its definition. */
function probabilities(s: number, v: number, max: number): number[] {
  const weights = Array.from({ length: max + 1 }, (_, k) => (v + k) ** -s);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

describe('zipf', () => {
  it.each([
    [1.1, 4, 9999],
    [2, 1, 50],
    [1.5, 10, 3],
    [3, 1, 0],
  ])('draws by its definition: s %d, v %d, up to %d', (s, v, max) => {
    const draw = zipf({ s, v, max }, seededRandom(7));
    const { chiSquare, bins } = chiSquareOf(probabilities(s, v, max), 200_000, draw);
    // Mean bins - 1, variance twice that; the seed is fixed, so this passes or fails for good.
    expect(chiSquare).toBeLessThan(bins - 1 + 4 * Math.sqrt(2 * bins) + 1e-9);
  });

  it('refuses what is not defined', () => {
    for (const bad of [
      { s: 1, v: 1, max: 1 },
      { s: Number.NaN, v: 1, max: 1 },
      { s: 2, v: 0.5, max: 1 },
      { s: 2, v: 1, max: -1 },
      { s: 2, v: 1, max: 1.5 },
    ]) {
      expect(() => zipf(bad, Math.random)).toThrow(ZipfParameterError);
    }
  });
});

describe('seededRandom', () => {
  it('repeats itself for a seed, differs between seeds and is even', () => {
    const a = seededRandom(1);
    const b = seededRandom(1);
    const c = seededRandom(2);
    let sum = 0;
    let equal = 0;
    for (let i = 0; i < 10_000; i++) {
      const value = a();
      expect(value).toBe(b());
      if (value === c()) equal++;
      sum += value;
    }
    expect(equal).toBe(0);
    expect(sum / 10_000).toBeCloseTo(0.5, 1);
  });
});

describe('zipfWorkload', () => {
  const options = { keyspace: 100, zipfS: 1.1, zipfV: 4, payloadBytes: 24, seed: 3 };
  it('makes padded keys and values of the asked size, the same for a seed', () => {
    const workload = zipfWorkload(options);
    const twin = zipfWorkload(options);
    for (let i = 0; i < 500; i++) {
      const key = workload.nextKey(false);
      expect(key).toBe(twin.nextKey(false));
      expect(key).toBeLessThan(100);
      expect(Buffer.from(workload.keyBytes(key)).toString()).toBe(workload.keyText(key));
      expect(workload.nextValue(0).length).toBe(24);
    }
    expect(Buffer.from(workload.keyBytes(99_999_999)).toString()).toBe('99999999XXXXXXXX');
  });

  it('pads with X to 16', () => {
    expect(keyOf(7)).toBe('7XXXXXXXXXXXXXXX');
    expect(keyOf(2 ** 53 - 1)).toBe('9007199254740991');
  });
});

import { describe, expect, it } from 'vitest';
import { eachOf, geometricMean, halfWidth, pairedRatio, relativeError, unpairedRatio } from './intervals.ts';

/** A seeded normal deviate, by Box and Muller. */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

describe('pairedRatio', () => {
  it("has the interval of tables of Student's t", () => {
    // Logs of the ratios 0, 0.1, 0.2: mean 0.1, standard error 0.1/√3; t(0.975, 2) = 4.302653.
    const { ratio, low, high } = pairedRatio([1, 1, 1], [1, Math.exp(0.1), Math.exp(0.2)], 0.95)!;
    const half = (4.302653 * 0.1) / Math.sqrt(3);
    expect(Math.log(ratio)).toBeCloseTo(0.1, 10);
    expect(Math.log(low)).toBeCloseTo(0.1 - half, 6);
    expect(Math.log(high)).toBeCloseTo(0.1 + half, 6);
  });

  it('does not see what a round did to both sides', () => {
    const drift = [100, 150, 80, 210, 95];
    const interval = pairedRatio(
      drift,
      drift.map((value) => value * 1.1),
      0.99,
    )!;
    expect(interval.ratio).toBeCloseTo(1.1, 10);
    expect(interval.high - interval.low).toBeLessThan(1e-9);
    expect(
      halfWidth(
        unpairedRatio(
          drift,
          drift.map((value) => value * 1.1),
          0.99,
        )!,
      ),
    ).toBeGreaterThan(0.5);
  });

  it('is the inverse when the sides change places', () => {
    const [one, other] = [
      [3, 4, 5, 4],
      [5, 4, 7, 8],
    ] as const;
    for (const of of [pairedRatio, unpairedRatio]) {
      const there = of(one, other, 0.95)!;
      const back = of(other, one, 0.95)!;
      expect(there.ratio * back.ratio).toBeCloseTo(1, 10);
      expect(there.low * back.high).toBeCloseTo(1, 10);
    }
  });

  it('says nothing of one pair', () => {
    expect(pairedRatio([1], [2], 0.95)).toBeUndefined();
    expect(unpairedRatio([1, 2], [2], 0.95)).toBeUndefined();
    expect(relativeError([1], 0.95)).toBeUndefined();
  });
});

describe('unpairedRatio', () => {
  it('has the degrees of freedom of Welch and Satterthwaite', () => {
    // Logs 0, 2 (variance 2) against 1, 1.1, 0.9, 1 (variance 0.02/3): the first side's are nearly all that counts.
    const { low, high } = unpairedRatio([1, Math.exp(2)], [1, 1.1, 0.9, 1].map(Math.exp), 0.95)!;
    const error = 2 / 2 + 0.02 / 3 / 4;
    const freedom = error ** 2 / (1 / 1 + (0.02 / 3 / 4) ** 2 / 3);
    expect(freedom).toBeCloseTo(1.0033, 3);
    // t(0.975, 1) = 12.7062 falls to 12.65 there.
    expect((Math.log(high) - Math.log(low)) / 2 / Math.sqrt(error)).toBeGreaterThan(12.5);
    expect((Math.log(high) - Math.log(low)) / 2 / Math.sqrt(error)).toBeLessThan(12.7062);
  });

  it('is certain where nothing differs', () => {
    expect(unpairedRatio([2, 2], [3, 3], 0.95)).toEqual({
      ratio: expect.closeTo(1.5),
      low: expect.closeTo(1.5),
      high: expect.closeTo(1.5),
    });
  });
});

describe('intervals', () => {
  it('hold as often as they say, of rounds that drift by a third and figures that scatter by 5 %', () => {
    const normal = normals(7);
    const misses = { paired: 0, unpaired: 0 };
    const experiments = 2000;
    for (let experiment = 0; experiment < experiments; experiment++) {
      const rounds = Array.from({ length: 6 }, () => 0.3 * normal());
      const draw = (shift: number) => rounds.map((round) => Math.exp(round + shift + 0.05 * normal()));
      const holds = ({ low, high }: { low: number; high: number }) => low <= 0.9 && 0.9 <= high;
      const [baseline, candidate] = [draw(0), draw(Math.log(0.9))];
      if (!holds(pairedRatio(baseline, candidate, 0.95)!)) misses.paired++;
      if (!holds(unpairedRatio(baseline, candidate, 0.95)!)) misses.unpaired++;
    }
    expect(misses.paired / experiments).toBeGreaterThan(0.03);
    expect(misses.paired / experiments).toBeLessThan(0.07);
    // Those that throw the pairs away are wider than they have to be.
    expect(misses.unpaired).toBe(0);
  });

  it('are told as a share of what they are around', () => {
    expect(geometricMean([2, 8])).toBeCloseTo(4, 10);
    expect(halfWidth({ ratio: 2, low: 1.9, high: 2.2 })).toBeCloseTo(0.1, 10);
    expect(relativeError([100, 110, 90, 100], 0.95)).toBeCloseTo(0.139, 2);
    expect(eachOf(10, 0.95)).toBeCloseTo(0.995, 10);
    expect(eachOf(0, 0.95)).toBeCloseTo(0.95, 10);
  });
});

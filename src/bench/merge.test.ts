import { describe, expect, it } from 'vitest';
import { mergeRepeats, spread } from './merge.ts';
import { sampleHistograms, sampleRepeat } from './testing/sampleRun.ts';

describe('mergeRepeats', () => {
  it('takes percentiles of all values together, never of percentiles', () => {
    const fast = Array.from({ length: 99 }, () => 100);
    const slow = [50_000];
    const merged = mergeRepeats(
      [sampleRepeat(fast), sampleRepeat(slow)],
      [sampleHistograms(fast), sampleHistograms(slow)],
    );
    expect(merged.writeLatencyUs).toMatchObject({ count: 100, p50: 100, p99: 100 });
    expect(merged.writeLatencyUs.max).toBeGreaterThanOrEqual(50_000);
    // The mean of the two medians would be 25 050.
    expect(merged.writeP50Us.max).toBeGreaterThanOrEqual(50_000);
    expect(merged.writesPerSecond).toEqual({ median: 50, min: 1, max: 99 });
  });

  it('adds up counts and errors by kind', () => {
    const repeats = [
      sampleRepeat([100], { failed: 3, dropped: 1, errorsByKind: { timeout: 3 } }),
      sampleRepeat([100], { failed: 2, errorsByKind: { timeout: 1, invalid: 1 } }),
    ];
    const merged = mergeRepeats(repeats, [sampleHistograms([100]), sampleHistograms([100])]);
    expect(merged).toMatchObject({ writes: 2, failed: 5, dropped: 1, errorsByKind: { timeout: 4, invalid: 1 } });
  });

  it('is all zeros without values', () => {
    const merged = mergeRepeats([sampleRepeat([])], [sampleHistograms([])]);
    expect(merged.writeLatencyUs).toMatchObject({ count: 0, mean: 0, p50: 0, p999: 0, max: 0 });
  });
});

describe('spread', () => {
  it('is the middle value, or halfway between two', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spread([10, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 10 });
  });

  it('throws where there is nothing', () => {
    expect(() => spread([])).toThrow(RangeError);
  });
});

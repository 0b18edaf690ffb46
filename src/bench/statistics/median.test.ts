import { describe, expect, it } from 'vitest';
import { median } from './median.ts';

describe('a median', () => {
  it('is the middle one, or between the two', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});

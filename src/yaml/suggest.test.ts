import { describe, expect, it } from 'vitest';
import { suggest } from './suggest.ts';

const known = ['backend', 'batch', 'basePort', 'entriespermsg', 'heartbeat', 'cache'];

describe('suggest', () => {
  it.each([
    ['heartbaet', 'heartbeat'],
    ['baseport', 'basePort'],
    ['entries-per-msg', 'entriespermsg'],
    ['entries', 'entriespermsg'],
    ['cahce', 'cache'],
    ['bach', 'batch'],
  ])('takes %s for %s', (typed, meant) => {
    expect(suggest(typed, known)).toBe(meant);
  });

  it.each(['colour', 'x', ''])('knows nothing near %j', (typed) => {
    expect(suggest(typed, known)).toBeUndefined();
  });
});

import { expect, it } from 'vitest';
import type { Measurements } from '../scenarios/measure.ts';
import { compare, type Pair } from './comparison.ts';
import { happenedTable, sideBySideTable } from './tables.ts';

function play(gapMs: number, successorMs: number | null): Measurements {
  return {
    firstWriteMs: gapMs / 2,
    gapMs,
    waitMs: gapMs,
    leaderlessMs: 0,
    successorMs,
    catchUpMs: 100,
    operatorMs: null,
    terms: successorMs === null ? 0 : 1,
    givenUp: 0,
    roleAtEnd: 'follower',
  };
}

const PAIR: Pair = {
  scenario: 'a story',
  engine: 'gorums',
  real: [play(1000, 900), play(3000, null), play(2000, 1800)],
  simulated: [play(900, 800), play(2000, 1795), play(2980, 1000)],
};

it('counts the real plays that lie within the simulated ones, as far as samples can tell', () => {
  expect(compare(PAIR, 'gapMs')!.within).toBe(2);
  expect(compare(PAIR, 'successorMs')!.within).toBe(2);
  expect(compare(PAIR, 'operatorMs')).toBeUndefined();
});

it('says so in tables', () => {
  expect(happenedTable([PAIR]).split('\n')[2]).toBe(
    '| a story | gorums | 2.00 (3.00) | 0.90 (1.80), 2 of 3 | 0 – 1 | follower | 0.10 (0.10) |',
  );
  const [, , row] = sideBySideTable([PAIR]).split('\n');
  expect(row).toContain('| 2.00 (1.00 – 3.00) / 2.00 (0.90 – 2.98) **1 outside** |');
  expect(row).toMatch(/\| 13 of 14 \|$/);
});

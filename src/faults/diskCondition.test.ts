import { expect, it } from 'vitest';
import { fateOfWrite, isStalled, writeUs } from './diskCondition.ts';

it('a disk is slow as was said, stalls until its time, and only then is seen to be full', () => {
  const condition = { slowness: 2.5, syncAddedUs: 1000, stalledUntilUs: 50, isFull: true };
  expect(writeUs(condition, 11, true)).toBe(1028);
  expect(writeUs(condition, 11, false)).toBe(28);
  expect([49, 50].map((nowUs) => isStalled(condition, nowUs))).toEqual([true, false]);
  expect([49, 50].map((nowUs) => fateOfWrite(condition, nowUs))).toEqual(['waits', 'fails']);
  expect(fateOfWrite({ ...condition, isFull: false }, 50)).toBe('passes');
});

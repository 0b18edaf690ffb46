import { expect, it } from 'vitest';
import { parseCounts } from './systemCalls.ts';

const TABLE = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.27    0.011250          22       500        12 futex
 21.79    0.004000          10       400           epoll_pwait
  0.00    0.000000           0         3           pwritev
------ ----------- ----------- --------- --------- ----------------
100.00    0.018361          20       903        12 total
`;

it('reads how often each call was made from a table of strace, and not what they add up to', () => {
  expect(Object.fromEntries(parseCounts(TABLE))).toEqual({ futex: 500, epoll_pwait: 400, pwritev: 3 });
  expect(parseCounts('').size).toBe(0);
});

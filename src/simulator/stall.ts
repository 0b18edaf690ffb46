import type { DiskCondition } from '../faults/diskCondition.ts';

const LOOK_US = 1000;

/** When a stalled write is looked at again: when its stall ends, or where nobody knows when that is, soon. */
export function stallLookUs({ stalledUntilUs }: Pick<DiskCondition, 'stalledUntilUs'>, nowUs: number): number {
  return stalledUntilUs === Number.POSITIVE_INFINITY ? nowUs + LOOK_US : stalledUntilUs;
}

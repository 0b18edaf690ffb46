/** What befalls what is written to a disk. */
export interface DiskCondition {
  /** A write takes so many times as long as usual. */
  readonly slowness: number;
  /** Each sync takes so much longer, µs. */
  readonly syncAddedUs: number;
  /** No sync returns before; Infinity: none does. */
  readonly stalledUntilUs: number;
  readonly isFull: boolean;
}

export function writeUs(
  { slowness, syncAddedUs }: Pick<DiskCondition, 'slowness' | 'syncAddedUs'>,
  usualUs: number,
  isSync: boolean,
): number {
  return Math.round(usualUs * slowness) + (isSync ? syncAddedUs : 0);
}

/** Such a write waits, and is asked again. */
export function isStalled({ stalledUntilUs }: Pick<DiskCondition, 'stalledUntilUs'>, nowUs: number): boolean {
  return stalledUntilUs > nowUs;
}

/** Of a write whose time has come. */
export function fateOfWrite(
  condition: Pick<DiskCondition, 'stalledUntilUs' | 'isFull'>,
  nowUs: number,
): 'waits' | 'fails' | 'passes' {
  if (isStalled(condition, nowUs)) return 'waits';
  return condition.isFull ? 'fails' : 'passes';
}

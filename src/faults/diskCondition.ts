/** What faults on purpose do to what is written to a disk. */
export interface DiskCondition {
  /** Each sync takes so much longer, µs. */
  readonly syncAddedUs: number;
  /** No sync returns. */
  readonly isStalled: boolean;
  readonly isFull: boolean;
}

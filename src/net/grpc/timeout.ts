const FORMAT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** The longest that a timer takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** How long a call may take by its `grpc-timeout`, ms; undefined where it is not one. */
export function parseTimeoutMs(text: string): number | undefined {
  const [, digits, unit] = FORMAT.exec(text) ?? [];
  return digits === undefined ? undefined : Math.min(TIMER_MS_MAX, Number(digits) * UNIT_MS[unit!]!);
}

/**
 * A timer's time for it: never earlier, and at most a sixteenth later. Timers of equal times share a list, and every call
 * has another time left.
 */
export function coarseMs(ms: number): number {
  const step = Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, ms))) / 16);
  return Math.min(TIMER_MS_MAX, Math.ceil(ms / step) * step);
}

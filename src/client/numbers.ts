import { InvalidNumberError } from './errors.ts';

/** Throws InvalidNumberError where it is no whole number from `least` to `most`. */
export function checkWhole(what: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new InvalidNumberError(`${what} is ${shown(value)}: expected a whole number from ${least} to ${most}`);
}

/** What a timer takes. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Throws InvalidNumberError where it is no time in ms up to `mostMs`. */
export function checkMs(what: string, value: number | undefined, mostMs = Number.POSITIVE_INFINITY): void {
  if (value === undefined || (typeof value === 'number' && value >= 0 && value <= mostMs)) return;
  throw new InvalidNumberError(`${what} is ${shown(value)}: expected a number of milliseconds from 0 to ${mostMs}`);
}

/** Callers need not be of TypeScript. */
function shown(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return value === null ? 'null' : `a ${typeof value}`;
}

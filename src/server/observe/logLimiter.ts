import type { Log } from './log.ts';

/** In which lines with one key are counted, ms. */
const INTERVAL_MS = 1000;
/** Keys told apart at a time. What others send may be part of a key, so there may be any number of them. */
const KEYS_MAX = 16;
/** Of a message, as a key. */
const KEY_LENGTH_MAX = 80;
/** Of a message, looked at for its key. */
const LOOKED_AT_MAX = 4 * KEY_LENGTH_MAX;

interface Interval {
  readonly sinceMs: number;
  passed: number;
  leftOut: number;
}

/**
 * Keeps what anybody can make a server log from filling its disk: of the lines with one key so many pass a second, and
 * with as many keys as one likes KEYS_MAX times that. The next that passes says how many were left out.
 */
export class LogLimiter {
  private readonly nowMs: () => number;
  private readonly linesPerSecond: number;
  private readonly intervals = new Map<string, Interval>();
  /** Left out of keys that were forgotten, or never remembered. */
  private leftOut = 0;

  /** `nowMs`: monotonic. */
  constructor(nowMs: () => number, linesPerSecond: number) {
    this.nowMs = nowMs;
    this.linesPerSecond = linesPerSecond;
  }

  /** What to log behind the line: nothing, or how many were left out; undefined where it is to be left out itself. */
  pass(key: string): string | undefined {
    const nowMs = this.nowMs();
    const interval = this.intervals.get(key);
    if (interval !== undefined && nowMs - interval.sinceMs < INTERVAL_MS) {
      if (interval.passed < this.linesPerSecond) {
        interval.passed++;
        return '';
      }
      interval.leftOut++;
      return undefined;
    }
    if (interval === undefined && this.intervals.size >= KEYS_MAX && !this.forgetOld(nowMs)) {
      this.leftOut++;
      return undefined;
    }
    this.intervals.set(key, { sinceMs: nowMs, passed: 1, leftOut: 0 });
    const others = this.leftOut;
    this.leftOut = 0;
    return note(interval?.leftOut ?? 0, 'like it') + note(others, 'of other kinds');
  }

  /** Makes room; false where there is none to make. */
  private forgetOld(nowMs: number): boolean {
    for (const [key, { sinceMs, leftOut }] of this.intervals) {
      if (nowMs - sinceMs < INTERVAL_MS) continue;
      this.leftOut += leftOut;
      this.intervals.delete(key);
    }
    return this.intervals.size < KEYS_MAX;
  }
}

function note(count: number, what: string): string {
  return count === 0 ? '' : ` (and ${count} ${what} since, not logged)`;
}

/** A log for what others can cause, of which every kind of line has its bound. Lines are of one kind that differ in numbers only. */
export interface LimitedLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export function limitLog(log: Log, nowMs: () => number, linesPerSecond = 1): LimitedLog {
  const limiter = new LogLimiter(nowMs, linesPerSecond);
  const limited = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    const note = limiter.pass(kindOf(message));
    if (note !== undefined) log[level](fields, message + note);
  };
  return { info: limited('info'), warn: limited('warn'), error: limited('error') };
}

/** What is the same in messages that differ in their numbers only. */
function kindOf(message: string): string {
  return message.slice(0, LOOKED_AT_MAX).replaceAll(/\d+/g, '#').slice(0, KEY_LENGTH_MAX);
}

import { z } from 'zod';
import { formatDuration, parseDurationMs } from '../goflags/goValues.ts';

// Every message says what was expected; whoever prints it adds what was there instead.

export const integer = (what: string, min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  z.custom<number>((value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max, {
    error: `expected ${what}`,
  });

export const flag = z.boolean({ error: 'expected true or false' });

/** A duration as Go writes it, in ms; 0 where `text` is none. */
export function durationMs(text: string): number {
  const parsed = parseDurationMs(text);
  return parsed.ok ? parsed.value : 0;
}

/** What a timer takes: one that is set for longer goes off at once. */
const DURATION_MS_MAX = 2 ** 31 - 1;

/** A duration above zero, and of at least so many ms. */
export const durationFrom = (minMs = 0) =>
  z.custom<string>(
    (value) => {
      const ms = typeof value === 'string' ? durationMs(value) : 0;
      return ms > 0 && ms >= minMs && ms <= DURATION_MS_MAX;
    },
    {
      error: ({ input }) => {
        const ms = typeof input === 'string' ? durationMs(input) : 0;
        if (ms > DURATION_MS_MAX) return 'expected a duration of at most 596h';
        if (ms > 0) return `expected a duration of at least ${formatDuration(minMs)}`;
        return 'expected a duration above zero, such as 20ms, 1s or 1m30s';
      },
    },
  );

export const duration = durationFrom();

export const text = (what: string) =>
  z.custom<string>((value) => typeof value === 'string' && value.length > 0 && !value.includes('\0'), {
    error: `expected ${what}`,
  });

/** Unknown keys keep zod's own issue, which names them; their wording is made where their line is known. */
export function objectMessage(what: string) {
  return (issue: { code?: string | undefined }) =>
    issue.code === 'unrecognized_keys' ? undefined : `expected ${what}`;
}

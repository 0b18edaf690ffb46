import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TERM_MAX, TermGuard } from './termGuard.ts';

const TIMEOUT_MS = 100;

describe('what a server believes of terms', () => {
  it('is so much at once that no honest server ever waits', () => {
    expect(new TermGuard(TIMEOUT_MS).ceiling(5, 0)).toBeGreaterThan(2 ** 31);
  });

  it('rises once in an election timeout, whatever comes', () => {
    const guard = new TermGuard(TIMEOUT_MS);
    const first = guard.ceiling(5, 0);
    expect(guard.ceiling(first, 0)).toBe(first);
    expect(guard.ceiling(first, TIMEOUT_MS - 1)).toBe(first);
    expect(guard.ceiling(first, TIMEOUT_MS)).toBeGreaterThan(first);
  });

  it('is never below the own term', () => {
    const guard = new TermGuard(TIMEOUT_MS);
    const first = guard.ceiling(5, 0);
    expect(guard.ceiling(first + 7, 1)).toBe(first + 7);
    expect(guard.ceiling(TERM_MAX, 2)).toBe(TERM_MAX);
  });

  it('makes up for any distance in the time that it took to get there', () => {
    const ahead = climb(0, 1000);
    const behind = climb(0, 10);
    expect(timeoutsUntil(behind, ahead)).toBeLessThanOrEqual(991);
  });

  it('leaves terms for elections after a year of forging, a term in every election timeout of a second', () => {
    const share = 1 - 2 ** -21;
    // As `climb`, without taking 31 million steps.
    const left = TERM_MAX * share ** (365 * 24 * 3600);
    expect(left).toBeGreaterThan(2 ** 31);
    expect(TERM_MAX - climb(0, 10_000)).toBeCloseTo(TERM_MAX * share ** 10_000, -8);
  });

  it('is what a look through all that was asked before says', () => {
    const ask = fc.record({
      passMs: fc.oneof(fc.nat(30), fc.constantFrom(0, TIMEOUT_MS - 1, TIMEOUT_MS, TIMEOUT_MS + 1)),
      term: fc.oneof(
        fc.nat(5000),
        fc.maxSafeNat().map((term) => Math.min(term, TERM_MAX)),
        fc.nat(2 ** 32).map((left) => TERM_MAX - left),
      ),
    });
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 20 }), (asks) => {
        const guard = new TermGuard(TIMEOUT_MS);
        const asked: Asked[] = [];
        let nowMs = 0;
        for (const { passMs, term } of asks) {
          nowMs += passMs;
          asked.push({ nowMs, term });
          expect(guard.ceiling(term, nowMs)).toBe(slowCeiling(asked));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('ends at the last term that may be asked for', () => {
    expect(climb(TERM_MAX - 5000, 10)).toBe(TERM_MAX);
    expect(Number.isSafeInteger(TERM_MAX + 1)).toBe(true);
  });
});

/** The term after a peer named the highest possible one in each of so many election timeouts. */
function climb(from: number, timeouts: number): number {
  const guard = new TermGuard(TIMEOUT_MS);
  let term = from;
  for (let i = 0; i < timeouts; i++) term = guard.ceiling(term, i * TIMEOUT_MS);
  return term;
}

function timeoutsUntil(from: number, to: number): number {
  const guard = new TermGuard(TIMEOUT_MS);
  let term = from;
  for (let i = 0; ; i++) {
    if (term >= to) return i;
    term = guard.ceiling(term, i * TIMEOUT_MS);
  }
}

interface Asked {
  readonly nowMs: number;
  readonly term: number;
}

/** The slow obvious twin: finds anew when each election timeout began, and counts in integers of any size. */
function slowCeiling(asked: readonly Asked[]): number {
  let beginning = asked[0]!;
  for (const each of asked) if (each.nowMs >= beginning.nowMs + TIMEOUT_MS) beginning = each;
  const share = BigInt(TERM_MAX - beginning.term) / 2n ** 21n;
  const risen = BigInt(beginning.term) + (share > 1024n ? share : 1024n);
  const believed = risen > BigInt(TERM_MAX) ? TERM_MAX : Number(risen);
  const own = asked[asked.length - 1]!.term;
  return own > believed ? own : believed;
}

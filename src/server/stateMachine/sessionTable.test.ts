import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_LIMITS, type SessionLimits, SessionTable } from './sessionTable.ts';

const LIMITS = { ...SESSION_LIMITS, sessionsMax: 8, unusedIdleEntries: 4, usedIdleEntries: 20 };

function use(table: SessionTable, id: number, index: number): boolean {
  const session = table.get(id);
  if (session !== undefined) table.noteUse(id, session, index);
  return session !== undefined;
}

/** The rule in its own words: two lists, the first of which goes first. */
class SlowTable {
  unused: number[] = [];
  used: { readonly id: number; lastUsed: number }[] = [];
  private readonly limits: SessionLimits;

  constructor(limits: SessionLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.unused.length + this.used.length;
  }

  register(index: number): boolean {
    const { sessionsMax, unusedIdleEntries, usedIdleEntries } = this.limits;
    if (this.size >= sessionsMax) {
      if (this.unused.length > 0 && index - this.unused[0]! >= unusedIdleEntries) this.unused.shift();
      else {
        const looked = this.used.slice(0, 64);
        const found = looked.findIndex(({ lastUsed }) => index - lastUsed >= usedIdleEntries);
        const passed = found < 0 ? looked : looked.slice(0, found);
        this.used = [...this.used.slice(found < 0 ? looked.length : found + 1), ...passed];
        if (found < 0) return false;
      }
    }
    this.unused.push(index);
    return true;
  }

  use(id: number, index: number): boolean {
    const known = this.used.find((each) => each.id === id);
    if (known !== undefined) known.lastUsed = index;
    else if (this.unused.includes(id)) {
      this.unused = this.unused.filter((each) => each !== id);
      this.used.push({ id, lastUsed: index });
    } else return false;
    return true;
  }
}

describe('the table of sessions', () => {
  it.each([
    ['few', { sessionsMax: 5, unusedIdleEntries: 3, usedIdleEntries: 9 }],
    ['none that is never used', { sessionsMax: 3, unusedIdleEntries: 100, usedIdleEntries: 6 }],
    ['more than are looked at for one registration', { sessionsMax: 70, unusedIdleEntries: 50, usedIdleEntries: 75 }],
  ])('forgets what its slow twin forgets (%s)', (_, counts) => {
    const limits = { ...SESSION_LIMITS, ...counts };
    const step = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: limits.sessionsMax + 4 }));
    // Runs of registrations fill the table, and runs of uses make a part of it hard to forget.
    const run = fc.tuple(step, fc.integer({ min: 1, max: 20 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(run, { minLength: 10, maxLength: 60 }), (runs) => {
        const table = new SessionTable(limits);
        const slow = new SlowTable(limits);
        let index = 0;
        for (const [first, length, climbs] of runs) {
          const [found, expected]: unknown[][] = [[], []];
          for (let i = 0; i < length; i++) {
            index++;
            const id = first === 0 ? 0 : Math.max(1, index - first - (climbs ? 0 : i));
            found!.push(id === 0 ? table.register(index) : use(table, id, index), table.size);
            expected!.push(id === 0 ? slow.register(index) : slow.use(id, index), slow.size);
          }
          found!.push(...table.unusedIds, ...[...table.usedSessions].map(([id, { lastUsed }]) => `${id}: ${lastUsed}`));
          expected!.push(...slow.unused, ...slow.used.map(({ id, lastUsed }) => `${id}: ${lastUsed}`));
          expect(found).toEqual(expected);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('looks at no more sessions for one registration than that it costs little', () => {
    const limits = { ...SESSION_LIMITS, sessionsMax: 100, unusedIdleEntries: 1, usedIdleEntries: 500 };
    const table = new SessionTable(limits);
    for (let id = 1; id <= 100; id++) table.register(id);
    // The last of a hundred was used long ago, all others just now.
    for (let id = 1; id < 100; id++) use(table, id, 1000);
    use(table, 100, 101);
    expect(table.register(1001)).toBe(false);
    // The 64 that were looked at stand at the end now.
    expect([...table.usedSessions.keys()].slice(0, 36)).toEqual(Array.from({ length: 36 }, (_, i) => 65 + i));
    expect(table.register(1002)).toBe(true);
    expect(table.get(100)).toBeUndefined();
  });

  it('a million anonymous registrations made it forget the sessions of every client', () => {
    const table = new SessionTable();
    const clients = [1, 2, 3];
    for (const id of clients) {
      expect(table.register(id)).toBe(true);
      use(table, id, id + 3);
    }
    const last = SESSION_LIMITS.sessionsMax + 200_000;
    let refused = 0;
    for (let index = 10; index < last; index++) if (!table.register(index)) refused++;
    expect(refused).toBe(0);
    expect(table.size).toBe(SESSION_LIMITS.sessionsMax);
    for (const id of clients) expect(table.get(id)).toBeDefined();
    expect(table.get(10)).toBeUndefined();
    expect(table.get(last - 1)).toBeDefined();
  });

  it('registers no session under a number that is not above the last one', () => {
    const table = new SessionTable();
    table.register(7);
    expect(() => table.register(7)).toThrow(expect.objectContaining({ rule: 'session numbers rise' }));
  });

  it('refuses a registration rather than forget a session that is in use', () => {
    const table = new SessionTable(LIMITS);
    for (let id = 1; id <= 8; id++) {
      table.register(id);
      use(table, id, 10 + id);
    }
    expect(table.register(30)).toBe(false);
    expect(table.size).toBe(8);
    expect(table.register(31)).toBe(true);
    expect([table.get(1), table.size]).toEqual([undefined, 8]);
  });

  it('leaves a new session time to be used', () => {
    const table = new SessionTable({ ...LIMITS, unusedIdleEntries: 10 });
    for (let id = 1; id <= 8; id++) table.register(100 + id);
    expect(table.register(110)).toBe(false);
    expect(table.register(111)).toBe(true);
    expect(table.get(101)).toBeUndefined();
  });

  it('forgets what was used least recently, not what was registered first', () => {
    const table = new SessionTable(LIMITS);
    for (let id = 1; id <= 8; id++) {
      table.register(id);
      use(table, id, 10 + id);
    }
    use(table, 1, 35);
    expect(table.register(40)).toBe(true);
    expect([table.get(1) !== undefined, table.get(2)]).toEqual([true, undefined]);
  });

  it('equal logs forget equally, also from the middle on', () => {
    const step = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat({ max: 60 }), (steps, cut) => {
        const table = new SessionTable(LIMITS);
        let restored = new SessionTable(LIMITS);
        for (const [i, id] of steps.entries()) {
          if (i === cut) {
            restored = new SessionTable(LIMITS);
            restored.replace(
              [...table.usedSessions].map(([key, session]) => [key, Object.assign(Object.create(session), session)]),
              table.unusedIds,
            );
          }
          const act = (each: SessionTable) => (id === 0 ? each.register(i + 1) : use(each, id, i + 1));
          const outcome = act(table);
          if (i >= cut) expect(act(restored)).toBe(outcome);
          expect(table.size).toBeLessThanOrEqual(LIMITS.sessionsMax);
        }
        if (steps.length > cut) {
          expect([...restored.unusedIds]).toEqual([...table.unusedIds]);
          expect([...restored.usedSessions.keys()]).toEqual([...table.usedSessions.keys()]);
        }
      }),
    );
  });

  it('forgets, where another table takes its place, all that it was, and whom it would have forgotten next', () => {
    const limits = { ...LIMITS, sessionsMax: 3, unusedIdleEntries: 10, usedIdleEntries: 20 };
    const table = new SessionTable(limits);
    for (const id of [2, 3, 4]) table.register(id);
    // It looked at 2, and 2 may not be forgotten yet.
    expect(table.register(5)).toBe(false);
    table.replace([], [1, 2]);
    expect([table.size, [...table.unusedIds]]).toEqual([2, [1, 2]]);
    expect([table.register(12), table.register(13)]).toEqual([true, true]);
    expect([...table.unusedIds]).toEqual([2, 12, 13]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_LIMITS, SessionTable } from './sessionTable.ts';

const LIMITS = { sessionsMax: 8, unusedIdleEntries: 4, usedIdleEntries: 20 };

function use(table: SessionTable, id: number, index: number): boolean {
  const session = table.get(id);
  if (session !== undefined) table.noteUse(id, session, index);
  return session !== undefined;
}

describe('the table of sessions', () => {
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
});

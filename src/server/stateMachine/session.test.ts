import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Admission, SEQUENCE_AHEAD_MAX, Session } from './session.ts';

const ABOVE_MAX = 64;

/** The obvious twin: every number ever applied, in one set that is never trimmed. */
class SlowSession {
  private readonly applied: Set<number>;
  floor = 0;

  constructor(applied: readonly number[] = []) {
    this.applied = new Set(applied);
  }

  /** The highest number up to which everything above the floor is applied. */
  get mark(): number {
    let mark = this.floor;
    while (this.applied.has(mark + 1)) mark++;
    return mark;
  }

  get aboveMark(): number[] {
    const { mark } = this;
    return [...this.applied].filter((seq) => seq > mark).sort((a, b) => a - b);
  }

  hasApplied(seq: number): boolean {
    return seq > this.floor && this.applied.has(seq);
  }

  admit(seq: number): Admission {
    if (seq <= this.floor) return 'too-old';
    if (this.applied.has(seq)) return 'duplicate';
    if (seq > this.mark + SEQUENCE_AHEAD_MAX) return 'too-far';
    const isFull = seq !== this.mark + 1 && this.aboveMark.length === ABOVE_MAX;
    this.applied.add(seq);
    if (isFull) this.floor = this.aboveMark[0]! - 1;
    return 'apply';
  }
}

function expectSame(session: Session, slow: SlowSession, seq: number): void {
  const foreseen = session.refusal(seq);
  const near = [seq, session.floor, session.floor + 1];
  expect(near.map((each) => session.hasApplied(each))).toEqual(near.map((each) => slow.hasApplied(each)));
  const admission = slow.admit(seq);
  const refusal = admission === 'too-old' || admission === 'too-far' ? admission : undefined;
  const found = [foreseen, session.admit(seq, ABOVE_MAX), session.floor, session.mark];
  expect(found).toEqual([refusal, admission, slow.floor, slow.mark]);
}

function admitRange(session: Session, from: number, to: number): void {
  for (let seq = from; seq <= to; seq++)
    if (session.admit(seq, ABOVE_MAX) !== 'apply') expect.unreachable(`${seq} is refused`);
}

describe('a session', () => {
  it('admits what its slow twin admits', () => {
    const seq = fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: SEQUENCE_AHEAD_MAX, max: SEQUENCE_AHEAD_MAX + 12 }),
    );
    fc.assert(
      fc.property(fc.array(seq, { maxLength: 80 }), (numbers) => {
        const session = new Session();
        const slow = new SlowSession();
        for (const number of numbers) {
          expectSame(session, slow, number);
          const { aboveMark } = slow;
          expect([session.above.size, session.above.lowest]).toEqual([
            aboveMark.length,
            aboveMark[0] ?? Number.POSITIVE_INFINITY,
          ]);
          expect(aboveMark.filter((each) => !session.above.has(each))).toEqual([]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('filling the oldest gap of a full set made what was applied before it too old to be told', () => {
    const session = new Session();
    admitRange(session, 1, 2);
    admitRange(session, 4, ABOVE_MAX + 3);
    expect(session.admit(3, ABOVE_MAX)).toBe('apply');
    expect([session.floor, session.mark]).toEqual([0, ABOVE_MAX + 3]);
    expect(session.admit(2, ABOVE_MAX)).toBe('duplicate');
  });

  it('admits what its slow twin admits while its set is nearly full', () => {
    const first = ABOVE_MAX + 3;
    const near = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: first - 1, max: first + 6 }));
    fc.assert(
      fc.property(fc.array(near, { minLength: 1, maxLength: 6 }), (numbers) => {
        // Two more may come before the set is full.
        const present = Array.from({ length: ABOVE_MAX - 2 }, (_, i) => 4 + i);
        const session = new Session();
        const slow = new SlowSession(present);
        for (const number of present) session.admit(number, ABOVE_MAX);
        for (const number of numbers) {
          expectSame(session, slow, number);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('applies every number once, whatever the order', () => {
    const shuffled = fc.shuffledSubarray(
      Array.from({ length: 60 }, (_, i) => i + 1),
      { minLength: 60 },
    );
    fc.assert(
      fc.property(shuffled, (order) => {
        const session = new Session();
        const twice = [...order, ...order].map((seq) => session.admit(seq, ABOVE_MAX));
        expect(twice).toEqual([...order.map(() => 'apply'), ...order.map(() => 'duplicate')]);
        expect([session.floor, session.mark]).toEqual([0, 60]);
        // Of very many sessions few have a gap: the others have no set of their own.
        expect(session.above).toBe(new Session().above);
        expect(session.above.size).toBe(0);
      }),
    );
  });

  it('serves the Go client, which numbers its first insert 2 and pipelines', () => {
    const session = new Session();
    const last = 3 * ABOVE_MAX;
    for (let seq = 2; seq < last; seq += 2) {
      admitRange(session, seq + 1, seq + 1);
      admitRange(session, seq, seq);
      if (session.above.size > ABOVE_MAX) expect.unreachable(`${session.above.size} above the mark`);
    }
    expect(session.admit(last - 1, ABOVE_MAX)).toBe('duplicate');
    expect(session.floor).toBe(1);
    expect(session.admit(1, ABOVE_MAX)).toBe('too-old');
  });

  it('moves the mark past its oldest gap, and no further, when its set is full', () => {
    const session = new Session();
    admitRange(session, 1, 10);
    admitRange(session, 12, 20);
    // 21 is missing, too: a younger gap stays open.
    const last = 22 + ABOVE_MAX - 9;
    admitRange(session, 22, last - 1);
    expect(session.mark).toBe(10);
    expect(session.admit(last, ABOVE_MAX)).toBe('apply');
    expect([session.floor, session.mark]).toEqual([11, 20]);
    expect(session.admit(11, ABOVE_MAX)).toBe('too-old');
    expect(session.admit(10, ABOVE_MAX)).toBe('too-old');
    expect(session.admit(12, ABOVE_MAX)).toBe('duplicate');
    expect(session.admit(21, ABOVE_MAX)).toBe('apply');
    expect([session.mark, session.above.size]).toEqual([last, 0]);
  });

  it('refuses a number too far ahead and is none the worse for it', () => {
    const session = new Session();
    admitRange(session, 1, 3);
    expect(session.admit(3 + SEQUENCE_AHEAD_MAX + 1, ABOVE_MAX)).toBe('too-far');
    expect(session.admit(3 + SEQUENCE_AHEAD_MAX, ABOVE_MAX)).toBe('apply');
    expect(session.admit(4, ABOVE_MAX)).toBe('apply');
  });
});

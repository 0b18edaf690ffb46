import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SEQUENCE_WINDOW } from '../../wire/limits.ts';
import { type Admission, SEQUENCE_AHEAD_MAX, Session } from './session.ts';

const WINDOW = 64;

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
    this.applied.add(seq);
    const leftBehind = Math.max(...this.applied) - WINDOW;
    if (leftBehind > this.mark) this.floor = leftBehind;
    return 'apply';
  }
}

function expectSame(session: Session, slow: SlowSession, seq: number): void {
  const foreseen = session.refusal(seq);
  const near = [seq, session.floor, session.floor + 1];
  expect(near.map((each) => session.hasApplied(each))).toEqual(near.map((each) => slow.hasApplied(each)));
  const admission = slow.admit(seq);
  const refusal = admission === 'too-old' || admission === 'too-far' ? admission : undefined;
  const found = [foreseen, session.admit(seq, WINDOW), session.floor, session.mark];
  expect(found).toEqual([refusal, admission, slow.floor, slow.mark]);
}

function admitRange(session: Session, from: number, to: number): void {
  for (let seq = from; seq <= to; seq++)
    if (session.admit(seq, WINDOW) !== 'apply') expect.unreachable(`${seq} is refused`);
}

describe('a session', () => {
  it('admits what its slow twin admits', () => {
    const seq = fc.oneof(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 3 * WINDOW }),
      fc.integer({ min: SEQUENCE_AHEAD_MAX, max: SEQUENCE_AHEAD_MAX + 12 }),
    );
    fc.assert(
      fc.property(fc.array(seq, { maxLength: 80 }), (numbers) => {
        const session = new Session(1);
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

  it('filling the oldest gap made what was applied before it too old to be told', () => {
    const session = new Session(1);
    admitRange(session, 1, 2);
    admitRange(session, 4, WINDOW + 2);
    expect(session.admit(3, WINDOW)).toBe('apply');
    expect([session.floor, session.mark]).toEqual([0, WINDOW + 2]);
    expect(session.admit(2, WINDOW)).toBe('duplicate');
  });

  it('applies every number once, whatever the order', () => {
    const shuffled = fc.shuffledSubarray(
      Array.from({ length: 60 }, (_, i) => i + 1),
      { minLength: 60 },
    );
    fc.assert(
      fc.property(shuffled, (order) => {
        const session = new Session(1);
        const twice = [...order, ...order].map((seq) => session.admit(seq, WINDOW));
        expect(twice).toEqual([...order.map(() => 'apply'), ...order.map(() => 'duplicate')]);
        expect([session.floor, session.mark]).toEqual([0, 60]);
        // Of very many sessions few have a gap: the others have no set of their own.
        expect(session.above).toBe(new Session(1).above);
        expect(session.above.size).toBe(0);
      }),
    );
  });

  it('serves the Go client, which numbers its first insert 2 and pipelines', () => {
    const session = new Session(1);
    const last = 3 * WINDOW;
    for (let seq = 2; seq < last; seq += 2) {
      admitRange(session, seq + 1, seq + 1);
      admitRange(session, seq, seq);
      if (session.above.size > WINDOW) expect.unreachable(`${session.above.size} above the mark`);
    }
    expect(session.admit(last - 1, WINDOW)).toBe('duplicate');
    expect(session.floor).toBe(1);
    expect(session.admit(1, WINDOW)).toBe('too-old');
  });

  it('gives up what is missing a window below its highest number, and no more', () => {
    const session = new Session(1);
    admitRange(session, 1, 10);
    admitRange(session, 12, 20);
    // 21 is missing, too: a younger gap stays open.
    admitRange(session, 22, 10 + WINDOW);
    expect([session.floor, session.mark]).toEqual([0, 10]);
    expect(session.admit(11 + WINDOW, WINDOW)).toBe('apply');
    expect([session.floor, session.mark]).toEqual([11, 20]);
    expect(session.admit(11, WINDOW)).toBe('too-old');
    expect(session.admit(10, WINDOW)).toBe('too-old');
    expect(session.admit(12, WINDOW)).toBe('duplicate');
    expect(session.admit(21, WINDOW)).toBe('apply');
    expect([session.mark, session.above.size]).toEqual([11 + WINDOW, 0]);
  });

  it('goes on for a client that gives up most of what it numbers', () => {
    const session = new Session(1);
    for (let seq = 10; seq < 3 * SEQUENCE_AHEAD_MAX; seq += 100)
      if (session.admit(seq, SEQUENCE_WINDOW) !== 'apply') expect.unreachable(`${seq} is refused`);
    expect(session.floor).toBeGreaterThan(2 * SEQUENCE_AHEAD_MAX);
  });

  it('refuses a number too far ahead and is none the worse for it', () => {
    const session = new Session(1);
    admitRange(session, 1, 3);
    expect(session.admit(3 + SEQUENCE_AHEAD_MAX + 1, WINDOW)).toBe('too-far');
    expect(session.admit(4, WINDOW)).toBe('apply');
    const far = 4 + SEQUENCE_AHEAD_MAX;
    expect(session.admit(far, WINDOW)).toBe('apply');
    expect(session.admit(far - WINDOW, WINDOW)).toBe('too-old');
    expect(session.admit(far - WINDOW + 1, WINDOW)).toBe('apply');
  });
});

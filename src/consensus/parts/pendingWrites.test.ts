import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PendingWrites } from './pendingWrites.ts';

describe('PendingWrites', () => {
  it('knows what is on disk by the marks that are', () => {
    const writes = new PendingWrites(4, 2);
    const first = writes.handOver(6, 2, 0);
    const second = writes.handOver(9, 3, 0);
    expect(second).toBe(first + 1);
    expect([writes.durableIndex, writes.durableTerm]).toEqual([4, 2]);
    writes.durable(first);
    expect([writes.durableIndex, writes.durableTerm]).toEqual([6, 2]);
    writes.durable(second);
    expect([writes.durableIndex, writes.durableTerm]).toEqual([9, 3]);
  });

  it('does not take a write of entries that were cut off since for one of those in their place', () => {
    const writes = new PendingWrites(0, 1);
    const old = writes.handOver(9, 1, 0);
    writes.truncateFrom(5);
    const replacement = writes.handOver(7, 2, 0);
    writes.durable(old);
    expect(writes.durableIndex).toBe(4);
    writes.durable(replacement);
    expect(writes.durableIndex).toBe(7);
    writes.truncateFrom(3);
    expect(writes.durableIndex).toBe(2);
  });

  it('does not take a write for one of entries that came after it, where the log is cut among these', () => {
    const writes = new PendingWrites(0, 1);
    const mark = writes.handOver(2, 1, 0);
    // Up to 9 meanwhile.
    writes.truncateFrom(6);
    writes.durable(mark);
    expect(writes.durableIndex).toBe(2);
  });

  it('says how long the oldest write has taken', () => {
    const writes = new PendingWrites(0, 0);
    expect(writes.stalledMs(50)).toBe(0);
    const mark = writes.handOver(1, 1, 10);
    writes.handOver(2, 1, 30);
    expect(writes.stalledMs(50)).toBe(40);
    writes.durable(mark);
    expect(writes.stalledMs(50)).toBe(20);
  });
});

type Step =
  | { readonly kind: 'append' | 'cut' | 'install'; readonly count: number }
  | { readonly kind: 'new term' | 'hand over' }
  | { readonly kind: 'durable'; readonly back: number }
  | { readonly kind: 'pass'; readonly durationMs: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('install' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('new term' as const, 'hand over', 'hand over') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('durable' as const), back: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), durationMs: fc.nat(50) }) },
);

/** A write as its twin knows it: all that it makes of the disk. */
interface Image {
  readonly log: readonly number[];
  readonly term: number;
  readonly handedAtMs: number;
}

/** The slow obvious twin: each write leaves the whole log and its term on the disk, and what is there is compared with what is here. */
class Twin {
  term = 2;
  nowMs = 0;
  /** Every entry is another one than all before it, whatever its index. */
  log: number[];
  private made = 0;
  private readonly images: Image[];
  private doneMark = 0;

  constructor(durableIndex: number) {
    this.log = this.fresh(durableIndex);
    this.images = [{ log: [...this.log], term: this.term, handedAtMs: 0 }];
  }

  get lastMark(): number {
    return this.images.length - 1;
  }

  fresh(count: number): number[] {
    return Array.from({ length: count }, () => ++this.made);
  }

  handOver(): number {
    return this.images.push({ log: [...this.log], term: this.term, handedAtMs: this.nowMs }) - 1;
  }

  durable(mark: number): void {
    this.doneMark = Math.max(this.doneMark, mark);
  }

  /** What PendingWrites is to say. */
  get said() {
    const disk = this.images[this.doneMark]!;
    const differs = this.log.findIndex((entry, place) => disk.log[place] !== entry);
    const owed = this.images.slice(this.doneMark + 1);
    return {
      durableIndex: differs < 0 ? this.log.length : differs,
      durableTerm: disk.term,
      stalledMs: Math.max(0, ...owed.map(({ handedAtMs }) => this.nowMs - handedAtMs)),
    };
  }
}

function perform(next: Step, writes: PendingWrites, twin: Twin): void {
  switch (next.kind) {
    case 'append':
      twin.log.push(...twin.fresh(next.count));
      break;
    case 'cut': {
      const kept = Math.max(0, twin.log.length - next.count);
      twin.log = twin.log.slice(0, kept);
      writes.truncateFrom(kept + 1);
      break;
    }
    case 'install':
      twin.log = twin.fresh(twin.log.length + next.count);
      writes.truncateFrom(1);
      break;
    case 'new term':
      twin.term++;
      break;
    case 'hand over':
      expect(writes.handOver(twin.log.length, twin.term, twin.nowMs)).toBe(twin.handOver());
      break;
    case 'durable': {
      // Of several at once, and of what was durable before as well.
      const mark = Math.max(0, twin.lastMark - next.back);
      writes.durable(mark);
      twin.durable(mark);
      break;
    }
    case 'pass':
      twin.nowMs += next.durationMs;
  }
}

describe('PendingWrites, at random', () => {
  it('says what a comparison of the disk with the log shows', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.array(step, { maxLength: 40 }), (durableIndex, steps) => {
        const twin = new Twin(durableIndex);
        const writes = new PendingWrites(durableIndex, twin.term);
        for (const next of steps) {
          perform(next, writes, twin);
          const { durableIndex: index, durableTerm } = writes;
          expect({ durableIndex: index, durableTerm, stalledMs: writes.stalledMs(twin.nowMs) }).toEqual(twin.said);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

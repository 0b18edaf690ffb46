import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_HARD_STATE, type HardState, type PersistBatch, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { Message, MessageType } from './messages.ts';
import { Persistence } from './persistence.ts';

const entry = (index: number, term = 1) => new Entry(index, term, EntryType.Normal, new Uint8Array(0));

describe('persistence', () => {
  const response = () => new Message(MessageType.AppendResp, 1);

  it('makes one batch of a drain, and gives responses back when it is durable', () => {
    const log = new MemoryLog();
    const persistence = new Persistence(log, EMPTY_HARD_STATE);
    persistence.write(undefined, [entry(1), entry(2)], { term: 1, vote: 1, commit: 0 });
    persistence.write(undefined, [entry(2, 2), entry(3, 2)], undefined);
    const owed = response();
    persistence.owe([owed]);
    expect(persistence.takeDue()).toEqual([]);
    const batch = persistence.take()!;
    expect(batch).toMatchObject({ mark: 1, hardState: { term: 1, vote: 1, commit: 0 }, mustSync: true });
    expect(batch.entries.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
    ]);
    expect(batch.truncateFrom).toBeUndefined();
    expect(persistence.take()).toBeUndefined();
    expect(persistence.durable(1)).toEqual([owed]);
    expect(persistence.durable(1)).toEqual([]);
  });

  it('truncates only what storage holds', () => {
    const log = new MemoryLog();
    log.persist({ mark: 1, entries: [entry(1), entry(2), entry(3)], mustSync: true });
    const persistence = new Persistence(log, EMPTY_HARD_STATE);
    persistence.write(undefined, [entry(4)], undefined);
    expect(persistence.take()!.truncateFrom).toBeUndefined();
    persistence.write(undefined, [entry(3, 2)], undefined);
    persistence.write(undefined, [entry(2, 3)], undefined);
    expect(persistence.take()).toMatchObject({ truncateFrom: 2, entries: [{ index: 2, term: 3 }] });
    const [overwriting, last] = [new Persistence(log, EMPTY_HARD_STATE), new Persistence(log, EMPTY_HARD_STATE)];
    overwriting.write(undefined, [entry(2, 2)], undefined);
    overwriting.write(undefined, [entry(3, 2)], undefined);
    expect(overwriting.take()).toMatchObject({ truncateFrom: 2, entries: [{ index: 2 }, { index: 3 }] });
    const before = new Persistence(log, EMPTY_HARD_STATE);
    before.write(undefined, [entry(3, 2), entry(4, 2), entry(5, 2)], undefined);
    before.write(undefined, [entry(2, 3)], undefined);
    expect(before.take()).toMatchObject({ truncateFrom: 2, entries: [{ index: 2, term: 3 }] });
    last.write(undefined, [entry(3, 2)], undefined);
    expect(last.take()).toMatchObject({ truncateFrom: 3, entries: [{ index: 3 }] });
    log.persist({ mark: 2, truncateFrom: 2, entries: [entry(2, 3)], mustSync: true });
    persistence.write(undefined, [entry(3, 3)], undefined);
    expect(persistence.take()).toMatchObject({ truncateFrom: undefined, entries: [{ index: 3 }] });
  });

  it('lets a snapshot take the place of what was to be written before', () => {
    const log = new MemoryLog();
    log.persist({ mark: 1, entries: [entry(1), entry(2)], mustSync: true });
    const persistence = new Persistence(log, EMPTY_HARD_STATE);
    const snapshot = {
      index: 9,
      term: 2,
      configuration: simpleConfiguration([1]),
      content: new MemoryContent(new Uint8Array(0)),
    };
    persistence.write(undefined, [entry(2, 2)], undefined);
    persistence.write(snapshot, [entry(10, 2)], undefined);
    expect(persistence.take()).toMatchObject({ snapshot, truncateFrom: undefined, entries: [{ index: 10 }] });
    const behind = new Persistence(log, EMPTY_HARD_STATE);
    behind.write({ ...snapshot, index: 1 }, [entry(2, 2)], undefined);
    expect(behind.take()).toMatchObject({ truncateFrom: undefined, entries: [{ index: 2 }] });
    // Once.
    persistence.write(undefined, [entry(11, 2)], undefined);
    expect(persistence.take()).toMatchObject({ snapshot: undefined, entries: [{ index: 11 }] });
  });

  it('writes a term and a vote once, each by itself', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.write(undefined, [], { term: 1, vote: 0, commit: 0 });
    expect(persistence.take()).toMatchObject({ hardState: { term: 1, vote: 0 } });
    persistence.write(undefined, [], { term: 1, vote: 2, commit: 0 });
    expect(persistence.take()).toMatchObject({ hardState: { term: 1, vote: 2 } });
    persistence.write(undefined, [], { term: 1, vote: 2, commit: 0 });
    expect(persistence.take()).toBeUndefined();
    persistence.write(undefined, [entry(1)], undefined);
    expect(persistence.take()).toMatchObject({ hardState: undefined });
  });

  it('writes a commit index only along with something else', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.write(undefined, [], { term: 0, vote: 0, commit: 7 });
    expect(persistence.take()).toBeUndefined();
    persistence.write(undefined, [entry(8)], undefined);
    expect(persistence.take()!.hardState).toMatchObject({ commit: 7 });
  });

  it('keeps it for a change of the members until the batch with it is durable', () => {
    const persistence = new Persistence(new MemoryLog(), { term: 1, vote: 0, commit: 4 });
    persistence.changeApplied(4);
    expect([persistence.openChange, persistence.take()]).toEqual([0, undefined]);
    persistence.write(undefined, [entry(7)], undefined);
    expect(persistence.take()).toMatchObject({ mark: 1, hardState: undefined });
    persistence.changeApplied(5);
    persistence.changeApplied(6);
    expect(persistence.openChange).toBe(5);
    persistence.durable(1);
    expect(persistence.openChange).toBe(5);
    expect(persistence.take()).toMatchObject({ mark: 2, hardState: { term: 1, commit: 6 }, entries: [] });
    persistence.durable(2);
    expect(persistence.openChange).toBe(0);
  });

  it('never takes a commit index back', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.write(undefined, [], { term: 1, vote: 0, commit: 7 });
    persistence.changeApplied(5);
    persistence.write(undefined, [], { term: 2, vote: 0, commit: 6 });
    expect(persistence.take()).toMatchObject({ hardState: { term: 2, commit: 7 } });
  });

  it('believes nobody of what it did not hand over yet', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.durable(9);
    persistence.write(undefined, [entry(1)], undefined);
    persistence.take();
    expect(persistence.idle).toBe(false);
    persistence.durable(1);
    persistence.durable(0);
    expect(persistence.idle).toBe(true);
  });

  it('gives a response back at once where nothing is on its way, and otherwise in order', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    const [a, b, c] = [response(), response(), response()];
    persistence.owe([a]);
    expect(persistence.takeDue()).toEqual([a]);
    persistence.write(undefined, [entry(1)], undefined);
    persistence.owe([b]);
    persistence.take();
    persistence.owe([c]);
    expect(persistence.takeDue()).toEqual([]);
    persistence.take();
    expect(persistence.durable(1)).toEqual([b, c]);
  });
});

type Step =
  | { readonly kind: 'append'; readonly back: number; readonly count: number }
  | { readonly kind: 'hard state'; readonly rise: number; readonly vote: number; readonly commit: number }
  | { readonly kind: 'snapshot' | 'change'; readonly by: number }
  | { readonly kind: 'owe' | 'due' | 'take' | 'stored' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      back: fc.oneof(fc.constant(0), fc.nat(4)),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('hard state' as const),
      rise: fc.nat(1),
      vote: fc.nat(2),
      commit: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('snapshot' as const, 'change'), by: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('owe' as const, 'due', 'take', 'take', 'stored', 'stored') }),
  },
);

/** The slow obvious twin: the log that is wanted, whole; and with each batch a copy of all that storage holds once it is there. */
class Twin {
  log: Entry[] = [];
  base = 0;
  wanted: HardState = EMPTY_HARD_STATE;
  /** Of the changes that are applied, the index; and of each batch what it leaves. */
  readonly changes: number[] = [];
  readonly images: HardState[] = [EMPTY_HARD_STATE];
  /** Responses, and the batches that they wait for. */
  owed: { readonly response: Message; readonly mark: number | undefined }[] = [];
  storedMark = 0;

  get lastIndex(): number {
    return this.base + this.log.length;
  }

  /** Of those applied, the first that a crash now would leave undecided. */
  get openChange(): number {
    return this.changes.find((index) => index > this.images[this.storedMark]!.commit) ?? 0;
  }
}

describe('persistence, at random', () => {
  /** What it hands over goes to the log at once, as a host's does, and is durable when the step says so. */
  class Bench {
    readonly stored = new MemoryLog();
    readonly persistence = new Persistence(this.stored, EMPTY_HARD_STATE);
    readonly twin = new Twin();
    private isDirty = false;
    private owed = 0;

    perform(each: Step): void {
      const { persistence, twin } = this;
      switch (each.kind) {
        case 'append': {
          const first = Math.max(twin.base + 1, twin.lastIndex + 1 - each.back);
          const entries = Array.from({ length: each.count }, (_, i) => entry(first + i, twin.wanted.term));
          twin.log = [...twin.log.slice(0, first - 1 - twin.base), ...entries];
          persistence.write(undefined, entries, undefined);
          this.isDirty = true;
          break;
        }
        case 'hard state': {
          const { term, vote, commit } = twin.wanted;
          const next = { term: term + each.rise, vote: each.vote, commit: commit - 1 + each.commit };
          twin.wanted = { ...next, commit: Math.max(commit, next.commit) };
          persistence.write(undefined, [], next);
          const { term: storedTerm, vote: storedVote } = twin.images.at(-1)!;
          if (next.term !== storedTerm || next.vote !== storedVote) this.isDirty = true;
          else if (term !== storedTerm || vote !== storedVote) this.isDirty = true;
          break;
        }
        case 'snapshot': {
          const index = twin.lastIndex + each.by;
          const snapshot = {
            index,
            term: twin.wanted.term,
            configuration: simpleConfiguration([1]),
            content: new MemoryContent(NO_DATA),
          };
          [twin.base, twin.log] = [index, []];
          persistence.write(snapshot, [], undefined);
          this.isDirty = true;
          break;
        }
        case 'change': {
          const index = twin.wanted.commit + each.by - 2;
          if (index <= (twin.changes.at(-1) ?? 0)) return;
          if (index > twin.images.at(-1)!.commit) {
            twin.changes.push(index);
            twin.wanted = { ...twin.wanted, commit: Math.max(twin.wanted.commit, index) };
            this.isDirty = true;
          }
          persistence.changeApplied(index);
          break;
        }
        case 'owe': {
          const owed = new Message(MessageType.AppendResp, 1);
          owed.index = ++this.owed;
          persistence.owe([owed]);
          twin.owed.push({ response: owed, mark: undefined });
          break;
        }
        case 'due':
          this.checkDue();
          break;
        case 'take':
          this.take();
          break;
        case 'stored':
          this.store();
      }
    }

    private checkDue(): void {
      const { persistence, twin } = this;
      const isIdle = !this.isDirty && twin.storedMark === twin.images.length - 1;
      const due = isIdle ? twin.owed.filter(({ mark }) => mark === undefined) : [];
      expect(persistence.takeDue()).toEqual(due.map(({ response }) => response));
      twin.owed = twin.owed.filter((each) => !due.includes(each));
    }

    private take(): void {
      const { persistence, twin, stored } = this;
      const batch = persistence.take();
      expect(batch !== undefined).toBe(this.isDirty);
      if (batch !== undefined) this.checkBatch(batch);
      this.isDirty = false;
      const mark = twin.images.length - 1;
      twin.owed = twin.owed.map((each) => ({ ...each, mark: each.mark ?? mark }));
      expect(stored.lastIndex).toBe(twin.lastIndex);
      expect(stored.entries(twin.base + 1, twin.lastIndex, Number.POSITIVE_INFINITY)).toEqual(twin.log);
    }

    private checkBatch(batch: PersistBatch): void {
      const { stored, twin } = this;
      expect(batch.mark).toBe(twin.images.length);
      const before = twin.images.at(-1)!;
      const isSame = JSON.stringify(before) === JSON.stringify(twin.wanted);
      expect(batch.hardState).toEqual(isSame ? undefined : twin.wanted);
      // Removed is what storage has, and something takes its place.
      if (batch.truncateFrom !== undefined) {
        expect(batch.truncateFrom).toBeLessThanOrEqual(stored.lastIndex);
        expect(batch.entries[0]!.index).toBe(batch.truncateFrom);
      }
      stored.persist(batch);
      twin.images.push(twin.wanted);
    }

    private store(): void {
      const { persistence, twin } = this;
      twin.storedMark = Math.min(twin.images.length - 1, twin.storedMark + 1);
      const due = twin.owed.filter(({ mark }) => mark !== undefined && mark <= twin.storedMark);
      expect(persistence.durable(twin.storedMark)).toEqual(due.map(({ response }) => response));
      twin.owed = twin.owed.filter((each) => !due.includes(each));
    }
  }

  it('leaves in storage what is wanted there, and answers when it is', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bench = new Bench();
        for (const each of steps) {
          bench.perform(each);
          expect(bench.persistence.openChange).toBe(bench.twin.openChange);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

const NO_DATA = new Uint8Array(0);

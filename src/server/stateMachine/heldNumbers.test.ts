import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../bytes/byteWriter.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { MalformedSnapshotError } from '../host/stateMachine.ts';
import { LIGHT_WEIGHT } from './heldNumbers.ts';
import { KeyValueStore } from './keyValueStore.ts';
import { SESSION_LIMITS, SessionTable } from './sessionTable.ts';
import { checkSnapshot } from './snapshotReader.ts';
import { BLOCK_NUMBERS, DENSE_NUMBERS_MIN } from './sparseNumbers.ts';

const SESSIONS = 6;
const LIMITS = { ...SESSION_LIMITS, sequenceWindow: 40 * BLOCK_NUMBERS, numbersHeldMax: 30 };

interface Insert {
  readonly clientId: number;
  readonly clientSeq: number;
}
type Step = Insert | 'bound';

/** Numbers ahead of their turn, in a few blocks, alone and in runs that fill a block; now and then in turn, or twice. */
const fewInserts: fc.Arbitrary<readonly Insert[]> = fc
  .tuple(
    fc.integer({ min: 1, max: SESSIONS }),
    fc.oneof(
      fc.integer({ min: 1, max: 12 }),
      fc
        .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 1, max: 9 }))
        .map(([block, at]) => block * BLOCK_NUMBERS + at),
    ),
    fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(DENSE_NUMBERS_MIN + 3) }),
  )
  .map(([clientId, first, length]) => Array.from({ length }, (_, i) => ({ clientId, clientSeq: first + 2 * i })));
/** Blocks full of them, of which a few sessions hold so many that they are not light. */
const manyInserts: fc.Arbitrary<readonly Insert[]> = fc
  .tuple(
    fc.integer({ min: 1, max: SESSIONS }),
    fc.integer({ min: 0, max: 25 }),
    fc.oneof(fc.constant(1), fc.integer({ min: 4, max: 12 })),
  )
  .map(([clientId, first, blocks]) =>
    Array.from({ length: blocks * DENSE_NUMBERS_MIN }, (_, i) => {
      const block = first + Math.floor(i / DENSE_NUMBERS_MIN);
      return { clientId, clientSeq: block * BLOCK_NUMBERS + 2 + 2 * (i % DENSE_NUMBERS_MIN) };
    }),
  );
const stepsOf = (inserts: fc.Arbitrary<readonly Insert[]>, maxLength: number): fc.Arbitrary<readonly Step[]> =>
  fc
    .tuple(fc.array(inserts, { maxLength }), fc.nat({ max: maxLength / 2 }))
    .map(([runs, begins]) => [...runs.slice(0, begins).flat(), 'bound', ...runs.slice(begins).flat()]);
const steps = stepsOf(fewInserts, 60);

/** The rule in its own words. */
class SlowSessions {
  private readonly weightMax: number;
  private readonly sessions = new Map<number, { floor: number; mark: number; readonly above: Set<number> }>();
  /** Those that hold least first, as far as it is told apart; undefined before the bound began. */
  private order: number[] | undefined;
  private readonly firstUsed = new Set<number>();
  private readonly weightsKnown = new Map<number, number>();
  /** How often a session gave up that was not light. */
  heavySheds = 0;

  constructor(weightMax: number) {
    this.weightMax = weightMax;
    for (let id = 1; id <= SESSIONS; id++) this.sessions.set(id, { floor: 0, mark: 0, above: new Set() });
  }

  bound(): void {
    this.order ??= [...this.firstUsed];
  }

  insert({ clientId, clientSeq }: Insert): string {
    const session = this.sessions.get(clientId)!;
    if (clientSeq <= session.floor) return 'too-old';
    const isKnown = clientSeq <= session.mark || session.above.has(clientSeq);
    if (!isKnown) {
      session.above.add(clientSeq);
      this.absorb(clientId);
    }
    this.firstUsed.add(clientId);
    if (this.order !== undefined) {
      toEnd(this.order, clientId);
      for (let shed = 0; shed < 8 && this.weight > this.weightMax; shed++) this.shed(this.order);
    }
    return isKnown ? 'duplicate' : 'apply';
  }

  get weight(): number {
    return [...this.sessions.keys()].reduce((sum, id) => sum + this.weightOf(id), 0);
  }

  get state(): unknown {
    return [...this.sessions].map(([id, { floor, mark, above }]) => [id, floor, mark, above.size]);
  }

  private weightOf(id: number): number {
    let weight = this.weightsKnown.get(id);
    if (weight === undefined) {
      weight = this.weights(id).reduce((sum, [, adds]) => sum + adds, 0);
      this.weightsKnown.set(id, weight);
    }
    return weight;
  }

  /** What each number adds, ascending: of a full block the last one all. */
  private weights(id: number): [number, number][] {
    const numbers = [...this.sessions.get(id)!.above].sort((a, b) => a - b);
    const blockOf = (number: number) => Math.floor(number / BLOCK_NUMBERS);
    const counts = new Map<number, number>();
    for (const each of numbers) counts.set(blockOf(each), (counts.get(blockOf(each)) ?? 0) + 1);
    return numbers.map((number, at) => {
      if (counts.get(blockOf(number))! < DENSE_NUMBERS_MIN) return [number, 1];
      return [number, blockOf(numbers[at + 1] ?? -1) === blockOf(number) ? 0 : DENSE_NUMBERS_MIN];
    });
  }

  /** -1: nothing. 0: light. */
  private classOf(id: number): number {
    const weight = this.weightOf(id);
    return weight < LIGHT_WEIGHT ? Math.sign(weight) - 1 : Math.floor(Math.log2(weight));
  }

  private shed(order: number[]): void {
    const highest = Math.max(...order.map((each) => this.classOf(each)));
    const id = order.find((each) => this.classOf(each) === highest)!;
    const half = this.weightOf(id) / 2;
    let weight = 0;
    const [upTo] = this.weights(id).find(([, adds]) => {
      weight += adds;
      return weight >= half;
    })!;
    const session = this.sessions.get(id)!;
    session.floor = upTo;
    session.mark = upTo;
    for (const each of [...session.above]) if (each <= upTo) session.above.delete(each);
    this.absorb(id);
    if (this.classOf(id) === highest) return;
    if (highest > 0) this.heavySheds++;
    toEnd(order, id);
  }

  private absorb(id: number): void {
    const session = this.sessions.get(id)!;
    while (session.above.delete(session.mark + 1)) session.mark++;
    this.weightsKnown.delete(id);
  }
}

function toEnd(order: number[], id: number): void {
  const at = order.indexOf(id);
  if (at >= 0) order.splice(at, 1);
  order.push(id);
}

const entryOf = (index: number, step: Step): Entry => {
  if (step === 'bound') return new Entry(index, 1, EntryType.BoundSessions, new Uint8Array(0));
  const insert = { type: CommandType.Insert, ...step, key: `k${index}`, value: 'v' };
  return new Entry(index, 1, EntryType.Normal, encodeCommand(insert));
};

function storeWith(sessions: number, limits = LIMITS): KeyValueStore {
  const store = new KeyValueStore(limits);
  for (let index = 1; index <= sessions; index++) store.apply(new Entry(index, 1, EntryType.Normal, REGISTER_BYTES));
  return store;
}

describe('what all sessions hold of numbers ahead of their turn', () => {
  it.each([
    ['a few light sessions', steps, 30, 60],
    ['sessions of which some are not light', stepsOf(manyInserts, 20), 1500, 10],
  ])('is what the slow twin of the rule says of %s', (_, logs, numbersHeldMax, numRuns) => {
    const limits = { ...LIMITS, numbersHeldMax };
    let heavySheds = 0;
    fc.assert(
      fc.property(logs, (log) => {
        const table = new SessionTable(limits);
        for (let id = 1; id <= SESSIONS; id++) table.register(id);
        const slow = new SlowSessions(numbersHeldMax);
        for (const [at, step] of log.entries()) {
          if (step === 'bound') {
            table.bound();
            slow.bound();
            continue;
          }
          const session = table.get(step.clientId)!;
          const admission = session.admit(step.clientSeq, limits.sequenceWindow);
          if (admission !== 'too-old') table.noteUse(step.clientId, session, SESSIONS + 1 + at);
          const expected = slow.insert(step);
          if (admission !== expected || table.held.weight !== slow.weight)
            expect([at, admission, table.held.weight]).toEqual([at, expected, slow.weight]);
        }
        const state = Array.from({ length: SESSIONS }, (_, i) => table.get(i + 1)!);
        expect(state.map(({ floor, mark, above }, i) => [i + 1, floor, mark, above.size])).toEqual(slow.state);
        heavySheds += slow.heavySheds;
      }),
      { numRuns },
    );
    expect(heavySheds > 0).toBe(numbersHeldMax > LIGHT_WEIGHT);
  });

  it('is the same on replicas that restart from their snapshots wherever they do', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.nat({ max: 200 }), { maxLength: 6 }), (log, restarts) => {
        const steady = storeWith(SESSIONS);
        let restarting = storeWith(SESSIONS);
        for (const [at, step] of log.entries()) {
          const entry = entryOf(SESSIONS + 1 + at, step);
          if (restarts.includes(at)) {
            const snapshot = restarting.snapshot();
            restarting = new KeyValueStore(LIMITS);
            restarting.restore(snapshot);
            expect(restarting.numbersHeld).toBe(steady.numbersHeld);
          }
          expect(restarting.apply(entry)).toEqual(steady.apply(entry));
        }
        expect(restarting.snapshot()).toEqual(steady.snapshot());
      }),
      { numRuns: 60 },
    );
  });

  it('never lets a command be done twice, nor acknowledges one that was not done', () => {
    fc.assert(
      fc.property(steps, (log) => {
        const store = storeWith(SESSIONS);
        const done = new Set<string>();
        for (const [at, step] of log.entries()) {
          const index = SESSIONS + 1 + at;
          const result = store.apply(entryOf(index, step));
          if (step === 'bound') continue;
          const command = `${step.clientId}/${step.clientSeq}`;
          if (store.get(`k${index}`) !== undefined) {
            expect([result.status, done.has(command)]).toEqual(['ok', false]);
            done.add(command);
          } else if (result.status === 'ok') expect(done).toContain(command);
          else expect(result.status).toBe('sequence-too-old');
        }
        expect(store.keyCount).toBe(done.size);
      }),
    );
  });

  it('grew with every session: hundreds of sessions hold no more than the bound, and each goes on', () => {
    const limits = { ...LIMITS, numbersHeldMax: 1024 };
    const store = storeWith(300, limits);
    store.apply(entryOf(301, 'bound'));
    let index = 301;
    for (let block = 1; block <= 20; block++) {
      for (let clientId = 1; clientId <= 300; clientId++) {
        const insert = { clientId, clientSeq: block * BLOCK_NUMBERS };
        expect(store.apply(entryOf(++index, insert)).status).toBe('ok');
        expect(store.numbersHeld).toBeLessThanOrEqual(1024);
      }
    }
    expect(store.keyCount).toBe(6000);
  });

  it('made a client that goes on give up its own for good, beside any number of sessions that hold less', () => {
    // Each round leaves its first number out, goes on beyond what a block of few has, and then sends it, as after a refusal.
    const hoarders = fc.record({
      count: fc.integer({ min: 5, max: 60 }),
      each: fc.integer({ min: 1, max: 200 }),
      between: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(hoarders, ({ count, each, between }) => {
        const max = count * each + 200;
        const store = storeWith(count + 1, { ...LIMITS, numbersHeldMax: max });
        let index = count + 1;
        const insert = (clientId: number, clientSeq: number) => store.apply(entryOf(++index, { clientId, clientSeq }));
        store.apply(entryOf(++index, 'bound'));
        let hoarded = 0;
        const hoard = () => {
          const at = Math.floor(hoarded / count);
          insert(2 + (hoarded++ % count), (1 + (at % 30)) * BLOCK_NUMBERS + 2 * Math.floor(at / 30));
        };
        while (store.numbersHeld < max) hoard();
        for (let first = 1; first < 10 * 150; first += 150) {
          for (let at = 1; at < 150; at++) {
            if (insert(1, first + at).status !== 'ok') expect.unreachable(`${first + at} is refused`);
            if (at % 20 === 0) for (let i = 0; i < between; i++) hoard();
          }
          expect(insert(1, first)).toMatchObject({ status: 'ok' });
          expect(store.numbersHeld).toBeLessThanOrEqual(max);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('is given up by who holds much before all others, and by the others as they are idle, until they hold nothing', () => {
    const store = storeWith(4, { ...LIMITS, numbersHeldMax: 3 * LIGHT_WEIGHT });
    let index = 4;
    const insert = (clientId: number, clientSeq: number) => store.apply(entryOf(++index, { clientId, clientSeq }));
    const hold = (clientId: number, count: number) => {
      for (let i = 1; i <= count; i++) insert(clientId, 10 + Math.floor(i / 50) * BLOCK_NUMBERS + 2 * (i % 50));
    };
    store.apply(entryOf(++index, 'bound'));
    hold(1, LIGHT_WEIGHT - 1);
    hold(2, LIGHT_WEIGHT - 1);
    hold(3, LIGHT_WEIGHT);
    expect(store.numbersHeld).toBe(3 * LIGHT_WEIGHT - 2);
    hold(4, 3);
    // The third, however lately it was used.
    expect([1, 2, 4].map((id) => insert(id, 1).status)).toEqual(['ok', 'ok', 'ok']);
    const refusal = insert(3, 1);
    expect(refusal).toMatchObject({ status: 'sequence-too-old' });
    expect('detail' in refusal && refusal.detail).toContain('for all sessions together held more numbers');
    // What the third still has, all but 8 numbers, goes before anything of others: it was longest idle.
    for (let i = 0; i < LIGHT_WEIGHT - 10; i++) insert(4, (20 + Math.floor(i / 50)) * BLOCK_NUMBERS + 2 * (i % 50));
    expect(store.numbersHeld).toBe(2 * (LIGHT_WEIGHT - 1) + 3 + LIGHT_WEIGHT - 10 + 8);
    expect([1, 2, 4].map((id) => insert(id, 2).status)).toEqual(['ok', 'ok', 'ok']);
  });

  it('is said to have been given up where it was for others, and not where it is far behind', () => {
    const store = storeWith(2, { ...LIMITS, sequenceWindow: BLOCK_NUMBERS, numbersHeldMax: 3 });
    store.apply(entryOf(3, 'bound'));
    const insert = (clientId: number, clientSeq: number) => store.apply(entryOf(4, { clientId, clientSeq }));
    insert(1, 3 + BLOCK_NUMBERS);
    expect(insert(1, 2)).toEqual({
      status: 'sequence-too-old',
      detail: 'clientSeq 2 of session 1 is too old: numbers up to 3 are forgotten',
    });
    for (const clientSeq of [3, 5, 7]) insert(2, clientSeq);
    expect(insert(1, 100)).toMatchObject({
      detail: expect.stringContaining(`numbers up to ${3 + BLOCK_NUMBERS} are forgotten, for all sessions together`),
    });
  });

  it('costs one that leaves out its number 1 for ever, as the original’s clients do, nothing that it does', () => {
    const store = storeWith(1, { ...LIMITS, numbersHeldMax: 50 });
    store.apply(entryOf(2, 'bound'));
    for (let clientSeq = 2; clientSeq < 200; clientSeq++)
      expect(store.apply(entryOf(clientSeq + 1, { clientId: 1, clientSeq })).status).toBe('ok');
    // Of the first 51 numbers it gave up the lower half: these can be told apart no more, and are not done again.
    for (const clientSeq of [1, 2, 27])
      expect(store.apply(entryOf(201, { clientId: 1, clientSeq })).status).toBe('sequence-too-old');
    for (const clientSeq of [28, 100, 199])
      expect(store.apply(entryOf(300 + clientSeq, { clientId: 1, clientSeq })).status).toBe('ok');
    expect(store.keyCount).toBe(198);
  });

  it('counts a session no more that was forgotten', () => {
    const limits = { ...LIMITS, sessionsMax: 2, usedIdleEntries: 5, unusedIdleEntries: 1 };
    const store = storeWith(2, limits);
    store.apply(entryOf(3, 'bound'));
    store.apply(entryOf(4, { clientId: 1, clientSeq: 7 }));
    store.apply(entryOf(5, { clientId: 2, clientSeq: 7 }));
    expect(store.numbersHeld).toBe(2);
    expect(store.apply(new Entry(9, 1, EntryType.Normal, REGISTER_BYTES)).status).toBe('ok');
    expect([store.sessionCount, store.numbersHeld]).toEqual([2, 1]);
    const restored = new KeyValueStore(limits);
    restored.restore(store.snapshot());
    expect(restored.numbersHeld).toBe(1);
  });
});

describe('the bound', () => {
  const ahead = (store: KeyValueStore, from: number, count: number) => {
    for (let i = 0; i < count; i++) store.apply(entryOf(from + i, { clientId: 1, clientSeq: 10 + 2 * i }));
  };

  it('is due once an eighth of it is held, and in force behind its entry', () => {
    const store = storeWith(1);
    ahead(store, 2, 3);
    expect(store.sessionsBound).toBe('unneeded');
    ahead(store, 20, 4);
    expect(store.sessionsBound).toBe('due');
    store.apply(entryOf(40, 'bound'));
    expect(store.sessionsBound).toBe('in-force');
    // Once more changes nothing.
    const before = store.snapshot();
    store.apply(entryOf(41, 'bound'));
    expect(store.snapshot()).toEqual(before);
  });

  it('before its entry changes nothing: the state and its snapshots are those of earlier versions', () => {
    const store = storeWith(1);
    ahead(store, 2, 100);
    expect([store.numbersHeld, store.snapshotVersion, store.snapshot()[0]]).toEqual([DENSE_NUMBERS_MIN, 4, 4]);
    store.apply(entryOf(200, 'bound'));
    expect([store.snapshotVersion, store.snapshot()[0]]).toEqual([5, 5]);
  });

  it('is reached little by little where more is held when it begins: no entry takes long', () => {
    const store = storeWith(200, { ...LIMITS, numbersHeldMax: 10 });
    let index = 200;
    for (let id = 1; id <= 200; id++) store.apply(entryOf(++index, { clientId: id, clientSeq: 5 }));
    store.apply(entryOf(++index, 'bound'));
    expect(store.numbersHeld).toBe(200);
    store.apply(entryOf(++index, { clientId: 200, clientSeq: 7 }));
    expect(store.numbersHeld).toBe(200 + 1 - 8);
  });

  it('refuses a snapshot whose order leaves a session out, names one twice, or one that holds nothing', () => {
    const many = Array.from({ length: LIGHT_WEIGHT }, (_, i) => Math.floor(i / 50) * BLOCK_NUMBERS + 10 + (i % 50));
    const snapshotWith = (order: readonly number[]) => {
      const out = new ByteWriter();
      for (const each of [5, 0, 4]) out.varint(each);
      const held: readonly number[][] = [[], [4, 6], [9], many];
      for (const [at, numbers] of held.entries()) {
        for (const each of [at + 1, 7 + at, 0, 1, numbers.length]) out.varint(each);
        for (const [i, each] of numbers.entries()) out.varint(each - (numbers[i - 1] ?? 0));
        out.varint(0);
      }
      for (const each of [0, order.length, ...order, 0]) out.varint(each);
      return out.finish();
    };
    const store = new KeyValueStore();
    for (const order of [
      [3, 2, 4],
      [2, 3, 4],
    ]) {
      store.restore(snapshotWith(order));
      expect([store.numbersHeld, store.sessionsBound]).toEqual([3 + LIGHT_WEIGHT, 'in-force']);
      expect(store.snapshot()).toEqual(snapshotWith(order));
    }
    for (const order of [[2, 3], [], [3, 2, 2], [3, 2, 4, 4], [3, 2, 4, 1], [3, 4, 2], [3, 2, 4, 9]])
      expect(() => checkSnapshot(new MemoryContent(snapshotWith(order)))).toThrow(MalformedSnapshotError);
  });
});

it('what sessions hold is forgotten with the state that a snapshot replaces', () => {
  const store = storeWith(1);
  const empty = store.snapshot();
  store.apply(entryOf(2, { clientId: 1, clientSeq: 5 }));
  store.apply(entryOf(3, 'bound'));
  store.restore(empty);
  expect([store.numbersHeld, store.sessionsBound]).toEqual([0, 'unneeded']);
});

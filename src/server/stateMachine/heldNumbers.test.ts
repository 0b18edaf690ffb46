import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../bytes/byteWriter.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { MalformedSnapshotError } from '../host/stateMachine.ts';
import { KeyValueStore } from './keyValueStore.ts';
import { SESSION_LIMITS, SessionTable } from './sessionTable.ts';
import { BLOCK_NUMBERS, DENSE_NUMBERS_MIN } from './sparseNumbers.ts';

const SESSIONS = 6;
const LIMITS = { ...SESSION_LIMITS, sequenceWindow: 40 * BLOCK_NUMBERS, numbersHeldMax: 30 };

interface Insert {
  readonly clientId: number;
  readonly clientSeq: number;
}
type Step = Insert | 'bound';

/** Numbers ahead of their turn, in a few blocks, alone and in runs that fill a block; now and then in turn, or twice. */
const inserts: fc.Arbitrary<readonly Insert[]> = fc
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
const steps: fc.Arbitrary<readonly Step[]> = fc
  .tuple(fc.array(inserts, { maxLength: 60 }), fc.nat({ max: 30 }))
  .map(([runs, begins]) => [...runs.slice(0, begins).flat(), 'bound', ...runs.slice(begins).flat()]);

/** The rule in its own words. */
class SlowSessions {
  private readonly sessions = new Map<number, { floor: number; mark: number; readonly above: Set<number> }>();
  /** Those that were used since the bound began, or gave up: the last one last. */
  private order: number[] | undefined;
  private readonly lastUsed: number[] = [];

  constructor() {
    for (let id = 1; id <= SESSIONS; id++) this.sessions.set(id, { floor: 0, mark: 0, above: new Set() });
  }

  bound(): void {
    this.order ??= [...this.lastUsed];
  }

  insert({ clientId, clientSeq }: Insert): string {
    const session = this.sessions.get(clientId)!;
    if (clientSeq <= session.floor) return 'too-old';
    const isKnown = clientSeq <= session.mark || session.above.has(clientSeq);
    if (!isKnown) {
      session.above.add(clientSeq);
      this.absorb(clientId);
    }
    toEnd(this.lastUsed, clientId);
    if (this.order !== undefined) {
      toEnd(this.order, clientId);
      for (let shed = 0; shed < 8 && this.weight > LIMITS.numbersHeldMax; shed++) this.shed(this.order);
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
    return this.weights(id).reduce((sum, [, weight]) => sum + weight, 0);
  }

  /** What each number adds, ascending: of a full block the last one all. */
  private weights(id: number): [number, number][] {
    const numbers = [...this.sessions.get(id)!.above].sort((a, b) => a - b);
    const blockOf = (number: number) => Math.floor(number / BLOCK_NUMBERS);
    return numbers.map((number, at) => {
      const block = numbers.filter((each) => blockOf(each) === blockOf(number));
      if (block.length < DENSE_NUMBERS_MIN) return [number, 1];
      return [
        number,
        numbers[at + 1] === undefined || blockOf(numbers[at + 1]!) !== blockOf(number) ? DENSE_NUMBERS_MIN : 0,
      ];
    });
  }

  private shed(order: number[]): void {
    const classOf = (id: number) => Math.floor(Math.log2(this.weightOf(id)));
    const highest = Math.max(...order.map(classOf));
    const id = order.find((each) => classOf(each) === highest)!;
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
    toEnd(order, id);
  }

  private absorb(id: number): void {
    const session = this.sessions.get(id)!;
    while (session.above.delete(session.mark + 1)) session.mark++;
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
  it('is what the slow twin of the rule says', () => {
    fc.assert(
      fc.property(steps, (log) => {
        const table = new SessionTable(LIMITS);
        for (let id = 1; id <= SESSIONS; id++) table.register(id);
        const slow = new SlowSessions();
        for (const [at, step] of log.entries()) {
          if (step === 'bound') {
            table.bound();
            slow.bound();
            continue;
          }
          const session = table.get(step.clientId)!;
          const admission = session.admit(step.clientSeq, LIMITS.sequenceWindow);
          if (admission !== 'too-old') table.noteUse(step.clientId, session, SESSIONS + 1 + at);
          expect(admission).toBe(slow.insert(step));
          expect(table.held.weight).toBe(slow.weight);
        }
        const state = Array.from({ length: SESSIONS }, (_, i) => table.get(i + 1)!);
        expect(state.map(({ floor, mark, above }, i) => [i + 1, floor, mark, above.size])).toEqual(slow.state);
      }),
      { numRuns: 60 },
    );
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

  it('leaves a session alone that holds less than others do', () => {
    const store = storeWith(40, { ...LIMITS, numbersHeldMax: 200 });
    let index = 40;
    store.apply(entryOf(++index, 'bound'));
    const insert = (clientId: number, clientSeq: number) => store.apply(entryOf(++index, { clientId, clientSeq }));
    for (const clientSeq of [2, 4, 6]) insert(1, clientSeq);
    for (let at = 1; at <= 30; at++) for (let id = 2; id <= 40; id++) insert(id, at * BLOCK_NUMBERS);
    expect([1, 3, 5].map((clientSeq) => insert(1, clientSeq).status)).toEqual(['ok', 'ok', 'ok']);
    expect(insert(2, 1).status).toBe('sequence-too-old');
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

  it('is due once half of it is held, and in force behind its entry', () => {
    const store = storeWith(1);
    ahead(store, 2, 15);
    expect(store.sessionsBound).toBe('unneeded');
    ahead(store, 20, 16);
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
    const snapshotWith = (order: readonly number[]) => {
      const out = new ByteWriter();
      for (const each of [5, 0, 3]) out.varint(each);
      const held: readonly number[][] = [[], [4, 6], [9]];
      for (const [at, numbers] of held.entries()) {
        for (const each of [at + 1, 7 + at, 0, 1]) out.varint(each);
        out.varint(numbers.length === 0 ? 0 : 1);
        if (numbers.length === 0) continue;
        out.varint(0);
        const bits = new Uint8Array(1 + Math.floor(Math.max(...numbers) / 8));
        for (const each of numbers) bits[each >> 3]! |= 1 << (each & 7);
        out.field(bits);
      }
      for (const each of [0, order.length, ...order, 0]) out.varint(each);
      return out.finish();
    };
    const store = new KeyValueStore();
    store.restore(snapshotWith([3, 2]));
    expect([store.numbersHeld, store.sessionsBound]).toEqual([3, 'in-force']);
    expect(store.snapshot()).toEqual(snapshotWith([3, 2]));
    for (const order of [[3], [], [3, 2, 2], [3, 2, 1], [2, 3], [3, 2, 9]])
      expect(() => store.checkSnapshot(snapshotWith(order))).toThrow(MalformedSnapshotError);
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

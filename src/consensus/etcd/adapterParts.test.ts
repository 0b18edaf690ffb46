import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_HARD_STATE, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { jointReached } from '../parts/quorum.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { TickClock } from './clock.ts';
import { Message, MessageType } from './messages.ts';
import { Persistence } from './persistence.ts';
import { ProposalQueue } from './proposalQueue.ts';
import { ReadQueue } from './readQueue.ts';

const SETTINGS = {
  electionTimeoutMs: 1000,
  heartbeatMs: 20,
  entriesPerMessage: 64,
  catchUpMultiplier: 1024,
  batch: true,
  checkQuorum: false,
  maxMessageBytes: 1 << 20,
};
const entry = (index: number, term = 1) => new Entry(index, term, EntryType.Normal, new Uint8Array(0));

describe('the clock', () => {
  it('ticks with the heartbeat, and finer where elections are short', () => {
    expect(new TickClock(SETTINGS, 0)).toMatchObject({ tickMs: 20, heartbeatTicks: 1, electionTicks: 50 });
    const short = new TickClock({ ...SETTINGS, electionTimeoutMs: 150, heartbeatMs: 100 }, 0);
    expect(short).toMatchObject({ tickMs: 15, heartbeatTicks: 6, electionTicks: 10 });
  });

  it('loses no time to rounding', () => {
    const clock = new TickClock(SETTINGS, 5);
    let ticks = 0;
    for (let now = 5; now <= 5 + 20 * 100; now += 7) ticks += clock.advance(now);
    expect(ticks).toBe(99);
    expect(clock.advance(2005)).toBe(1);
  });

  it('passes an election timeout at once at the most', () => {
    const clock = new TickClock(SETTINGS, 0);
    expect(clock.advance(60_000)).toBe(50);
    expect(clock.advance(60_019)).toBe(0);
  });
});

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
  });

  it('lets a snapshot take the place of what was to be written before', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    const snapshot = { index: 9, term: 2, configuration: simpleConfiguration([1]), data: new Uint8Array(0) };
    persistence.write(undefined, [entry(1)], undefined);
    persistence.write(snapshot, [entry(10, 2)], undefined);
    expect(persistence.take()).toMatchObject({ snapshot, truncateFrom: undefined, entries: [{ index: 10 }] });
  });

  it('writes a commit index only along with something else', () => {
    const persistence = new Persistence(new MemoryLog(), EMPTY_HARD_STATE);
    persistence.write(undefined, [], { term: 0, vote: 0, commit: 7 });
    expect(persistence.take()).toBeUndefined();
    persistence.write(undefined, [entry(8)], undefined);
    expect(persistence.take()!.hardState).toMatchObject({ commit: 7 });
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

describe('the queue of proposals', () => {
  it('gives out every command once, in order, and the rest as ranges', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 8 }), fc.nat(20), (sizes, taken) => {
        const queue = new ProposalQueue();
        const expected: [number, number][] = [];
        for (const [token, size] of sizes.entries()) {
          queue.add({ token, commands: Array.from({ length: size }, () => new Uint8Array(0)) });
          for (let offset = 0; offset < size; offset++) expected.push([token, offset]);
        }
        const found: [number, number][] = [];
        for (let i = 0; i < taken && queue.size > 0; i++) {
          const { token, offset } = queue.peek()!;
          found.push([token, offset]);
          queue.shift();
        }
        for (const { token, offset, count } of queue.takeAll()) {
          for (let i = 0; i < count; i++) found.push([token, offset + i]);
        }
        expect(found).toEqual(expected);
        expect([queue.size, queue.peek()]).toEqual([0, undefined]);
      }),
    );
  });
});

describe('the queue of reads', () => {
  it('proves what majorities confirmed, in order, each once', () => {
    const step = fc.oneof(fc.constant('read'), fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(12)));
    const voters = [1, 2, 3];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, joint) => {
        const outgoing = joint ? [1, 4, 5] : [];
        const queue = new ReadQueue();
        const confirmed = new Map<number, number>();
        let asked = 0;
        let proven = 0;
        for (const each of steps) {
          if (typeof each === 'string') queue.add({ index: ++asked, context: asked, origin: 0 });
          else {
            const [from, sequence] = each;
            queue.confirm(from, sequence);
            if (sequence <= asked) confirmed.set(from, Math.max(sequence, confirmed.get(from) ?? 0));
          }
          confirmed.set(1, asked);
          const expected = jointReached(voters, outgoing, (id) => confirmed.get(id));
          for (const { context } of queue.takeProven(1, voters, outgoing)) expect(context).toBe(++proven);
          expect(proven).toBe(Math.max(proven, Math.min(expected, asked)));
          expect(queue.newestWaiting).toBe(proven === asked ? 0 : asked);
        }
      }),
    );
  });
});

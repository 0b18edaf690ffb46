import { describe, expect, it } from 'vitest';
import { type EngineKind, type PersistBatch, Role, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { etcdKind } from '../etcd/index.ts';
import { gorumsKind } from '../gorums/index.ts';
import { hashicorpKind } from '../hashicorp/index.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { SteppedEngine } from '../testing/steppedEngine.ts';
import { type EngineRule, type GuardedOutput, type Standing, TurnGuard } from './turnGuard.ts';

const START: Standing = { term: 5, vote: 2, leads: false, commitIndex: 10, appliedIndex: 8, lastIndex: 12 };
const LEADER: Standing = { ...START, vote: 1, leads: true };
const NOTHING: GuardedOutput = { persist: undefined, restore: undefined, committed: [] };
const TERMS = (index: number) => (index <= 12 ? 4 : 5);

function entries(...indexes: number[]): Entry[] {
  return indexes.map((index) => new Entry(index, 5, EntryType.Normal, new Uint8Array(0)));
}

function written(batch: Partial<PersistBatch>): GuardedOutput {
  const none = { snapshot: undefined, truncateFrom: undefined, entries: [], hardState: undefined };
  return { ...NOTHING, persist: { mark: 1, ...none, mustSync: true, ...batch } };
}

function snapshot(index: number) {
  return {
    index,
    term: 4,
    configuration: simpleConfiguration([1, 2, 3]),
    content: new MemoryContent(new Uint8Array(0)),
  };
}

describe('the guard of an engine’s turns', () => {
  it.each<[string, Standing, Standing, GuardedOutput]>([
    ['a quiet turn', START, START, NOTHING],
    [
      'a vote in a later term',
      START,
      { ...START, term: 6, vote: 3 },
      written({ hardState: { term: 6, vote: 3, commit: 10 } }),
    ],
    ['the first vote in a term', { ...START, vote: 0 }, START, NOTHING],
    ['entries that follow', START, { ...START, lastIndex: 14 }, written({ entries: entries(13, 14) })],
    ['entries that replace uncommitted ones', START, START, written({ truncateFrom: 11, entries: entries(11, 12) })],
    [
      'entries that replace others and are committed at once',
      START,
      { ...START, commitIndex: 12 },
      { ...written({ truncateFrom: 11, entries: entries(11, 12) }), committed: entries(9, 10, 11, 12) },
    ],
    ['a cut', START, { ...START, lastIndex: 11 }, written({ truncateFrom: 12 })],
    [
      'a snapshot and what follows it',
      START,
      { ...START, commitIndex: 20, lastIndex: 21 },
      { ...written({ snapshot: snapshot(20), entries: entries(21) }), restore: snapshot(20) },
    ],
    ['a leader that commits an entry of its term', LEADER, { ...LEADER, commitIndex: 13, lastIndex: 13 }, NOTHING],
    ['a follower that commits an entry of an earlier term', START, { ...START, commitIndex: 11 }, NOTHING],
    ['application of what is handed out', START, { ...START, appliedIndex: 9 }, { ...NOTHING, committed: entries(9) }],
  ])('lets pass %s', (_what, before, now, output) => {
    expect(() => new TurnGuard(before).check(now, output, TERMS)).not.toThrow();
  });

  it.each<[EngineRule, string, Standing, Standing, GuardedOutput]>([
    ['terms rise', 'term 5 became 4', START, { ...START, term: 4, vote: 0 }, NOTHING],
    ['terms rise', 'stored term 5 becomes 4', START, START, written({ hardState: { term: 4, vote: 2, commit: 10 } })],
    [
      'terms rise',
      'entry 13 of term 5 is appended in term 4',
      { ...START, term: 4 },
      { ...START, term: 4 },
      written({ entries: entries(13) }),
    ],
    ['one vote a term', 'the vote for 2 in term 5 became one for 3', START, { ...START, vote: 3 }, NOTHING],
    ['one vote a term', 'the vote for 2 in term 5 became one for 0', START, { ...START, vote: 0 }, NOTHING],
    [
      'one vote a term',
      'the stored vote for 2',
      START,
      START,
      written({ hardState: { term: 5, vote: 3, commit: 10 } }),
    ],
    ['commit index rises', '10 became 9', START, { ...START, commitIndex: 9 }, NOTHING],
    ['the log holds what is committed', 'the last one is 12', START, { ...START, commitIndex: 13 }, NOTHING],
    ['commit in own term', 'commits entry 11 of term 4', LEADER, { ...LEADER, commitIndex: 11 }, NOTHING],
    ['marks ascend', 'mark 2 follows 0', START, START, written({ mark: 2 })],
    ['the log has no gaps', 'from 14 to 14 follow entry 12', START, START, written({ entries: entries(14) })],
    ['the log has no gaps', 'from 12 to 12 follow entry 12', START, START, written({ entries: entries(12) })],
    ['the log has no gaps', '2 entries from 13 to 15', START, START, written({ entries: entries(13, 15) })],
    ['the log has no gaps', 'cut from 14', START, START, written({ truncateFrom: 14 })],
    ['committed entries stay', 'cut from 10', START, START, written({ truncateFrom: 10, entries: entries(10) })],
    ['leader append-only', 'as leader of term 5', LEADER, LEADER, written({ truncateFrom: 12 })],
    ['snapshots hold what is committed', 'a snapshot of 11', START, START, written({ snapshot: snapshot(11) })],
    ['hand out in order', 'a snapshot of 7', START, START, { ...NOTHING, restore: snapshot(7) }],
    ['hand out in order', 'after 8', START, START, { ...NOTHING, committed: entries(10) }],
    [
      'hand out in order',
      '2 entries from 9 to 11',
      START,
      { ...START, commitIndex: 12 },
      { ...NOTHING, committed: entries(9, 11) },
    ],
    ['hand out in order', 'committed up to 10', START, START, { ...NOTHING, committed: entries(9, 10, 11) }],
    ['applied was handed out', 'entry 9 is applied', START, { ...START, appliedIndex: 9 }, NOTHING],
  ])('finds "%s" broken: %s', (rule, found, before, now, output) => {
    expect(() => new TurnGuard(before).check(now, output, TERMS)).toThrow(
      expect.objectContaining({ name: 'BrokenInvariantError', rule, message: expect.stringContaining(found) }),
    );
  });
});

/** Where an engine stands after each of several turns, and what the turn brought forth. */
type Turn = readonly [Partial<Standing>, GuardedOutput];

describe('the guard over several turns', () => {
  const run = (start: Standing, turns: readonly Turn[]) => {
    const guard = new TurnGuard(start);
    let now = start;
    for (const [change, output] of turns) {
      now = { ...now, ...change };
      guard.check(now, output, TERMS);
    }
  };
  const handed = (...indexes: number[]): GuardedOutput => ({ ...NOTHING, committed: entries(...indexes) });
  const stored = (mark: number, term: number, vote: number) => written({ mark, hardState: { term, vote, commit: 10 } });
  const at = (mark: number, batch: Partial<PersistBatch>) => written({ mark, ...batch });
  const restored = (index: number, mark = 1) => ({
    ...at(mark, { snapshot: snapshot(index) }),
    restore: snapshot(index),
  });

  it.each<[string, Standing, readonly Turn[]]>([
    [
      'a vote in each of several terms, stored later',
      START,
      [
        [{ term: 6, vote: 0 }, NOTHING],
        [{ vote: 3 }, stored(1, 6, 0)],
        [{}, stored(2, 6, 3)],
        [{ term: 7, vote: 1 }, stored(3, 7, 1)],
      ],
    ],
    [
      'entries after those of the turn before, after a cut and after a snapshot',
      START,
      [
        [{ lastIndex: 14 }, at(1, { entries: entries(13, 14) })],
        [{ lastIndex: 15 }, at(2, { entries: entries(15) })],
        [{ lastIndex: 11 }, at(3, { truncateFrom: 12 })],
        [{ lastIndex: 12 }, at(4, { entries: entries(12) })],
        [{ lastIndex: 12 }, at(5, { truncateFrom: 13 })],
        [{ lastIndex: 20, commitIndex: 20 }, restored(20, 6)],
        [{ lastIndex: 21 }, at(7, { entries: entries(21) })],
      ],
    ],
    [
      'entries handed out one turn after the other, and after a snapshot',
      START,
      [
        [{}, handed(9)],
        [{ appliedIndex: 9 }, handed(10)],
        [{ lastIndex: 20, commitIndex: 20 }, restored(20)],
        [{ appliedIndex: 20, lastIndex: 21, commitIndex: 21 }, handed(21)],
        [{ appliedIndex: 21 }, NOTHING],
      ],
    ],
    [
      'entries that follow a snapshot of the same turn',
      START,
      [
        [
          { lastIndex: 21, commitIndex: 21 },
          { ...restored(20), committed: entries(21) },
        ],
      ],
    ],
    ['a snapshot of what was handed out last', START, [[{}, { ...NOTHING, restore: snapshot(8) }]]],
    ['a snapshot of the last entry that is committed', START, [[{}, at(1, { snapshot: snapshot(10) })]]],
    [
      'a cut of who leads only since then',
      { ...LEADER, leads: false },
      [[{ leads: true }, at(1, { truncateFrom: 12 })]],
    ],
    ['a cut of who led in an earlier term', LEADER, [[{ term: 6 }, at(1, { truncateFrom: 12 })]]],
    ['a cut of who leads no more', LEADER, [[{ leads: false }, at(1, { truncateFrom: 12 })]]],
    [
      'an entry of an earlier term, committed by who leads only since then',
      START,
      [[{ leads: true, commitIndex: 11 }, NOTHING]],
    ],
    ['a leader that commits nothing new', LEADER, [[{}, NOTHING]]],
    [
      'hardly anything at the beginning',
      { ...START, commitIndex: 0, appliedIndex: 0, lastIndex: 0 },
      [[{ lastIndex: 1 }, at(1, { entries: entries(1) })]],
    ],
  ])('lets pass %s', (_what, start, turns) => {
    expect(() => run(start, turns)).not.toThrow();
  });

  it('does not judge a commit whose term is not known any more', () => {
    expect(() => new TurnGuard(LEADER).check({ ...LEADER, commitIndex: 11 }, NOTHING, () => undefined)).not.toThrow();
  });

  it.each<[EngineRule, string, Standing, readonly Turn[]]>([
    [
      'terms rise',
      'term 7 became 6',
      START,
      [
        [{ term: 7, vote: 0 }, NOTHING],
        [{ term: 6 }, NOTHING],
      ],
    ],
    [
      'terms rise',
      'stored term 7 becomes 6',
      START,
      [
        [{ term: 7, vote: 0 }, stored(1, 7, 0)],
        [{}, stored(2, 6, 0)],
      ],
    ],
    [
      'one vote a term',
      'the vote for 3 in term 6',
      START,
      [
        [{ term: 6, vote: 3 }, NOTHING],
        [{ vote: 2 }, NOTHING],
      ],
    ],
    [
      'one vote a term',
      'the stored vote for 3 in term 6',
      START,
      [
        [{ term: 6, vote: 3 }, stored(1, 6, 3)],
        [{}, stored(2, 6, 2)],
      ],
    ],
    [
      'commit index rises',
      '12 became 11',
      START,
      [
        [{ commitIndex: 12 }, NOTHING],
        [{ commitIndex: 11 }, NOTHING],
      ],
    ],
    [
      'marks ascend',
      'mark 1 follows 1',
      START,
      [
        [{}, at(1, {})],
        [{}, at(1, {})],
      ],
    ],
    [
      'marks ascend',
      'mark 3 follows 1',
      START,
      [
        [{}, at(1, {})],
        [{}, at(3, {})],
      ],
    ],
    [
      'the log has no gaps',
      'follow entry 13',
      START,
      [
        [{}, at(1, { entries: entries(13) })],
        [{}, at(2, { entries: entries(13) })],
      ],
    ],
    [
      'the log has no gaps',
      'follow entry 11',
      START,
      [
        [{}, at(1, { truncateFrom: 12 })],
        [{}, at(2, { entries: entries(13) })],
      ],
    ],
    [
      'the log has no gaps',
      'follow entry 20',
      START,
      [
        [{ commitIndex: 20, lastIndex: 20 }, restored(20)],
        [{}, at(2, { entries: entries(13) })],
      ],
    ],
    [
      'the log has no gaps',
      'cut from 13, storage has entries up to 11',
      START,
      [
        [{}, at(1, { truncateFrom: 12 })],
        [{}, at(2, { truncateFrom: 13 })],
      ],
    ],
    [
      'committed entries stay',
      'cut from 12, committed up to 12',
      START,
      [
        [{ commitIndex: 12 }, NOTHING],
        [{}, at(1, { truncateFrom: 12 })],
      ],
    ],
    ['leader append-only', 'of term 5', LEADER, [[{}, at(1, { snapshot: snapshot(10) })]]],
    [
      'hand out in order',
      'are handed out after 9',
      START,
      [
        [{}, handed(9)],
        [{}, handed(9)],
      ],
    ],
    [
      'hand out in order',
      'are handed out after 20',
      START,
      [
        [{ commitIndex: 22, lastIndex: 22 }, restored(20)],
        [{}, handed(22)],
      ],
    ],
    [
      'hand out in order',
      'are handed out after 20',
      START,
      [
        [
          { commitIndex: 20, lastIndex: 20 },
          { ...restored(20), committed: entries(9, 10) },
        ],
      ],
    ],
    [
      'hand out in order',
      'after entry 10',
      START,
      [
        [{}, handed(9, 10)],
        [{}, { ...NOTHING, restore: snapshot(9) }],
      ],
    ],
    [
      'applied was handed out',
      'entry 11 is applied, handed out up to 10',
      START,
      [
        [{}, handed(9, 10)],
        [{ appliedIndex: 11 }, NOTHING],
      ],
    ],
  ])('finds "%s" broken: %s', (rule, found, start, turns) => {
    expect(() => run(start, turns.slice(0, -1))).not.toThrow();
    expect(() => run(start, turns)).toThrow(
      expect.objectContaining({ name: 'BrokenInvariantError', rule, message: expect.stringContaining(found) }),
    );
  });
});

/** Where each engine keeps what is broken here. */
const INSIDES: readonly [EngineKind<unknown>, term: readonly string[], commitIndex: readonly string[]][] = [
  [gorumsKind, ['state', 'term'], ['state', 'commitIndex']],
  [etcdKind, ['node', 'state', 'term'], ['node', 'state', 'log', 'committed']],
  [hashicorpKind, ['state', 'term'], ['state', 'commitIndex']],
];

function breakInside(engine: object, path: readonly string[], value: number): void {
  const inside = path.slice(0, -1).reduce((at, name) => Reflect.get(at, name) as object, engine);
  Reflect.set(inside, path[path.length - 1]!, value);
}

/** A server that leads alone, and has committed the first entry of its term. */
function leaderOf(kind: EngineKind<unknown>): SteppedEngine<unknown> {
  const server = new SteppedEngine(kind, { id: 1, bootstrap: [1] });
  for (let ticks = 0; ticks < 100 && server.engine.status().commitIndex === 0; ticks++) {
    const { committed } = server.pass(TEST_SETTINGS.heartbeatMs / 2);
    if (committed.length > 0) server.engine.applied(committed[committed.length - 1]!.index);
  }
  for (let turns = 0; turns < 3; turns++) server.settle();
  expect(server.engine.status()).toMatchObject({ role: Role.Leader, commitIndex: 1 });
  return server;
}

describe.each(INSIDES)('$name, broken from inside', (kind, term, commitIndex) => {
  it.each<[EngineRule, readonly string[], number]>([
    ['terms rise', term, 0],
    ['commit index rises', commitIndex, 0],
    ['the log holds what is committed', commitIndex, 99],
  ])('stops by the rule "%s"', (rule, path, value) => {
    const { engine } = leaderOf(kind);
    breakInside(engine, path, value);
    expect(() => engine.drain()).toThrow(expect.objectContaining({ name: 'BrokenInvariantError', rule }));
  });
});

import { describe, expect, it } from 'vitest';
import { type EngineKind, type PersistBatch, Role, simpleConfiguration } from './contract.ts';
import { Entry, EntryType } from './entry.ts';
import { etcdKind } from './etcd/index.ts';
import { gorumsKind } from './gorums/index.ts';
import { hashicorpKind } from './hashicorp/index.ts';
import { TEST_SETTINGS } from './testing/engineCluster.ts';
import { SteppedEngine } from './testing/steppedEngine.ts';
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
  return { index, term: 4, configuration: simpleConfiguration([1, 2, 3]), data: new Uint8Array(0) };
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

/** Where each engine keeps what is broken here. */
const INSIDES: readonly [EngineKind<unknown>, term: readonly string[], commitIndex: readonly string[]][] = [
  [gorumsKind, ['term'], ['commitIndex']],
  [etcdKind, ['node', 'core', 'term'], ['node', 'core', 'log', 'committed']],
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

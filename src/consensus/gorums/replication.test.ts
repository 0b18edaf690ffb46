import { describe, expect, it } from 'vitest';
import { type Output, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent, ReceivedContent } from '../snapshotContent.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { FULL_ROUND_BYTES } from './limits.ts';
import type { AppendEntries, GorumsMessage } from './messages.ts';
import { Reads } from './reads.ts';
import { Replication } from './replication.ts';
import { ServerState } from './state.ts';
import { answer, appends, established, lastCall, lead, propose, start } from './testing/leading.ts';

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;
/** So much that what is small overtakes it, for 100 ms. */
const LARGE = new Uint8Array(1 << 20);
const settings = { maxMessageBytes: 4 << 20 };

const roundsTo = (output: Output<GorumsMessage>, to: number) => appends(output).filter(([id]) => id === to);
const catchMeUp = (follower: number, nextIndex: number) =>
  ({ type: 'CatchMeUp', call: 9, follower, nextIndex }) as const;

function compact(server: ReturnType<typeof established>, index: number): void {
  const configuration = simpleConfiguration([1, 2, 3]);
  server.log.storeSnapshot({ index, term: 1, configuration, content: new MemoryContent(Uint8Array.of(9)) }, 0);
  server.engine.snapshotStored(index);
}

describe('how a leader sends its log', () => {
  const sending = (held: number) => {
    const log = new MemoryLog();
    const entries = Array.from({ length: held }, (_, i) => new Entry(i + 1, 1, EntryType.Normal, Uint8Array.of(i)));
    log.persist({ mark: 1, entries, hardState: { term: 1, vote: 1, commit: 0 }, mustSync: true });
    const init = { id: 1, settings: TEST_SETTINGS, random: () => 0, nowMs: 0, appliedIndex: 0, bootstrap: [3, 1, 2] };
    const state = new ServerState({
      ...init,
      log,
      hardState: log.hardState,
      receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
    });
    const replication = new Replication(state, new Reads(), 1);
    return { log, state, replication };
  };

  it('knows that all went out when the last entry did', () => {
    const { replication } = sending(1);
    expect(replication.isAllSent).toBe(false);
    replication.pump();
    expect(replication.isAllSent).toBe(true);
  });

  it('goes on after what is compacted, be it that no round carried it', () => {
    const { replication, log } = sending(5);
    const configuration = simpleConfiguration([1]);
    log.storeSnapshot({ index: 4, term: 1, configuration, content: new MemoryContent(Uint8Array.of(9)) }, 0);
    replication.pump();
    expect(replication.isAllSent).toBe(true);
  });

  it('reaches the voters and a newcomer in ascending order, and remembers what it knows of each', () => {
    const { replication } = sending(1);
    const ids = () => replication.peerStatus().map(({ id }) => id);
    replication.refreshPeers(0);
    expect(ids()).toEqual([2, 3]);
    const before = replication.peer(3);
    replication.refreshPeers(5);
    expect(ids()).toEqual([2, 3, 5]);
    expect(replication.peer(3)).toBe(before);
    replication.refreshPeers(0);
    expect(ids()).toEqual([2, 3]);
  });

  it('says of a peer where rounds go on, or what it lacks, and when it was heard, be it at the very beginning', () => {
    const { replication } = sending(1);
    replication.refreshPeers(0);
    replication.peer(2)!.heardMs = 0;
    Object.assign(replication.peer(3)!, { state: 'behind', matchIndex: 4 });
    replication.pump();
    expect(replication.peerStatus()).toEqual([
      { id: 2, matchIndex: 0, nextIndex: 2, state: 'steady', lastHeardMs: 0 },
      { id: 3, matchIndex: 4, nextIndex: 5, state: 'behind', lastHeardMs: -1 },
    ]);
  });
});

describe('a heartbeat', () => {
  it('follows on what is known to be held where it would overtake what was sent', () => {
    const server = established({ settings });
    const large = propose(server, 1, LARGE);
    expect(roundsTo(large, 2)).toEqual([[2, 1, 1]]);
    const output = server.pass(heartbeatMs);
    expect([roundsTo(output, 2), roundsTo(output, 3)]).toEqual([[[2, 1, 0]], [[3, 1, 0]]]);
    answer(server, 2, lastCall(large));
    // Each of the two another message, though neither brings an entry.
    expect(appends(server.pass(heartbeatMs))).toEqual([
      [2, 2, 0],
      [3, 1, 0],
    ]);
  });

  it('follows on what was sent where what is held is compacted, or the follower asked for something else', () => {
    const server = established({ settings });
    const large = propose(server, 1, LARGE);
    answer(server, 3, lastCall(large));
    compact(server, 2);
    const output = server.pass(heartbeatMs);
    expect(roundsTo(output, 2)).toEqual([[2, 2, 0]]);
    expect(output.messages.map(({ message }) => message.type)).not.toContain('SnapshotChunk');
    const behind = established({ settings: { ...settings, entriesPerMessage: 1 } });
    const first = propose(behind, 1, LARGE);
    propose(behind, 1, LARGE);
    behind.pass(1);
    answer(behind, 2, lastCall(first), false);
    expect(behind.engine.status().peers).toMatchObject([{ id: 2, state: 'behind' }, { id: 3 }]);
    expect(roundsTo(behind.pass(heartbeatMs), 2)).toEqual([[2, 3, 0]]);
  });

  it('does not count what an answer to a later round speaks for', () => {
    const server = established({ settings: { ...settings, entriesPerMessage: 1 } });
    propose(server, 1, LARGE);
    server.engine.propose({ token: 2, commands: [Uint8Array.of(1)] });
    const second = server.pass(1);
    expect(roundsTo(second, 2)).toEqual([[2, 2, 1]]);
    answer(server, 2, lastCall(second));
    propose(server, 1);
    expect(roundsTo(server.pass(heartbeatMs), 2).at(-1)).toEqual([2, 4, 0]);
  });

  it('brings a snapshot where what it would follow on is compacted', () => {
    const server = established({ settings: { entriesPerMessage: 1, catchUpMultiplier: 1 } });
    for (let i = 0; i < 6; i++) answer(server, 2, lastCall(propose(server, 1)));
    answer(server, 3, lastCall(server.pass(heartbeatMs)), false);
    server.step(3, catchMeUp(3, 1));
    compact(server, 6);
    const { messages } = server.pass(heartbeatMs);
    const types = messages.filter(({ to }) => to === 3).map(({ message }) => message.type);
    // The second one answers for the round.
    expect(types).toEqual(['SnapshotChunk', 'AppendEntries']);
  });
});

describe('a round', () => {
  it('that carries no entries takes nothing from the pace of those that do', () => {
    const server = established();
    const first = propose(server, 1);
    expect(roundsTo(first, 2)).toHaveLength(1);
    expect(roundsTo(server.pass(heartbeatMs), 2)).toEqual([[2, 2, 0]]);
    expect(roundsTo(propose(server, 1), 2)).toEqual([[2, 2, 1]]);
  });

  it('carries reads as soon as they come, and those that come meanwhile when the clock has moved on', () => {
    const server = established();
    server.pass(1);
    server.engine.read(1);
    expect(roundsTo(server.settle(), 2)).toHaveLength(1);
    server.engine.read(2);
    expect(roundsTo(server.settle(), 2)).toEqual([]);
    expect(roundsTo(server.pass(1), 2)).toHaveLength(1);
  });

  it('carries no reads before this term has committed an entry (Raft §8)', () => {
    const server = start();
    lead(server);
    server.engine.read(5);
    const heartbeat = server.pass(heartbeatMs);
    expect(answer(server, 2, lastCall(heartbeat), false).reads).toEqual([]);
    const next = server.pass(heartbeatMs);
    const carrying = answer(server, 3, lastCall(next));
    expect(carrying.reads).toEqual([]);
    expect(answer(server, 3, lastCall(carrying)).reads).toEqual([{ token: 5, ok: true, index: 1 }]);
  });
});

describe('a follower that catches up', () => {
  const small = { entriesPerMessage: 1, catchUpMultiplier: 1 };

  it('takes part in a round as soon as it is there, where something waits for it', () => {
    const server = established({ settings: small });
    const rounds = [1, 2, 3].map(() => propose(server, 1));
    answer(server, 2, lastCall(rounds[2]!), false);
    let output = server.step(2, catchMeUp(2, 2));
    for (let i = 0; i < 9 && server.engine.status().commitIndex < 4; i++) {
      const calls = output.messages.filter(({ to }) => to === 2).map(({ message }) => message as AppendEntries);
      expect(calls).not.toEqual([]);
      for (const { call } of calls) output = answer(server, 2, call);
    }
    expect(server.engine.status()).toMatchObject({ commitIndex: 4, peers: [{ id: 2, state: 'steady' }, { id: 3 }] });
  });

  it('has as much room whether heartbeats go to it or not', () => {
    const server = established({ settings: small });
    for (let i = 0; i < 6; i++) answer(server, 2, lastCall(propose(server, 1)));
    answer(server, 3, lastCall(server.pass(heartbeatMs)), false);
    const injected = server.step(3, catchMeUp(3, 2));
    for (let i = 0; i < 3; i++) server.pass(heartbeatMs);
    const two = answer(server, 3, lastCall(injected));
    expect(roundsTo(two, 3)).toEqual([
      [3, 2, 1],
      [3, 3, 1],
    ]);
  });
});

describe('a round', () => {
  it('brings everybody one and the same message, which is encoded once', () => {
    const { messages } = propose(established(), 3);
    expect(messages.map(({ to }) => to)).toEqual([2, 3]);
    expect(messages[0]!.message).toBe(messages[1]!.message);
  });

  it('that carries nothing was another message for each, encoded as often', () => {
    const { messages } = established().pass(heartbeatMs);
    expect(messages).toMatchObject([2, 3].map((to) => ({ to, message: { type: 'AppendEntries', entries: [] } })));
    expect(messages[0]!.message).toBe(messages[1]!.message);
  });
});

describe('a follower that refused a round', () => {
  it('takes part in rounds again once it agrees, without asking for anything', () => {
    const server = established();
    const round = propose(server, 1);
    expect(appends(round).map(([to]) => to)).toEqual([2, 3]);
    const { lastIndex } = server.log;
    const call = lastCall(round);
    answer(server, 3, call, false);
    expect(server.engine.status().peers.find(({ id }) => id === 3)).toMatchObject({ state: 'behind' });
    answer(server, 2, call);
    const heartbeat = lastCall(server.pass(heartbeatMs));
    answer(server, 3, heartbeat);
    answer(server, 2, heartbeat);
    expect(server.engine.status().peers.find(({ id }) => id === 3)).toMatchObject({ state: 'steady' });
    expect(appends(propose(server, 1))).toContainEqual([3, lastIndex, 1]);
  });
});

describe('a round', () => {
  it('of a new leader carries an Internal entry to everyone in ascending order (Raft §8)', () => {
    const output = lead(start());
    expect(appends(output)).toEqual([
      [2, 0, 1],
      [3, 0, 1],
    ]);
    expect(output.persist?.entries).toMatchObject([{ index: 1, term: 1, type: EntryType.Internal }]);
  });

  it('starts at once where none is in flight, and otherwise gathers', () => {
    const server = established();
    const first = propose(server, 1);
    expect(appends(first)).toEqual([
      [2, 1, 1],
      [3, 1, 1],
    ]);
    expect(appends(propose(server, 2))).toEqual([]);
    expect(appends(answer(server, 2, lastCall(first)))).toEqual([
      [2, 2, 2],
      [3, 2, 2],
    ]);
  });

  it('starts beside another one once what gathers is many bytes, and then gathers again', () => {
    const server = established({ settings });
    propose(server, 1);
    expect(appends(propose(server, 1, new Uint8Array(FULL_ROUND_BYTES - 100)))).toEqual([]);
    expect(appends(propose(server, 1, new Uint8Array(100)))).toEqual([
      [2, 2, 2],
      [3, 2, 2],
    ]);
    expect(appends(propose(server, 1))).toEqual([]);
  });

  it('commits what a majority holds, its own durable log included (Raft §5.3)', () => {
    const server = established();
    server.engine.propose({ token: 1, commands: [Uint8Array.of(1)] });
    const round = server.turn();
    const { term } = server.engine.status();
    const success = {
      type: 'AppendEntriesResponse',
      call: lastCall(round),
      term,
      matchIndex: 1,
      success: true,
    } as const;
    server.engine.receive(3, success);
    expect(server.turn().committed).toEqual([]);
    server.sync();
    expect(server.turn().committed.map((entry) => entry.index)).toEqual([2]);
  });

  it('counts nothing as durable here that stood where its log was cut off', () => {
    const entries = [1, 1, 1, 1, 1].map((term, at) => new Entry(at + 1, term, EntryType.Normal, Uint8Array.of(at)));
    const server = start({ entries, hardState: { term: 1, vote: 0, commit: 0 } });
    const other = [new Entry(2, 2, EntryType.Normal, Uint8Array.of(9))];
    const numbers = { call: 1, leader: 3, term: 2, prevLogIndex: 1, prevLogTerm: 1, commitIndex: 0 };
    server.step(3, { type: 'AppendEntries', ...numbers, entries: other });
    const asked = server.pass(electionTimeoutMs);
    const grant = { type: 'RequestVoteResponse', term: 3, granted: true } as const;
    const stood = server.step(2, { ...grant, call: lastCall(asked) });
    server.engine.receive(2, { ...grant, call: lastCall(stood) });
    const call = lastCall(server.turn());
    expect(server.engine.status()).toMatchObject({ role: 'leader', lastIndex: 3 });
    server.engine.receive(2, { type: 'AppendEntriesResponse', call, term: 3, matchIndex: 2, success: true });
    server.turn();
    expect(server.engine.status().commitIndex).toBe(0);
    server.sync();
    server.turn();
    expect(server.engine.status().commitIndex).toBe(3);
  });

  it('commits no entry of an earlier term by counting (Raft §5.4.2, figure 8)', () => {
    const old = [1, 2].map((index) => new Entry(index, 1, EntryType.Normal, Uint8Array.of(index)));
    const hardState = { term: 1, vote: 1, commit: 0 };
    const settings = { entriesPerMessage: 1, catchUpMultiplier: 1 };
    const server = start({ entries: old, hardState, settings });
    answer(server, 2, lastCall(lead(server)), false);
    const call = lastCall(server.step(2, { type: 'CatchMeUp', call: 1, follower: 2, nextIndex: 1 }));
    answer(server, 2, call);
    expect(server.engine.status()).toMatchObject({ commitIndex: 0, peers: [{ id: 2, matchIndex: 1 }, { id: 3 }] });
    const rest = lastCall(server.step(2, { type: 'CatchMeUp', call: 2, follower: 2, nextIndex: 2 }));
    answer(server, 2, rest);
    expect(server.engine.status().commitIndex).toBe(0);
    const last = lastCall(server.step(2, { type: 'CatchMeUp', call: 3, follower: 2, nextIndex: 3 }));
    answer(server, 2, last);
    expect(server.engine.status().commitIndex).toBe(3);
  });

  it('goes out again from the commit index when no quorum answers in time', () => {
    const server = established();
    propose(server, 2);
    server.pass(heartbeatMs);
    // The tick that wakes the host decides nothing; the one after it finds a leader that is not silent yet.
    server.nowMs += electionTimeoutMs / 2 + 1;
    server.engine.tick(server.nowMs);
    expect(appends(server.pass(1))).toEqual([
      [2, 1, 2],
      [3, 1, 2],
    ]);
  });

  it('is not moved by answers to calls it does not know, and ends with a higher term (Raft §5.1)', () => {
    const server = established();
    propose(server, 1);
    answer(server, 2, 9999);
    expect(server.engine.status().commitIndex).toBe(1);
    const higher = { type: 'AppendEntriesResponse', call: 1, term: 8, matchIndex: 0, success: false } as const;
    expect(server.step(3, higher).persist?.hardState).toMatchObject({ term: 8, vote: 0 });
    expect(server.engine.status()).toMatchObject({ role: 'follower', term: 8 });
  });
});

describe('a follower that catches up', () => {
  it('gets what it asked for in the next round, alone, and is part of the rounds from there on', () => {
    const server = established();
    answer(server, 2, lastCall(propose(server, 4)));
    const injected = server.step(3, { type: 'CatchMeUp', call: 9, follower: 3, nextIndex: 1 });
    expect(appends(injected)).toEqual([
      [2, 5, 0],
      [3, 0, 5],
    ]);
    expect(injected.events).toContain('injectentries');
    answer(server, 3, lastCall(injected));
    expect(appends(propose(server, 1))).toEqual([
      [2, 5, 1],
      [3, 5, 1],
    ]);
  });

  it('gets empty rounds between its refusal and its question', () => {
    const server = established();
    const round = propose(server, 1);
    answer(server, 3, lastCall(round), false);
    answer(server, 2, lastCall(round));
    expect(appends(propose(server, 1))).toEqual([
      [2, 2, 1],
      [3, 3, 0],
    ]);
  });

  it('gets the rest without asking again and without a heartbeat, one message more with each answer', () => {
    const server = established({ settings: { entriesPerMessage: 1, catchUpMultiplier: 1 } });
    let round = propose(server, 7);
    while (server.engine.status().commitIndex < 8) round = answer(server, 2, lastCall(round));
    const carried = (output: Output<GorumsMessage>) =>
      appends(output).filter(([to, , count]) => to === 3 && count! > 0);
    const injected = server.step(3, { type: 'CatchMeUp', call: 9, follower: 3, nextIndex: 1 });
    expect(carried(injected)).toEqual([[3, 0, 1]]);
    const two = answer(server, 3, lastCall(injected));
    expect(carried(two)).toEqual([
      [3, 1, 1],
      [3, 2, 1],
    ]);
    const calls = two.messages.filter(({ to }) => to === 3).map(({ message }) => message.call);
    expect(carried(answer(server, 3, calls[0]!))).toEqual([
      [3, 3, 1],
      [3, 4, 1],
    ]);
    // What it refuses says that something was lost: nothing more until it asks.
    expect(carried(answer(server, 3, calls[1]!, false))).toEqual([]);
    expect(server.engine.status().peers).toMatchObject([{ id: 2 }, { id: 3, state: 'behind', matchIndex: 2 }]);
  });

  it('gets at most entriesPerMessage × catchUpMultiplier entries at a time', () => {
    const server = established({ settings: { entriesPerMessage: 2, catchUpMultiplier: 2 } });
    let round = propose(server, 6);
    while (server.engine.status().commitIndex < 7) round = answer(server, 2, lastCall(round));
    const injected = server.step(3, { type: 'CatchMeUp', call: 9, follower: 3, nextIndex: 1 });
    expect(appends(injected).at(-1)).toEqual([3, 0, 4]);
  });

  it('that asked for the same after each refusal, as the original’s do whose log ends in what is not the leader’s, never got in', () => {
    const server = established();
    let round = propose(server, 7);
    answer(server, 2, lastCall(round));
    const asks = () => server.step(3, catchMeUp(3, 7));
    const from: number[] = [];
    for (let i = 0; i < 3; i++) {
      round = asks();
      const [, prevLogIndex] = roundsTo(round, 3).at(-1)!;
      from.push(Number(prevLogIndex) + 1);
      answer(server, 3, lastCall(round), false);
    }
    expect(from).toEqual([7, 6, 4]);
    round = asks();
    // No further than it is known to agree.
    expect(roundsTo(round, 3)).toEqual([[3, 1, 7]]);
    answer(server, 3, lastCall(round));
    expect(server.engine.status().peers).toMatchObject([{ id: 2 }, { id: 3, state: 'steady', matchIndex: 8 }]);
  });

  it('whose log is longer than the leader’s, and not its own, never got in while that grew from one question to the next', () => {
    const server = established();
    answer(server, 2, lastCall(propose(server, 7)));
    const from: number[] = [];
    for (let i = 0; i < 3; i++) {
      const round = server.step(3, catchMeUp(3, 40));
      const [, prevLogIndex] = roundsTo(round, 3).at(-1)!;
      from.push(Number(prevLogIndex) + 1);
      answer(server, 3, lastCall(round), false);
      answer(server, 2, lastCall(propose(server, 1)));
    }
    expect(from).toEqual([9, 8, 6]);
  });

  it('was told of a commit index beyond what its agreement proves, up to which the original’s commit whatever they hold', () => {
    const server = established({ settings: { entriesPerMessage: 1, catchUpMultiplier: 2 } });
    let round = propose(server, 7);
    while (server.engine.status().commitIndex < 8) round = answer(server, 2, lastCall(round));
    const commitTold = ({ messages }: Output<GorumsMessage>) =>
      messages
        .filter(({ to }) => to === 3)
        .map(({ message }) => message as AppendEntries)
        .map(({ prevLogIndex, entries, commitIndex }) => [prevLogIndex + entries.length, commitIndex]);
    const injected = server.step(3, catchMeUp(3, 1));
    expect(commitTold(injected)).toEqual([[2, 2]]);
    expect(commitTold(answer(server, 3, lastCall(injected)))).toEqual([
      [4, 4],
      [6, 6],
    ]);
  });

  it('gets a snapshot where the log is compacted (Raft §7)', () => {
    const server = established();
    answer(server, 2, lastCall(propose(server, 3)));
    const configuration = simpleConfiguration([1, 2, 3]);
    server.log.storeSnapshot({ index: 3, term: 1, configuration, content: new MemoryContent(Uint8Array.of(9)) }, 0);
    server.engine.snapshotStored(3);
    const { messages } = server.step(3, { type: 'CatchMeUp', call: 9, follower: 3, nextIndex: 1 });
    expect(messages.find(({ to }) => to === 3)?.message).toMatchObject({
      type: 'SnapshotChunk',
      index: 3,
      snapshotTerm: 1,
      offset: 0,
      total: 1,
      data: Uint8Array.of(9),
    });
  });
});

describe('what a quorum does not answer', () => {
  it('goes out again ever later, until something commits', () => {
    const server = established();
    /** How long it takes until entries go out that are out already. */
    const againMs = () => {
      for (let ms = 5; ms < 500; ms += 5) {
        // It is heard, so that it need not fall silent, but of what it holds nothing is said.
        server.step(2, { type: 'RequestVoteResponse', call: 0, term: 0, granted: false });
        if (appends(server.pass(5)).some(([, , count]) => count! > 0)) return ms;
      }
      throw new Error('it does not go out again');
    };
    let round = propose(server, 1);
    const patienceMs = againMs();
    const longer = againMs();
    expect(longer).toBeGreaterThan(1.5 * patienceMs);
    // Answers to rounds that were given up prove nothing; those to the next one do.
    round = server.pass(heartbeatMs);
    answer(server, 2, lastCall(round));
    answer(server, 3, lastCall(round));
    expect(server.engine.status().commitIndex).toBe(server.log.lastIndex);
    propose(server, 1);
    expect(againMs()).toBe(patienceMs);
  });
});

import { describe, expect, it } from 'vitest';
import { ChangeType, type Output, simpleConfiguration } from '../contract.ts';
import { EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { ROUNDS_IN_FLIGHT_MAX } from './limits.ts';
import type { AppendEntries, GorumsMessage } from './messages.ts';
import { answer, appends, established, lastCall, lead, propose, start } from './testing/leading.ts';

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;

describe('a server that is removed', () => {
  it('takes part in rounds until that is committed, and is told so', () => {
    const server = established();
    const before = server.log.lastIndex;
    server.engine.reconfigure({ type: ChangeType.Remove, id: 3 }, 9);
    const heard: AppendEntries[] = [];
    let output = server.settle();
    for (let i = 0; i < 30; i++) {
      const rounds = output.messages.map(({ to, message }) => ({ to, message: message as AppendEntries }));
      heard.push(...rounds.filter(({ to }) => to === 3).map(({ message }) => message));
      const [asked] = rounds.filter(({ to, message }) => to === 2 && message.type === 'AppendEntries');
      output = asked === undefined ? server.pass(heartbeatMs) : answer(server, 2, asked.message.call);
    }
    const change = server.log.configurationEntries().find(({ index }) => index > before)!;
    expect(server.engine.status()).toMatchObject({ configuration: simpleConfiguration([1, 2]) });
    expect(server.engine.status().commitIndex).toBeGreaterThanOrEqual(change.index);
    expect(heard.some(({ entries }) => entries.some(({ index }) => index === change.index))).toBe(true);
    expect(heard.at(-1)!.commitIndex).toBeGreaterThanOrEqual(change.index);
    expect(server.engine.status().peers.map(({ id }) => id)).toEqual([2]);
  });
});

describe('a change of the members', () => {
  it('is done when it is committed, and not with what was committed before it', () => {
    const server = established({ settings: { entriesPerMessage: 1 } });
    server.engine.reconfigure({ type: ChangeType.Remove, id: 3 }, 9);
    const marked = [server.settle(), server.pass(heartbeatMs)].filter((output) => appends(output).length > 0);
    // When those who remain have the mark, a command comes into the log before the change.
    server.engine.propose({ token: 1, commands: [Uint8Array.of(1)] });
    const messages = [...answer(server, 2, lastCall(marked[0]!)).messages, ...server.settle().messages];
    const rounds = messages.filter(({ to }) => to === 2).map(({ message }) => message as AppendEntries);
    expect(rounds.map(({ entries }) => entries.map(({ type }) => type))).toEqual([
      [EntryType.Normal],
      [EntryType.Reconf],
    ]);
    expect(answer(server, 2, rounds[0]!.call).requests).toEqual([]);
    expect(answer(server, 2, rounds[1]!.call).requests).toEqual([{ token: 9, ok: true }]);
  });
});

describe('a leader that does not batch', () => {
  it('appends one command at a time, and none while the one before waits for its round', () => {
    const server = established({ settings: { batch: false } });
    const { lastIndex } = server.log;
    server.engine.propose({ token: 1, commands: Array(2 * ROUNDS_IN_FLIGHT_MAX).fill(Uint8Array.of(1)) });
    for (let i = 1; i <= ROUNDS_IN_FLIGHT_MAX; i++) {
      server.settle();
      expect(server.log.lastIndex).toBe(lastIndex + i);
    }
    // One more has found its place and no round; nobody answers.
    for (let i = 0; i < 3; i++) server.settle();
    expect(server.log.lastIndex).toBe(lastIndex + ROUNDS_IN_FLIGHT_MAX + 1);
  });
});

describe('a leader under check of the quorum', () => {
  const settings = { checkQuorum: true };

  it('gets a little time after the host slept, and no more', () => {
    const server = established({ settings });
    server.nowMs += 10 * electionTimeoutMs;
    server.engine.tick(server.nowMs);
    server.pass(heartbeatMs);
    expect(server.engine.status()).toMatchObject({ role: 'leader' });
    server.pass(2 * electionTimeoutMs);
    expect(server.engine.status().role).not.toBe('leader');
  });

  it('that led alone gets an election timeout for the first answer of who joins', () => {
    const server = start({ bootstrap: [1], settings });
    server.pass(10 * electionTimeoutMs);
    server.pass(0);
    expect(server.engine.status()).toMatchObject({ role: 'leader' });
    server.engine.reconfigure({ type: ChangeType.AddVoter, id: 2 }, 9);
    for (let i = 0; i < 10 && server.engine.status().configuration.voters.length === 1; i++) {
      const { messages } = server.pass(heartbeatMs);
      for (const { message } of messages) answer(server, 2, message.call);
    }
    expect(server.engine.status()).toMatchObject({ role: 'leader', configuration: { voters: [1, 2] } });
    server.pass(electionTimeoutMs / 2);
    expect(server.engine.status()).toMatchObject({ role: 'leader' });
    server.pass(2 * electionTimeoutMs);
    expect(server.engine.status().role).not.toBe('leader');
  });
});

describe('a leader that no quorum answers', () => {
  it('asks for pre-votes of the next term, as anybody would', () => {
    const server = established();
    const asked = [];
    for (let ms = 0; ms < electionTimeoutMs; ms += 5) asked.push(...server.pass(5).messages);
    const requests = asked.filter(({ message }) => message.type === 'RequestVote');
    expect(requests.length).toBeGreaterThan(1);
    for (const { message } of requests) {
      expect(message).toMatchObject({ candidate: 1, term: 2, lastLogIndex: 1, lastLogTerm: 1, preVote: true });
    }
  });

  it('ends with a vote that names a later term', () => {
    const server = established();
    server.step(2, { type: 'RequestVoteResponse', call: 1, term: 9, granted: false });
    expect(server.engine.status()).toMatchObject({ role: 'follower', term: 9 });
  });
});

describe('a leader that removes itself', () => {
  it('proves its reads by who remains, be it only one', () => {
    const server = start({ bootstrap: [1, 2] });
    answer(server, 2, lastCall(lead(server)));
    server.engine.reconfigure({ type: ChangeType.Remove, id: 1 }, 9);
    let output = server.settle();
    for (let i = 0; i < 9 && server.engine.status().configuration.voters.length === 2; i++) {
      for (const { message } of output.messages) answer(server, 2, message.call);
      output = server.pass(heartbeatMs);
    }
    expect(server.engine.status()).toMatchObject({ role: 'leader', configuration: { voters: [2] } });
    server.engine.read(5);
    const asked = server.settle();
    expect(asked.reads).toEqual([]);
    const [round] = asked.messages.filter(({ message }) => message.type === 'AppendEntries').slice(-1);
    expect(answer(server, 2, round!.message.call).reads).toMatchObject([{ token: 5, ok: true }]);
    // Its removal is committed: it leads no more, whether anybody takes over or not.
    expect(server.engine.status()).toMatchObject({ role: 'passive', leader: 0, configuration: { voters: [2] } });
  });
});

describe('a leader that is answered', () => {
  it('asks nobody for pre-votes', () => {
    const server = established();
    for (let ms = 0; ms < 2 * electionTimeoutMs; ms += heartbeatMs) {
      const { messages } = server.pass(heartbeatMs);
      expect(messages.map(({ message }) => message.type)).not.toContain('RequestVote');
      for (const { to, message } of messages) answer(server, to, message.call);
    }
  });
});

describe('a server that does not vote', () => {
  it('does not stand, though a leader tells it to', () => {
    const server = start({ id: 4 });
    const numbers = { prevLogIndex: 0, prevLogTerm: 0, commitIndex: 0 };
    server.step(2, { type: 'AppendEntries', call: 1, leader: 2, term: 3, ...numbers, entries: [] });
    server.step(2, { type: 'TimeoutNow', call: 2, leader: 2, term: 3 });
    expect(server.engine.status()).toMatchObject({ role: 'passive', term: 3, leader: 2 });
  });
});

describe('a term from far ahead', () => {
  const of = (granted: boolean) => {
    const server = start();
    server.step(2, { type: 'RequestVoteResponse', call: 1, term: Number.MAX_SAFE_INTEGER - 1, granted });
    return server.engine.status().term;
  };

  it('is approached where it is the sender’s own, and not where it was only asked for', () => {
    expect(of(false)).toBeGreaterThan(0);
    expect(of(true)).toBe(0);
  });
});

describe('an election', () => {
  it('asks for pre-votes first, without a new term (thesis §9.6)', () => {
    const server = start();
    const { messages, persist } = server.pass(electionTimeoutMs);
    expect(messages.map(({ to, message }) => [to, message])).toMatchObject([
      [2, { type: 'RequestVote', preVote: true, term: 1 }],
      [3, { type: 'RequestVote', preVote: true, term: 1 }],
    ]);
    expect(persist).toBeUndefined();
    expect(server.engine.status()).toMatchObject({ role: 'pre-candidate', term: 0 });
  });

  it('asks for votes only after its own is durable, and counts its own only then (Raft §5.2)', () => {
    const server = start();
    const asked = lastCall(server.pass(electionTimeoutMs));
    server.engine.receive(2, { type: 'RequestVoteResponse', call: asked, term: 1, granted: true });
    const stood = server.turn();
    expect(stood.messages).toEqual([]);
    expect(stood.messagesAfterPersist.map(({ to }) => to)).toEqual([2, 3]);
    expect(stood.persist?.hardState).toMatchObject({ term: 1, vote: 1 });
    server.engine.receive(2, { type: 'RequestVoteResponse', call: lastCall(stood), term: 1, granted: true });
    server.turn();
    expect(server.engine.status().role).toBe('candidate');
    server.sync();
    expect(server.engine.status().role).toBe('leader');
  });

  it('takes no vote of another term for its own, whatever call it answers', () => {
    const server = start({ hardState: { term: 4, vote: 0, commit: 0 } });
    const asked = lastCall(server.pass(electionTimeoutMs));
    for (const term of [3, 4, 6]) server.step(2, { type: 'RequestVoteResponse', call: asked, term, granted: true });
    expect(server.engine.status()).toMatchObject({ role: 'pre-candidate', term: 4 });
  });

  it('takes no vote of an earlier call for its own', () => {
    const server = start();
    const asked = lastCall(server.pass(electionTimeoutMs));
    const grant = { type: 'RequestVoteResponse', call: asked, term: 1, granted: true } as const;
    server.step(2, grant);
    server.step(3, grant);
    expect(server.engine.status()).toMatchObject({ role: 'candidate', term: 1 });
  });
});

describe('a read', () => {
  it('is confirmed by a quorum round begun after it came, at the commit index of then (thesis §6.4)', () => {
    const server = established();
    const before = propose(server, 1);
    server.engine.read(5);
    const confirming = server.settle();
    expect(appends(confirming)).toHaveLength(2);
    expect(answer(server, 2, lastCall(before)).reads).toEqual([]);
    expect(answer(server, 2, lastCall(confirming)).reads).toEqual([{ token: 5, ok: true, index: 1 }]);
  });

  it('is not confirmed by a server that does not vote yet', () => {
    const server = established();
    server.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 3);
    server.engine.read(5);
    const round = server.settle();
    expect(appends(round).map(([to]) => to)).toEqual([2, 3, 4]);
    expect(answer(server, 4, lastCall(round)).reads).toEqual([]);
    expect(answer(server, 2, lastCall(round)).reads).toMatchObject([{ token: 5, ok: true }]);
  });

  it('waits until this term has committed an entry (Raft §8)', () => {
    const server = start();
    const first = lead(server);
    server.engine.read(5);
    expect(server.settle().reads).toEqual([]);
    const confirming = answer(server, 2, lastCall(first));
    expect(confirming.reads).toEqual([]);
    expect(answer(server, 3, lastCall(confirming)).reads).toEqual([{ token: 5, ok: true, index: 1 }]);
  });
});

describe('a server to be added', () => {
  it('is brought up to date before it counts (thesis §4.2.1)', () => {
    const server = established();
    server.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 3);
    server.settle();
    const heartbeat = server.pass(heartbeatMs);
    expect(appends(heartbeat).map(([to]) => to)).toEqual([2, 3, 4]);
    answer(server, 4, lastCall(heartbeat), false);
    expect(server.log.configurationEntries()).toEqual([]);
    const injected = server.step(4, { type: 'CatchMeUp', call: 1, follower: 4, nextIndex: 1 });
    const marked = answer(server, 4, lastCall(injected));
    expect(marked.events).toContain('caughtup');
    // An entry that a majority of the coming configuration must hold, the new server among them, before it comes into force.
    expect(server.log.entries(2, 2, 100)).toMatchObject([{ type: EntryType.Internal }]);
    const call = lastCall(server.pass(heartbeatMs));
    answer(server, 2, call);
    answer(server, 3, call);
    expect(server.engine.status().configuration.voters).toEqual([1, 2, 3]);
    answer(server, 4, call);
    expect(server.engine.status().configuration.voters).toEqual([1, 2, 3, 4]);
    expect(server.log.configurationEntries()).toMatchObject([{ index: 3, type: EntryType.Reconf }]);
  });
});

describe('a leader that is asked for what is missing', () => {
  const catchMeUp = (nextIndex: number, follower = 3) => ({ type: 'CatchMeUp', call: 9, follower, nextIndex }) as const;

  it('has heard its follower', () => {
    const server = established();
    for (let i = 0; i < 30; i++) {
      server.pass(heartbeatMs);
      server.step(3, catchMeUp(1));
      expect(server.engine.status().peers.find(({ id }) => id === 3)).toMatchObject({ lastHeardMs: 0 });
    }
    expect(server.engine.status()).toMatchObject({ role: 'leader', leader: 1 });
  });

  it('says once that it brings it up to date, until that is done', () => {
    const server = established();
    answer(server, 2, lastCall(propose(server, 3)));
    const events = (output: Output<GorumsMessage>) => output.events.filter((event) => event === 'catchup').length;
    const injected = server.step(3, catchMeUp(1));
    expect(events(injected)).toBe(1);
    const again = server.step(3, catchMeUp(1));
    expect(events(again)).toBe(0);
    answer(server, 3, lastCall(again));
    const later = server.step(3, catchMeUp(1));
    expect(events(later)).toBe(1);
    // One that held everything, and asked all the same, is done with no more than it had.
    answer(server, 3, lastCall(later));
    expect(events(server.step(3, catchMeUp(1)))).toBe(1);
  });

  it('begins no further than after its own log, and knows no stranger', () => {
    const server = established();
    const { lastIndex } = server.log;
    expect(appends(server.step(3, catchMeUp(lastIndex + 9)))).toContainEqual([3, lastIndex, 0]);
    expect(appends(server.step(7, catchMeUp(1, 7)))).toEqual([]);
  });
});

describe('a leader whose snapshot was installed', () => {
  /** Server 3 is sent a snapshot of entry 3 in the place of a round; its calls. */
  function sent() {
    const server = established();
    answer(server, 2, lastCall(propose(server, 3)));
    const configuration = simpleConfiguration([1, 2, 3]);
    server.log.storeSnapshot({ index: 3, term: 1, configuration, content: new MemoryContent(Uint8Array.of(9)) }, 0);
    server.engine.snapshotStored(3);
    server.engine.read(5);
    const { messages } = server.step(3, { type: 'CatchMeUp', call: 9, follower: 3, nextIndex: 1 });
    const [chunkCall, roundCall] = messages.filter(({ to }) => to === 3).map(({ message }) => message.call);
    return { server, chunkCall: chunkCall!, roundCall: roundCall! };
  }
  const installed = (call: number, term = 1, index = 3) =>
    ({ type: 'SnapshotChunkResponse', call, term, index, received: 1, installed: true }) as const;
  const inOneCall = (call: number, term = 1) => ({ type: 'InstallSnapshotResponse', call, term }) as const;

  it('knows what its follower holds, goes on after it, and has heard it: reads of that round are confirmed', () => {
    const { server, chunkCall, roundCall } = sent();
    server.pass(heartbeatMs / 2);
    const { reads } = answer(server, 3, roundCall);
    const { messages } = server.step(3, installed(chunkCall));
    expect(server.engine.status().peers.find(({ id }) => id === 3)).toMatchObject({ matchIndex: 3, lastHeardMs: 0 });
    expect(reads).toMatchObject([{ token: 5, ok: true }]);
    expect(appends({ messages } as Output<GorumsMessage>)).toContainEqual([3, 3, 1]);
  });

  it('is moved neither by strangers nor by answers of other terms, but ends with a later one', () => {
    for (const done of [installed, inOneCall]) {
      const { server, chunkCall } = sent();
      server.step(7, done(chunkCall));
      server.step(3, done(chunkCall, 0));
      server.step(3, installed(chunkCall, 1, 2));
      server.step(3, inOneCall(chunkCall - 1));
      const peer = () => server.engine.status().peers.find(({ id }) => id === 3);
      expect(peer()).toMatchObject({ matchIndex: 1, state: 'snapshot' });
      server.step(3, done(chunkCall));
      expect(peer()).toMatchObject({ matchIndex: 3 });
      server.step(3, done(chunkCall, 2));
      expect(server.engine.status()).toMatchObject({ role: 'follower', term: 2 });
    }
  });
});

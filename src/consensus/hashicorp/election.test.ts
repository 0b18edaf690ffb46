import { describe, expect, it } from 'vitest';
import { Role, simpleConfiguration } from '../contract.ts';
import { EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { append, command, logOf, OneServer, sent, vote } from './testing/oneServer.ts';

describe('election timer (Raft §5.2)', () => {
  it('is once the election timeout at the least, twice at the most', () => {
    for (const [random, dueMs] of [
      [0, 100],
      [0.99, 199],
    ] as const) {
      const server = new OneServer({ random: () => random });
      expect(server.wait(dueMs - 1).messages).toEqual([]);
      expect(sent(server.wait(1), 'vote')).toHaveLength(2);
    }
  });

  it('does not run out in the first tick after the host slept: a heartbeat may be waiting behind it', () => {
    const server = new OneServer();
    expect(server.sleep(1000).messages).toEqual([]);
    server.receive(2, { type: 'heartbeat', term: 1, round: 1 });
    expect(sent(server.wait(100), 'vote')).toEqual([]);
  });

  it('does not run in a server that is no voter', () => {
    const server = new OneServer({ bootstrap: [2, 3] });
    expect(server.wait(1000).messages).toEqual([]);
    expect(server.engine.status().role).toBe(Role.Passive);
  });
});

describe('pre-vote (thesis §9.6)', () => {
  it('asks about the next term without taking it', () => {
    const server = new OneServer({ log: logOf(1, 1, 2) });
    const output = server.wait(150);
    expect(sent(output, 'vote')).toEqual(Array(2).fill(vote({ term: 3, preVote: true, lastIndex: 3, lastTerm: 2 })));
    expect(output.persist).toBeUndefined();
    expect(server.engine.status().term).toBe(2);
  });

  it('is granted without a trace', () => {
    const server = new OneServer();
    const output = server.receive(2, vote({ preVote: true }));
    expect(sent(output, 'vote-reply')).toEqual([{ type: 'vote-reply', term: 1, preVote: true, granted: true }]);
    expect(output.persist).toBeUndefined();
  });

  it('is refused for a term that is not new, by a server that hears from a leader, and to a log that is behind', () => {
    const refused = { type: 'vote-reply', preVote: true, granted: false };
    const behind = new OneServer({ log: logOf(1, 2) });
    expect(sent(behind.receive(2, vote({ term: 2, preVote: true, lastIndex: 9, lastTerm: 2 })), 'vote-reply')).toEqual([
      { ...refused, term: 2 },
    ]);
    expect(sent(behind.receive(2, vote({ term: 9, preVote: true, lastIndex: 9, lastTerm: 1 })), 'vote-reply')).toEqual([
      { ...refused, term: 2 },
    ]);
    const following = new OneServer();
    following.receive(3, { type: 'heartbeat', term: 1, round: 1 });
    following.durable();
    expect(sent(following.receive(2, vote({ term: 2, preVote: true })), 'vote-reply')).toEqual([
      { ...refused, term: 1 },
    ]);
    following.wait(100);
    expect(sent(following.receive(2, vote({ term: 2, preVote: true })), 'vote-reply')[0]?.granted).toBe(true);
  });
});

describe('an answer', () => {
  it('that comes late from another pre-election wins none', () => {
    const server = new OneServer({ log: logOf(5) });
    server.wait(150);
    for (const term of [5, 7]) server.receive(2, { type: 'vote-reply', term, preVote: true, granted: true });
    expect(server.engine.status()).toMatchObject({ role: Role.PreCandidate, term: 5 });
  });

  it('in this server’s own name is refused', () => {
    const server = new OneServer();
    server.wait(150);
    expect(server.engine.receive(1, { type: 'vote-reply', term: 1, preVote: true, granted: true })).toBeDefined();
    expect(server.engine.status().role).toBe(Role.PreCandidate);
  });
});

describe('candidate (Raft §5.2)', () => {
  it('asks for votes when its own vote is on disk, and counts it only then', () => {
    const server = new OneServer();
    server.wait(150);
    const output = server.receive(2, { type: 'vote-reply', term: 1, preVote: true, granted: true });
    expect(output.persist).toMatchObject({ hardState: { term: 1, vote: 1 }, mustSync: true });
    expect(output.messages).toEqual([]);
    expect(output.messagesAfterPersist.map(({ to }) => to)).toEqual([2, 3]);
    server.receive(3, { type: 'vote-reply', term: 1, preVote: false, granted: true });
    expect(server.engine.status().role).toBe(Role.Candidate);
    server.durable();
    expect(server.engine.status().role).toBe(Role.Leader);
  });

  it('is not lost by late refusals of the pre-vote before it', () => {
    const server = new OneServer();
    server.wait(150);
    server.receive(2, { type: 'vote-reply', term: 1, preVote: true, granted: true });
    for (const id of [2, 3]) server.receive(id, { type: 'vote-reply', term: 1, preVote: true, granted: false });
    expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 1 });
    for (const id of [2, 3]) server.receive(id, { type: 'vote-reply', term: 1, preVote: false, granted: false });
    expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 1 });
  });

  it('returns to following where a majority refuses', () => {
    const server = new OneServer();
    server.wait(150);
    for (const from of [2, 3]) server.receive(from, { type: 'vote-reply', term: 0, preVote: true, granted: false });
    expect(server.engine.status().role).toBe(Role.Follower);
  });

  it('does not stand while its disk stalls', () => {
    const server = new OneServer();
    server.receive(2, append({ entries: [command(1, 1)] }));
    server.wait(150);
    expect(server.engine.status().role).toBe(Role.PreCandidate);
    server.wait(60);
    const quiet = Array.from({ length: 40 }, () => server.wait(10)).flatMap((output) => output.messages);
    expect(quiet).toEqual([]);
    server.durable();
    server.wait(150);
    expect(server.engine.status().role).toBe(Role.PreCandidate);
  });
});

describe('an election that is over', () => {
  it('is none that anybody stands in, be it that the disk stalls', () => {
    const server = new OneServer();
    server.wait(150);
    server.receive(2, { type: 'vote-reply', term: 1, preVote: true, granted: true });
    expect(server.engine.status().role).toBe(Role.Candidate);
    for (let ms = 0; ms < 400; ms += 10) server.wait(10);
    expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 1 });
  });
});

describe('voter (Raft figure 2, RequestVote)', () => {
  it('promises its vote when it is on disk', () => {
    const server = new OneServer();
    const output = server.receive(2, vote({}));
    expect(output.persist?.hardState).toMatchObject({ term: 1, vote: 2 });
    expect(output.messages).toEqual([]);
    expect(output.messagesAfterPersist).toHaveLength(1);
  });

  it('writes a vote also where the term was on disk before', () => {
    const server = new OneServer({ hardState: { term: 3, vote: 0, commit: 0 } });
    const output = server.receive(2, vote({ term: 3 }));
    expect(output.persist?.hardState).toMatchObject({ term: 3, vote: 2 });
    expect(output.messages).toEqual([]);
  });

  it('votes once in a term, also over a restart', () => {
    const server = new OneServer();
    server.receive(2, vote({}));
    server.durable();
    expect(sent(server.receive(3, vote({})), 'vote-reply')[0]?.granted).toBe(false);
    const again = new OneServer({ log: server.log });
    expect(sent(again.receive(3, vote({})), 'vote-reply')[0]?.granted).toBe(false);
    expect(again.receive(2, vote({})).messagesAfterPersist[0]?.message).toMatchObject({ granted: true });
  });

  it('refuses a candidate whose log is behind (§5.4.1), but takes its term', () => {
    const server = new OneServer({ log: logOf(1, 2, 2) });
    for (const [lastIndex, lastTerm] of [
      [9, 1],
      [2, 2],
    ] as const) {
      const { term } = server.engine.status();
      const output = server.receive(2, vote({ term: term + 1, lastIndex, lastTerm }));
      const refused = { type: 'vote-reply', term: term + 1, preVote: false, granted: false };
      expect(output.messagesAfterPersist).toEqual([{ to: 2, message: refused }]);
    }
    expect(server.engine.status().term).toBe(4);
  });

  it('has none for another in a term that somebody leads', () => {
    const server = new OneServer({ log: logOf(5) });
    server.receive(3, { type: 'heartbeat', term: 5, round: 1 });
    const output = server.receive(2, vote({ term: 5, lastIndex: 9, lastTerm: 5 }));
    expect(sent(output, 'vote-reply')).toMatchObject([{ granted: false }]);
    expect(output.persist).toBeUndefined();
  });

  it('asks no more about the next term once it voted in this one', () => {
    const server = new OneServer({ log: logOf(5) });
    server.wait(150);
    expect(server.engine.status()).toMatchObject({ role: Role.PreCandidate, term: 5 });
    const output = server.receive(2, vote({ term: 5, lastIndex: 9, lastTerm: 5 }));
    expect(output.messagesAfterPersist).toMatchObject([{ to: 2, message: { granted: true } }]);
    expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 5 });
  });

  it('votes at once where a later term began without a leader, however lately another one was heard', () => {
    const server = new OneServer();
    server.receive(3, { type: 'heartbeat', term: 1, round: 1 });
    server.receive(3, { type: 'append-reply', term: 2, seq: 1, ok: false, index: 0 });
    expect(server.engine.status()).toMatchObject({ term: 2, leader: 0 });
    const output = server.receive(2, vote({ term: 3, lastIndex: 9, lastTerm: 2 }));
    expect(output.messagesAfterPersist).toMatchObject([{ to: 2, message: { term: 3, granted: true } }]);
  });

  it('takes no newer term while it hears from a leader (thesis §4.2.3), unless the leader asked for it (§3.10)', () => {
    const server = new OneServer();
    server.receive(3, { type: 'heartbeat', term: 1, round: 1 });
    server.receive(2, vote({ term: 2 }));
    expect(server.engine.status().term).toBe(1);
    const output = server.receive(2, vote({ term: 2, transfer: true }));
    expect(server.engine.status().term).toBe(2);
    expect(output.messagesAfterPersist[0]?.message).toMatchObject({ term: 2, granted: true });
  });
});

describe('TimeoutNow (thesis §3.10)', () => {
  it('starts an election at once, without a pre-vote', () => {
    const server = new OneServer();
    server.receive(2, { type: 'heartbeat', term: 1, round: 1 });
    const output = server.receive(2, { type: 'timeout-now', term: 1 });
    expect(output.messagesAfterPersist.map(({ message }) => message)).toEqual(
      Array(2).fill(vote({ term: 2, transfer: true })),
    );
  });

  it('is heeded from this term and leader only, and by voters only', () => {
    const server = new OneServer();
    server.receive(2, { type: 'heartbeat', term: 2, round: 1 });
    server.receive(3, { type: 'timeout-now', term: 2 });
    server.receive(2, { type: 'timeout-now', term: 1 });
    expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 2 });
    const passive = new OneServer({ bootstrap: [2, 3] });
    passive.receive(2, { type: 'heartbeat', term: 2, round: 1 });
    passive.receive(2, { type: 'timeout-now', term: 2 });
    expect(passive.engine.status()).toMatchObject({ role: Role.Passive, term: 2 });
  });

  it('is not heeded while the disk stalls', () => {
    const server = new OneServer();
    server.receive(2, append({ entries: [command(1, 1)] }));
    for (let round = 1; round <= 30; round++) {
      server.wait(10);
      server.receive(2, { type: 'heartbeat', term: 1, round });
    }
    server.receive(2, { type: 'timeout-now', term: 1 });
    expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 1, leader: 2 });
    server.durable();
    server.receive(2, { type: 'timeout-now', term: 1 });
    expect(server.engine.status()).toMatchObject({ role: Role.Candidate, term: 2, leader: 0 });
  });
});

describe('start', () => {
  it('takes the configuration from the snapshot and the log before the bootstrap list', () => {
    const log = new MemoryLog();
    const snapshot = {
      index: 4,
      term: 2,
      configuration: simpleConfiguration([2, 3], [1]),
      content: new MemoryContent(new Uint8Array(0)),
    };
    log.persist({ mark: 1, snapshot, entries: [], hardState: { term: 2, vote: 0, commit: 4 }, mustSync: true });
    const server = new OneServer({ log, appliedIndex: 4 });
    expect(server.engine.status()).toMatchObject({
      role: Role.Passive,
      commitIndex: 4,
      configuration: { learners: [1] },
    });
  });

  it('delivers again what was known to be committed', () => {
    const log = logOf(1, 1, 1);
    log.hardState = { term: 1, vote: 0, commit: 2 };
    const output = new OneServer({ log }).drain();
    expect(output.committed.map(({ index, type }) => [index, type])).toEqual([
      [1, EntryType.Normal],
      [2, EntryType.Normal],
    ]);
  });
});

describe('a term from far ahead', () => {
  const of = (granted: boolean) => {
    const server = new OneServer();
    server.receive(2, { type: 'vote-reply', term: Number.MAX_SAFE_INTEGER - 1, preVote: false, granted });
    return server.engine.status().term;
  };

  it('is approached where it is the sender’s own, and not where it was only asked for', () => {
    expect(of(false)).toBeGreaterThan(0);
    expect(of(true)).toBe(0);
  });
});

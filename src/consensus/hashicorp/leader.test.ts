import { describe, expect, it } from 'vitest';
import { ChangeType, RejectReason, Role, simpleConfiguration } from '../contract.ts';
import { EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';
import type { AppendRequest } from './messages.ts';
import { append, command, logOf, OneServer, SETTINGS, sent } from './testing/oneServer.ts';

/** The follower answers an append as a follower that has it on disk. */
function accept(server: OneServer, from: number, request: AppendRequest) {
  const index = request.prevIndex + request.entries.length;
  const { term, seq } = request;
  return server.receive(from, { type: 'append-reply', term, seq, ok: true, index });
}

/** A leader of term 1 whose first entry is committed and whose followers are in the pipeline. */
function established(init: ConstructorParameters<typeof OneServer>[0] = {}): OneServer {
  const server = new OneServer(init);
  const output = server.lead();
  for (const to of [2, 3]) accept(server, to, sent(output, 'append', to)[0]!);
  return server;
}

function keepAlive(server: OneServer, durationMs: number, peers = [2, 3]) {
  const outputs = [];
  for (let ms = 0; ms < durationMs; ms += 10) {
    const output = server.wait(10);
    outputs.push(output);
    for (const to of peers) {
      for (const { term, round } of sent(output, 'heartbeat', to)) {
        const { lastIndex, commitIndex: commit } = server.engine.status();
        outputs.push(server.receive(to, { type: 'heartbeat-reply', term, round, lastIndex, commit }));
      }
    }
  }
  return outputs;
}

describe('new leader (Raft §8)', () => {
  it('appends an entry of its term and sends it with its first heartbeat', () => {
    const server = new OneServer();
    const output = server.lead();
    expect(output.persist?.entries).toMatchObject([{ index: 1, term: 1, type: EntryType.Internal }]);
    expect(output.messages.map(({ to, message }) => [to, message.type])).toEqual([
      [2, 'heartbeat'],
      [3, 'heartbeat'],
      [2, 'append'],
      [3, 'append'],
    ]);
  });

  it('does not commit what earlier terms left by counting it (§5.4.2, figure 8)', () => {
    const server = new OneServer({ log: logOf(1, 1, 2) });
    const output = server.lead();
    const [request] = sent(output, 'append', 2);
    server.receive(2, { type: 'append-reply', term: 3, seq: request!.seq, ok: true, index: 3 });
    expect(server.engine.status().commitIndex).toBe(0);
    server.receive(2, { type: 'append-reply', term: 3, seq: request!.seq, ok: true, index: 4 });
    expect(server.engine.status().commitIndex).toBe(4);
  });

  it('holds changes back until its first entry is committed (thesis §4.1), and reads (§6.4)', () => {
    const server = new OneServer();
    const output = server.lead();
    server.engine.reconfigure({ type: ChangeType.Remove, id: 3 }, 5);
    server.engine.read(6);
    const { round } = sent(server.drain(), 'heartbeat', 2)[0]!;
    const early = server.receive(2, { type: 'heartbeat-reply', term: 1, round, lastIndex: 0, commit: 0 });
    expect(early.reads).toEqual([]);
    expect(server.engine.status().configuration.voters).toEqual([1, 2, 3]);
    const later = accept(server, 2, sent(output, 'append', 2)[0]!);
    expect(later.reads).toEqual([{ token: 6, ok: true, index: 1 }]);
    expect(server.engine.status().configuration.voters).toEqual([1, 2, 3]);
    // After the heartbeat's answer the append went out again, with the mark that the change waits for.
    accept(server, 2, sent(early, 'append', 2)[0]!);
    expect(server.engine.status().configuration.voters).toEqual([1, 2]);
  });
});

describe('replication (Raft §5.3)', () => {
  it('goes out with the leader’s own write, which counts when it is durable', () => {
    const server = established();
    const output = server.propose('a');
    expect(output.persist?.entries).toHaveLength(1);
    const requests = sent(output, 'append');
    expect(requests).toHaveLength(2);
    accept(server, 2, requests[0]!);
    expect(server.engine.status().commitIndex).toBe(1);
    expect(server.durable().committed.map(({ index }) => index)).toEqual([2]);
  });

  it('counts no more of the leader’s log than is durable', () => {
    const server = established();
    const first = server.propose('a');
    accept(server, 2, sent(first, 'append', 2)[0]!);
    accept(server, 2, sent(server.propose('b'), 'append', 2)[0]!);
    expect(server.durable(first.persist!.mark).committed.map(({ index }) => index)).toEqual([2]);
    expect(server.durable().committed.map(({ index }) => index)).toEqual([3]);
  });

  it('counts nothing as durable here that stood where its log was cut off', () => {
    const server = new OneServer({ log: logOf(1, 1, 1, 1, 1) });
    server.receive(3, append({ term: 2, prevIndex: 1, prevTerm: 1, entries: [command(2, 2)] }));
    server.durable();
    server.wait(150);
    server.receive(2, { type: 'vote-reply', term: 3, preVote: true, granted: true });
    server.durable();
    const output = server.receive(2, { type: 'vote-reply', term: 3, preVote: false, granted: true });
    expect(server.engine.status()).toMatchObject({ role: 'leader', lastIndex: 3 });
    accept(server, 2, sent(output, 'append', 2)[0]!);
    expect(server.engine.status().commitIndex).toBe(0);
    server.durable();
    expect(server.engine.status().commitIndex).toBe(3);
  });

  it('commits by the followers alone while the leader’s disk is slow', () => {
    const server = established();
    const requests = sent(server.propose('a'), 'append');
    accept(server, 2, requests[0]!);
    expect(accept(server, 3, requests[1]!).committed.map(({ index }) => index)).toEqual([2]);
  });

  it('ignores acknowledgements of entries that it never had', () => {
    const server = established();
    const [request] = sent(server.propose('a'), 'append', 2);
    const { term, seq } = request!;
    for (const from of [2, 3]) server.receive(from, { type: 'append-reply', term, seq, ok: true, index: 99 });
    expect(server.engine.status()).toMatchObject({ commitIndex: 1, lastIndex: 2 });
    for (const { matchIndex } of server.engine.status().peers) expect(matchIndex).toBeLessThanOrEqual(2);
    expect(accept(server, 2, request!).committed).toEqual([]);
    expect(server.durable().committed.map(({ index }) => index)).toEqual([2]);
  });

  it('tells the commit index again to a follower that has forgotten it', () => {
    const server = established();
    for (const output of keepAlive(server, 100)) {
      for (const to of [2, 3]) for (const request of sent(output, 'append', to)) accept(server, to, request);
    }
    const { lastIndex, commitIndex, term } = server.engine.status();
    const told: AppendRequest[] = [];
    for (let i = 0; i < 20 && told.length === 0; i++) {
      const output = server.wait(5);
      told.push(...sent(output, 'append', 2));
      for (const { round } of sent(output, 'heartbeat')) {
        for (const from of [2, 3]) {
          const commit = from === 2 ? 0 : commitIndex;
          const next = server.receive(from, { type: 'heartbeat-reply', term, round, lastIndex, commit });
          told.push(...sent(next, 'append', 2));
        }
      }
    }
    expect(told).toMatchObject([{ commit: commitIndex, entries: [] }]);
  });

  it('waits for the first success, then runs ahead within its window', () => {
    const server = new OneServer();
    const output = server.lead();
    expect(sent(server.propose('a'), 'append')).toEqual([]);
    const next = accept(server, 2, sent(output, 'append', 2)[0]!);
    expect(sent(next, 'append', 2)).toMatchObject([{ prevIndex: 1, entries: [{ index: 2 }] }]);
    const many = Array.from({ length: 20 }, (_, i) => `c${i}`);
    const ahead = sent(server.propose(...many), 'append', 2);
    expect(ahead.map(({ entries }) => entries.length)).toEqual([4, 4, 4, 4, 4]);
  });

  it('to a follower that catches up has entriesPerMessage × catchUpMultiplier entries unanswered at most', () => {
    const server = new OneServer({ log: logOf(...Array(30).fill(1)) });
    const [request] = sent(server.lead(), 'append', 2);
    const refusal = { type: 'append-reply', term: 2, seq: request!.seq, ok: false, index: 0 } as const;
    const [probe] = sent(server.receive(2, refusal), 'append', 2);
    const sizes = (output: ReturnType<OneServer['drain']>) =>
      sent(output, 'append', 2).map(({ entries }) => entries.length);
    expect(probe!.entries).toHaveLength(4);
    expect(sizes(accept(server, 2, probe!))).toEqual([4, 4]);
    expect(sizes(server.wait(10))).toEqual([]);
  });

  it('puts one set of entries into every follower’s message and the disk’s', () => {
    const server = established();
    const output = server.propose('a', 'b');
    const [to2] = sent(output, 'append', 2);
    const [to3] = sent(output, 'append', 3);
    for (const [i, entry] of output.persist!.entries.entries()) {
      expect(to2!.entries[i]).toBe(entry);
      expect(to3!.entries[i]).toBe(entry);
      expect(entry.record).toBe(output.persist!.entries[0]!.record);
    }
  });

  it('stays within maxMessageBytes, except that one entry always fits', () => {
    const server = established({ settings: { ...SETTINGS, maxMessageBytes: 30 } });
    const sizes = sent(server.propose('x'.repeat(100), 'b', 'c', 'd'), 'append', 2).map(
      ({ entries }) => entries.length,
    );
    expect(sizes).toEqual([1, 2, 1]);
  });

  it('walks back to the hint of a follower that refuses', () => {
    const server = new OneServer({ log: logOf(1, 1, 1, 1, 2) });
    const [request] = sent(server.lead(), 'append', 2);
    const refusal = { type: 'append-reply', term: 3, seq: request!.seq, ok: false } as const;
    const output = server.receive(2, { ...refusal, index: 2 });
    expect(sent(output, 'append', 2)).toMatchObject([{ prevIndex: 2, prevTerm: 1 }]);
    expect(sent(server.receive(2, { ...refusal, index: 0 }), 'append')).toEqual([]);
  });

  it('tells the commit index within a heartbeat where no entries follow', () => {
    const server = established();
    accept(server, 2, sent(server.propose('a'), 'append', 2)[0]!);
    server.durable();
    expect(sent(server.drain(), 'append', 2)).toEqual([]);
    expect(sent(server.wait(10), 'append', 2)).toMatchObject([{ prevIndex: 2, commit: 2, entries: [] }]);
  });

  it('backs off from a follower that answers heartbeats only, says so, and recovers', () => {
    const server = established();
    server.propose('a');
    server.durable();
    const repeats = keepAlive(server, 1000).flatMap((output) => sent(output, 'append', 2));
    expect(server.engine.status().peers[0]).toMatchObject({ id: 2, state: 'stuck', matchIndex: 1 });
    // Unanswered for 100 ms each, and after that 10, 20, 40, … ms of patience.
    expect(repeats.length).toBeGreaterThan(3);
    expect(repeats.length).toBeLessThan(9);
    const output = keepAlive(server, 200).find((each) => sent(each, 'append', 2).length > 0)!;
    accept(server, 2, sent(output, 'append', 2)[0]!);
    expect(server.engine.status().peers[0]).toMatchObject({ state: 'pipeline', matchIndex: 2 });
  });

  it('repeats at once what a heartbeat shows to be lost', () => {
    const server = established();
    server.propose('a');
    const { round } = sent(server.wait(10), 'heartbeat', 2)[0]!;
    const output = server.receive(2, { type: 'heartbeat-reply', term: 1, round, lastIndex: 1, commit: 1 });
    expect(sent(output, 'append', 2)).toMatchObject([{ prevIndex: 1, entries: [{ index: 2 }] }]);
  });

  it('counts nothing any more of what a follower has lost', () => {
    const server = established();
    accept(server, 2, sent(server.propose('a'), 'append', 2)[0]!);
    const { round } = sent(server.wait(10), 'heartbeat', 2)[0]!;
    server.receive(2, { type: 'heartbeat-reply', term: 1, round, lastIndex: 1, commit: 1 });
    server.durable();
    expect(server.engine.status().commitIndex).toBe(1);
  });

  it('goes to nobody who is a stranger', () => {
    const server = established();
    const { round } = sent(server.wait(10), 'heartbeat', 2)[0]!;
    server.receive(9, { type: 'heartbeat-reply', term: 1, round, lastIndex: 1, commit: 1 });
    expect(server.engine.status().peers.map(({ id }) => id)).toEqual([2, 3]);
  });

  it('starts over with a follower that has lost its log', () => {
    const server = established();
    server.durable();
    const { round } = sent(server.wait(10), 'heartbeat', 2)[0]!;
    const output = server.receive(2, { type: 'heartbeat-reply', term: 1, round, lastIndex: 0, commit: 0 });
    expect(sent(output, 'append', 2)).toMatchObject([{ prevIndex: 0, entries: [{ index: 1 }] }]);
    expect(server.engine.status().peers[0]?.matchIndex).toBe(0);
  });
});

describe('snapshot to a follower behind the compaction point (Raft §7)', () => {
  const data = new Uint8Array(2500).fill(7);

  function compacted(): OneServer {
    const log = logOf(1, 1, 1, 1);
    log.storeSnapshot(
      { index: 4, term: 1, configuration: simpleConfiguration([1, 2, 3]), content: new MemoryContent(data) },
      0,
    );
    const server = new OneServer({ log, appliedIndex: 4 });
    const [request] = sent(server.lead(), 'append', 2);
    server.receive(2, { type: 'append-reply', term: 2, seq: request!.seq, ok: false, index: 0 });
    return server;
  }

  it('goes in chunks, one until the first answer, and heartbeats pass between them', () => {
    const server = compacted();
    expect(server.engine.status().peers[0]?.state).toBe('snapshot');
    const beat = server.wait(10);
    expect(sent(beat, 'heartbeat', 2)).toHaveLength(1);
    expect(sent(beat, 'snapshot', 2)).toEqual([]);
    const received = { type: 'snapshot-reply', term: 2, index: 4, installed: false } as const;
    const output = server.receive(2, { ...received, seq: 2, received: 1000 });
    expect(sent(output, 'snapshot', 2)).toMatchObject([
      { offset: 1000, total: 2500, index: 4 },
      { offset: 2000, total: 2500, index: 4 },
    ]);
    expect(sent(output, 'snapshot', 2)[0]?.data).toHaveLength(1000);
    server.receive(2, { ...received, seq: 3, received: 2000 });
    const last = server.receive(2, { ...received, seq: 4, received: 2500, installed: true });
    expect(sent(last, 'append', 2)).toMatchObject([{ prevIndex: 4, prevTerm: 1 }]);
  });

  it('repeats a chunk that was lost', () => {
    const server = compacted();
    const repeated = keepAlive(server, 200).flatMap((output) => sent(output, 'snapshot', 2));
    expect(repeated).toMatchObject([{ offset: 0 }]);
  });
});

describe('leader lease', () => {
  it('is none where nothing ends with it', () => {
    const leaseOf = (checkQuorum: boolean) =>
      new OneServer({ settings: { ...SETTINGS, checkQuorum } }).engine.effectiveSettings().leaderLeaseMs;
    expect([leaseOf(true), leaseOf(false)]).toEqual([SETTINGS.electionTimeoutMs, 0]);
  });

  it('runs out an election timeout after the last heartbeat that a majority answered', () => {
    const server = established();
    keepAlive(server, 500);
    keepAlive(server, 90, []);
    expect(server.engine.status().role).toBe(Role.Leader);
    keepAlive(server, 20, []);
    expect(server.engine.status().role).toBe(Role.Follower);
  });

  it('is not judged by the first tick after the host slept, but by the next', () => {
    const server = established();
    keepAlive(server, 200);
    const output = server.sleep(500);
    expect(sent(output, 'heartbeat')).toHaveLength(2);
    expect(server.engine.status().role).toBe(Role.Leader);
    const { round } = sent(output, 'heartbeat', 2)[0]!;
    server.receive(2, { type: 'heartbeat-reply', term: 1, round, lastIndex: 1, commit: 1 });
    server.wait(5);
    expect(server.engine.status().role).toBe(Role.Leader);
    server.sleep(500);
    expect(server.engine.status().role).toBe(Role.Leader);
    server.sleep(500);
    expect(server.engine.status().role).toBe(Role.Follower);
  });

  it('gets a little time after the host slept, in which heartbeats go on', () => {
    const server = established();
    keepAlive(server, 200);
    server.sleep(500);
    expect(sent(server.wait(10), 'heartbeat')).toHaveLength(2);
    expect(server.engine.status().role).toBe(Role.Leader);
  });

  it('holds with one of two followers', () => {
    const server = established();
    keepAlive(server, 500, [3]);
    expect(server.engine.status().role).toBe(Role.Leader);
    expect(server.engine.status().peers[0]?.state).toBe('unreachable');
  });
});

describe('a leader that no quorum answers', () => {
  const settings = { ...SETTINGS, checkQuorum: false };

  it('asks for pre-votes of the next term as anybody would, and begins no round, not for reads either', () => {
    const server = established({ settings });
    const asked = keepAlive(server, 60, []).flatMap((output) => sent(output, 'vote', 2));
    expect(asked.length).toBeGreaterThan(0);
    for (const request of asked) {
      expect(request).toEqual({ type: 'vote', term: 2, preVote: true, transfer: false, lastIndex: 1, lastTerm: 1 });
    }
    server.engine.read(5);
    expect(sent(server.drain(), 'heartbeat')).toEqual([]);
  });
});

describe('a leader whose disk stalls', () => {
  it('steps down after two election timeouts, however healthy its heartbeats', () => {
    const server = established();
    server.propose('a');
    keepAlive(server, 200);
    expect(server.engine.status().role).toBe(Role.Leader);
    keepAlive(server, 10);
    expect(server.engine.status().role).toBe(Role.Follower);
  });
});

describe('VerifyLeader (thesis §6.4)', () => {
  it('counts only heartbeats that left after the read came', () => {
    const server = established();
    const [before] = sent(server.wait(10), 'heartbeat', 2);
    server.engine.read(4);
    const [after] = sent(server.drain(), 'heartbeat', 2);
    const reply = { type: 'heartbeat-reply', term: 1, lastIndex: 1, commit: 1 } as const;
    expect(server.receive(2, { ...reply, round: before!.round }).reads).toEqual([]);
    expect(server.receive(2, { ...reply, round: after!.round }).reads).toEqual([{ token: 4, ok: true, index: 1 }]);
  });

  it('fails where a newer term shows up', () => {
    const server = established();
    server.engine.read(4);
    server.drain();
    const output = server.receive(2, { type: 'heartbeat-reply', term: 5, round: 2, lastIndex: 1, commit: 1 });
    expect(output.reads).toEqual([{ token: 4, ok: false, reason: RejectReason.NotLeader, leader: 0 }]);
    expect(server.engine.status()).toMatchObject({ role: Role.Follower, term: 5 });
  });
});

describe('apply queue', () => {
  it('becomes one append and one write, whoever asked', () => {
    const server = established();
    server.engine.propose({ token: 7, commands: [Uint8Array.of(1), Uint8Array.of(2)] });
    server.engine.propose({ token: 9, commands: [Uint8Array.of(3)] });
    const output = server.drain();
    expect(output.persist?.entries.map(({ type }) => type)).toEqual([1, 1, 1]);
    expect(output.accepted).toEqual([
      { token: 7, offset: 0, count: 2, firstIndex: 2, term: 1 },
      { token: 9, offset: 0, count: 1, firstIndex: 4, term: 1 },
    ]);
    expect(server.drain().persist).toBeUndefined();
  });
});

describe('a change of the members', () => {
  /** What comes of it, while servers 2 and 3 take whatever they are sent. */
  function change(server: OneServer, type: ChangeType, id: number, token: number) {
    server.engine.reconfigure({ type, id }, token);
    return exchange(server, 100, token);
  }

  /** What comes of `token` while servers 2 and 3 take whatever they are sent, for so many heartbeats at most. */
  function exchange(server: OneServer, heartbeats: number, token?: number) {
    const outcomes = [];
    for (let i = 0; i < heartbeats && outcomes.length === 0; i++) {
      const outputs = [...keepAlive(server, 10), server.durable()];
      // An answer brings forth the next output.
      for (const output of outputs) {
        outcomes.push(...output.requests.filter((outcome) => outcome.token === token));
        for (const to of [2, 3]) {
          for (const request of sent(output, 'append', to)) outputs.push(accept(server, to, request));
        }
      }
    }
    return outcomes;
  }
  const peers = (server: OneServer) => server.engine.status().peers.map(({ id }) => id);

  it('that makes no voter of a learner leaves it a learner, which is replicated to', () => {
    const server = established();
    expect(change(server, ChangeType.AddLearner, 4, 5)).toMatchObject([{ ok: true }]);
    expect(peers(server)).toEqual([2, 3, 4]);
    // It never answers.
    expect(change(server, ChangeType.AddVoter, 4, 6)).toMatchObject([{ ok: false }]);
    expect(server.engine.status()).toMatchObject({ configuration: { voters: [1, 2, 3], learners: [4] } });
    expect(peers(server)).toEqual([2, 3, 4]);
  });

  it('that brings back who has just left does not end with the farewell', () => {
    for (const type of [ChangeType.AddLearner, ChangeType.AddVoter]) {
      const server = established();
      expect(change(server, ChangeType.Remove, 3, 5)).toMatchObject([{ ok: true }]);
      expect(peers(server)).toEqual([2]);
      expect(change(server, type, 3, 6)).toMatchObject([{ ok: true }]);
      expect(peers(server)).toEqual([2, 3]);
      exchange(server, 40);
      expect(peers(server)).toEqual([2, 3]);
    }
  });
});

describe('delivery', () => {
  it('reads a backlog in storage back in lots', () => {
    const log = logOf(1);
    const big = Array.from({ length: 5 }, (_, i) => command(i + 2, 1, 'x'.repeat(3 * 1024 * 1024)));
    log.persist({ mark: 2, entries: big, hardState: { term: 1, vote: 0, commit: 6 }, mustSync: true });
    const server = new OneServer({ log });
    const lots: number[] = [];
    for (let turn = 0; turn < 10; turn++) {
      const { committed } = server.drain();
      if (committed.length === 0) break;
      lots.push(committed.length);
      expect(server.drain().committed).toEqual([]);
      server.engine.applied(committed.at(-1)!.index);
    }
    expect(lots).toEqual([3, 2, 1]);
  });
});

import { describe, expect, it } from 'vitest';
import {
  ChangeType,
  EMPTY_HARD_STATE,
  type EngineInit,
  type Output,
  RejectReason,
  Role,
  simpleConfiguration,
} from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { contentBytes, MemoryContent, ReceivedContent } from '../snapshotContent.ts';
import { describeEngineContract } from '../testing/engine.suite.ts';
import { EngineCluster, TEST_SETTINGS } from '../testing/engineCluster.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import type { EtcdMessage } from './codec.ts';
import { engine, etcdKind } from './index.ts';
import { ChangeKind, changeEntry, encodeConfChange, Transition } from './membership.ts';
import { isLeaders, Message, MessageType } from './messages.ts';
import { etcdForgery } from './testing/forgery.ts';

describeEngineContract(etcdKind, etcdForgery, engine);

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;
const typesOf = (envelopes: Output<EtcdMessage>['messages']) => envelopes.map(({ message }) => message.type);

function engineOf(init: Partial<EngineInit> & { log: MemoryLog }) {
  return etcdKind.create({
    id: 1,
    settings: TEST_SETTINGS,
    random: () => 0,
    nowMs: 0,
    hardState: EMPTY_HARD_STATE,
    bootstrap: [1, 2, 3],
    appliedIndex: 0,
    receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
    ...init,
  });
}

function message(type: MessageType, fields: Partial<Message>): EtcdMessage {
  return Object.assign(new Message(type, 1), fields);
}

describe('elections behind the contract', () => {
  it('asks for votes only once its own vote and term are durable', () => {
    const log = new MemoryLog();
    const engine = engineOf({ log });
    for (let now = 0; now <= 2 * electionTimeoutMs; now += heartbeatMs) engine.tick(now);
    expect(typesOf(engine.drain().messages)).toContain(MessageType.PreVote);
    engine.receive(2, message(MessageType.PreVoteResp, { term: 1 }));
    const output = engine.drain();
    expect(output.persist?.hardState).toMatchObject({ term: 1, vote: 1 });
    expect(typesOf(output.messages)).toEqual([]);
    expect(typesOf(output.messagesAfterPersist)).toEqual([MessageType.Vote, MessageType.Vote]);
    engine.receive(2, message(MessageType.VoteResp, { term: 1 }));
    expect(engine.status().role).toBe(Role.Candidate);
    engine.durable(output.persist!.mark);
    expect(engine.status().role).toBe(Role.Leader);
  });

  it('come half a timeout after a sleep in which one was due, and no sooner', () => {
    const engine = engineOf({ log: new MemoryLog() });
    const awake = 10 * electionTimeoutMs;
    for (let now = awake; now < awake + electionTimeoutMs / 2; now += heartbeatMs) {
      engine.tick(now);
      expect(engine.status().role).toBe(Role.Follower);
    }
    engine.tick(awake + electionTimeoutMs / 2);
    expect(engine.status().role).toBe(Role.PreCandidate);
  });

  it('knows that all membership changes in its log but the last are committed, though the hint was lost', () => {
    const log = new MemoryLog();
    const change = (index: number, id: number) => {
      const steps = [{ kind: ChangeKind.AddVoter, id }];
      return new Entry(index, 1, EntryType.Reconf, encodeConfChange({ transition: Transition.Auto, steps }));
    };
    log.persist({ mark: 1, entries: [change(1, 4), change(2, 5)], mustSync: true });
    const engine = engineOf({ log, hardState: { term: 1, vote: 0, commit: 0 } });
    expect(engine.drain().committed.map(({ index }) => index)).toEqual([1]);
    expect(engine.status().configuration).toEqual(simpleConfiguration([1, 2, 3, 4]));
    expect([engine.configurationAt(0), engine.configurationAt(1)]).toEqual([
      simpleConfiguration([1, 2, 3]),
      simpleConfiguration([1, 2, 3, 4]),
    ]);
  });
});

describe('a leader that no quorum answers', () => {
  it.each([0, 1])(
    'says nothing more when it steps down: a heartbeat of a tick before had the others wait once more (%i)',
    (early) => {
      const cluster = new EngineCluster(etcdKind, [1, 2, 3], [1, 2, 3], { ...TEST_SETTINGS, checkQuorum: true });
      const { id, engine: leader } = cluster.elect();
      cluster.isolate(id);
      cluster.run(early * heartbeatMs);
      // From now on its host is late, and it gets three ticks at a time.
      const counts: number[] = [];
      for (let now = cluster.nowMs + 3 * heartbeatMs; leader.status().role === Role.Leader; now += 3 * heartbeatMs) {
        expect(counts.length).toBeLessThan(100);
        leader.tick(now);
        counts.push(typesOf(leader.drain().messages).filter(isLeaders).length);
      }
      expect(counts[0]).toBeGreaterThan(0);
      expect(counts.at(-1)).toBe(0);
    },
  );
});

describe('membership changes behind the contract', () => {
  it('wait until the host has applied the one before', () => {
    const cluster = new EngineCluster(etcdKind, [1, 2, 3, 4]);
    const leader = cluster.elect();
    const others = [1, 2, 3, 4].filter((id) => id !== leader.id);
    leader.takeOutcomes();
    const applied = leader.engine.applied.bind(leader.engine);
    let latest = 0;
    leader.engine.applied = (index) => {
      latest = index;
    };
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 1);
    cluster.run(electionTimeoutMs);
    expect(leader.engine.status().configuration.voters).toHaveLength(3);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[1]! }, 2);
    cluster.settle();
    expect(leader.takeOutcomes().requests.filter(({ token }) => token === 2)).toMatchObject([
      { ok: false, reason: RejectReason.ChangeInFlight },
    ]);
    applied(latest);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[1]! }, 3);
    cluster.run(electionTimeoutMs);
    expect(leader.engine.status().configuration.voters).toHaveLength(2);
  });
});

describe('replication behind the contract', () => {
  it('sends no message for a commit index alone; the next heartbeat tells it', () => {
    const cluster = new EngineCluster(etcdKind, [1, 2, 3]);
    const leader = cluster.elect();
    cluster.propose(leader.id, 'a');
    cluster.settle();
    const follower = cluster.server(leader.id === 1 ? 2 : 1);
    expect(leader.commands()).toEqual(['a']);
    expect(follower.commands()).toEqual([]);
    cluster.run(2 * heartbeatMs);
    expect(follower.commands()).toEqual(['a']);
  });

  it('acknowledges the appends of one turn once', () => {
    const log = new MemoryLog();
    const engine = engineOf({ log });
    const append = (index: number) => {
      const entries = [new Entry(index + 1, 1, EntryType.Normal, new Uint8Array(1))];
      return message(MessageType.Append, { term: 1, index, logTerm: index === 0 ? 0 : 1, entries });
    };
    for (const index of [0, 1, 2]) engine.receive(2, append(index));
    const { persist, messagesAfterPersist } = engine.drain();
    expect(persist?.entries).toHaveLength(3);
    expect(messagesAfterPersist.map(({ message: { type, index } }) => [type, index])).toEqual([
      [MessageType.AppendResp, 3],
    ]);
  });

  it('takes a snapshot from before it was a member', () => {
    const log = new MemoryLog();
    const engine = engineOf({ id: 4, log });
    const snapshot = {
      index: 7,
      term: 1,
      configuration: simpleConfiguration([1, 2, 5]),
      content: new MemoryContent(new Uint8Array([1])),
    };
    engine.receive(1, etcdForgery.snapshot(1, 1, snapshot));
    const { persist, restore, committed } = engine.drain();
    log.persist(persist!);
    expect({ ...restore!, content: new MemoryContent(contentBytes(restore!.content)) }).toEqual(snapshot);
    expect([persist!.snapshot, committed]).toEqual([restore, []]);
    expect(engine.status()).toMatchObject({ role: Role.Passive, commitIndex: 7, lastIndex: 7 });
    expect(engine.configurationAt(7)).toEqual(snapshot.configuration);
  });

  it('takes nothing from peers that peers do not send', () => {
    const log = new MemoryLog();
    const engine = engineOf({ log, bootstrap: [1] });
    for (let now = 0; now <= 3 * electionTimeoutMs; now += heartbeatMs) {
      engine.tick(now);
      const { persist } = engine.drain();
      if (persist !== undefined) {
        log.persist(persist);
        engine.durable(persist.mark);
      }
    }
    engine.drain();
    const before = engine.status();
    expect(before.role).toBe(Role.Leader);
    const entries = [new Entry(9, 1, EntryType.Normal, new Uint8Array(1))];
    engine.receive(2, message(MessageType.Propose, { entries }));
    engine.receive(2, message(MessageType.TransferLeader, { term: 1 }));
    engine.receive(2, message(MessageType.Unreachable, {}));
    engine.receive(2, message(MessageType.StorageAppendResp, { term: 1, index: 9 }));
    expect(engine.status()).toEqual(before);
    const { Propose, ReadIndex, ReadIndexResp, TransferLeader, ForgetLeader, StorageApply, HeartbeatResp } =
      MessageType;
    for (const type of [Propose, ReadIndex, ReadIndexResp, TransferLeader, ForgetLeader, StorageApply]) {
      expect(engine.receive(2, message(type, { term: 1 })), `type ${type}`).toMatchObject({ malformed: true });
    }
    expect(engine.receive(1, message(HeartbeatResp, { term: 1 }))).toMatchObject({ malformed: true });
    expect(engine.receive(2, message(HeartbeatResp, {}))).toMatchObject({ malformed: true });
    expect(engine.receive(2, message(HeartbeatResp, { term: 1 }))).toBeUndefined();
    expect(engine.status()).toEqual(before);
  });
});

describe('a message that says it is a leader', () => {
  it.each([
    ['append', MessageType.Append],
    ['heartbeat', MessageType.Heartbeat],
    ['chunk', MessageType.SnapshotChunk],
  ])('must have a term: a candidate that took an %s of term 0 would fall back to that', (_name, type) => {
    const engine = engineOf({ log: new MemoryLog(), hardState: { ...EMPTY_HARD_STATE, term: 7 } });
    for (let now = 0; now <= 3 * electionTimeoutMs; now += heartbeatMs) engine.tick(now);
    engine.drain();
    const before = engine.status();
    expect(before).toMatchObject({ role: Role.PreCandidate, term: 7 });
    expect(engine.receive(2, message(type, {}))).toMatchObject({ malformed: true });
    engine.drain();
    expect(engine.status()).toEqual(before);
  });
});

describe('what contradicts what is committed here', () => {
  it('is told of the message that says so, and of no other', () => {
    const log = new MemoryLog();
    const entry = (term: number) => new Entry(1, term, EntryType.Normal, new Uint8Array(0));
    log.persist({ mark: 1, entries: [entry(1)], mustSync: true });
    const engine = engineOf({ log, hardState: { term: 1, vote: 0, commit: 1 } });
    expect(engine.receive(2, message(MessageType.Append, { term: 2, entries: [entry(2)] }))).toBeDefined();
    expect(engine.receive(2, message(MessageType.Heartbeat, { term: 2 }))).toBeUndefined();
  });
});

describe('a change of the members that is committed', () => {
  it('and does not fit has no effect', () => {
    const engine = engineOf({ log: new MemoryLog() });
    const leave = encodeConfChange({ transition: Transition.Auto, steps: [] });
    const entries = [new Entry(1, 1, EntryType.JointReconf, leave)];
    engine.receive(2, message(MessageType.Append, { term: 1, entries, commit: 1 }));
    expect(engine.drain().committed).toHaveLength(1);
    expect(engine.status().configuration).toEqual(simpleConfiguration([1, 2, 3]));
  });

  it('was told to the leader before a crash could no longer make it forgotten', () => {
    const log = new MemoryLog();
    const engine = engineOf({ log });
    const write = ({ persist }: Output<EtcdMessage>) => {
      log.persist(persist!);
      return persist!.mark;
    };
    const steps = [{ kind: ChangeKind.AddVoter, id: 4 }];
    const change = new Entry(1, 1, EntryType.Reconf, encodeConfChange({ transition: Transition.Auto, steps }));
    engine.receive(2, message(MessageType.Append, { term: 1, entries: [change] }));
    engine.durable(write(engine.drain()));
    engine.drain();
    const heartbeat = () => {
      engine.receive(2, message(MessageType.Heartbeat, { term: 1, commit: 1 }));
      const output = engine.drain();
      const { message: answer } = output.messages.find((each) => each.message.type === MessageType.HeartbeatResp)!;
      return { output, commit: answer.commit };
    };
    const first = heartbeat();
    expect(first.output.committed).toHaveLength(1);
    expect(first.output.persist?.hardState).toMatchObject({ commit: 1 });
    expect([first.commit, heartbeat().commit]).toEqual([0, 0]);
    engine.durable(write(first.output));
    expect(heartbeat().commit).toBe(1);
  });
});

describe('requests', () => {
  it('make entries whose type says whether a joint configuration is passed through', () => {
    const typeOf = (type: ChangeType) => changeEntry({ type, id: 3 }).type;
    expect(typeOf(ChangeType.Demote)).toBe(EntryType.JointReconf);
    for (const type of [ChangeType.AddVoter, ChangeType.AddLearner, ChangeType.Remove]) {
      expect(typeOf(type)).toBe(EntryType.Reconf);
    }
  });

  it('demotes a voter through a joint configuration and says so when it is left', () => {
    const cluster = new EngineCluster(etcdKind, [1, 2, 3]);
    const leader = cluster.elect();
    const other = leader.id === 3 ? 2 : 3;
    leader.takeOutcomes();
    leader.engine.reconfigure({ type: ChangeType.Demote, id: other }, 4);
    cluster.settle();
    expect(leader.takeOutcomes().requests).toEqual([{ token: 4, ok: true }]);
    cluster.run(4 * heartbeatMs);
    const voters = [1, 2, 3].filter((id) => id !== other);
    for (const { engine } of cluster.servers.values()) {
      expect(engine.status().configuration).toEqual(simpleConfiguration(voters, [other]));
    }
    expect(cluster.server(other).engine.status().role).toBe(Role.Passive);
  });

  it('leads on after its own removal until its successor knows, then hands over without a timeout', () => {
    const cluster = new EngineCluster(etcdKind, [1, 2]);
    const leader = cluster.elect();
    const other = leader.id === 1 ? 2 : 1;
    leader.takeOutcomes();
    leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 4);
    cluster.settle();
    expect(leader.takeOutcomes().requests).toEqual([{ token: 4, ok: true }]);
    expect(leader.engine.status().role).toBe(Role.Passive);
    expect(cluster.leaders()).toEqual([other]);
    cluster.propose(leader.id, 'a');
    leader.turn(true);
    expect(leader.takeOutcomes().rejected).toMatchObject([{ reason: RejectReason.NotLeader }]);
  });

  it('hands over to the voter with the longest log where nobody is named', () => {
    const cluster = new EngineCluster(etcdKind, [1, 2, 3]);
    const leader = cluster.elect();
    const [behind, upToDate] = [1, 2, 3].filter((id) => id !== leader.id) as [number, number];
    cluster.stop(behind);
    cluster.propose(leader.id, 'a');
    cluster.settle();
    cluster.start(behind);
    leader.takeOutcomes();
    leader.engine.transferLeadership(0, 9);
    cluster.run(3 * TEST_SETTINGS.heartbeatMs);
    expect(cluster.leaders()).toEqual([upToDate]);
    expect(leader.takeOutcomes().requests).toEqual([{ token: 9, ok: true }]);
  });

  it('answers a transfer to itself at once, and refuses one to a learner or a stranger', () => {
    const cluster = new EngineCluster(etcdKind, [1, 2, 3, 4], [1, 2, 3]);
    const leader = cluster.elect();
    leader.takeOutcomes();
    leader.engine.transferLeadership(leader.id, 1);
    leader.engine.transferLeadership(4, 2);
    leader.turn(true);
    expect(leader.takeOutcomes().requests).toMatchObject([
      { token: 1, ok: true },
      { token: 2, ok: false, reason: RejectReason.InvalidChange },
    ]);
  });

  it('answers what it can when its reign ends, and keeps silent about entries that may still commit', () => {
    const settings = { ...TEST_SETTINGS, batch: false };
    const cluster = new EngineCluster(etcdKind, [1, 2, 3], [1, 2, 3], settings);
    const leader = cluster.elect();
    cluster.isolate(leader.id);
    leader.takeOutcomes();
    const token = cluster.propose(leader.id, 'in the log', 'queued', 'queued');
    leader.engine.drain();
    leader.engine.read(50);
    leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 51);
    leader.engine.receive(leader.id === 1 ? 2 : 1, message(MessageType.Heartbeat, { term: 99 }));
    const { rejected, reads, requests } = leader.engine.drain();
    expect(rejected).toMatchObject([{ token, offset: 1, count: 2, reason: RejectReason.NotLeader }]);
    expect(reads).toMatchObject([{ token: 50, ok: false, reason: RejectReason.NotLeader }]);
    expect(requests).toMatchObject([{ token: 51, ok: false, reason: RejectReason.NotLeader }]);
  });

  it('states the settings as it applies them', () => {
    const settings = engineOf({ log: new MemoryLog() }).effectiveSettings();
    expect(settings).toMatchObject({ entriesPerMessage: 8, catchUpEntriesMax: 512, electionTimeoutMs, heartbeatMs });
    const single = engineOf({ log: new MemoryLog(), settings: { ...TEST_SETTINGS, batch: false } });
    expect(single.effectiveSettings()).toMatchObject({ entriesPerMessage: 1, catchUpEntriesMax: 64 });
  });
});

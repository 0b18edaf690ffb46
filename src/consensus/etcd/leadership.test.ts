import { describe, expect, it } from 'vitest';
import {
  ChangeType,
  EMPTY_HARD_STATE,
  type EngineInit,
  type NodeId,
  RejectReason,
  Role,
  simpleConfiguration,
} from '../contract.ts';
import { MemoryContent, ReceivedContent } from '../snapshotContent.ts';
import { EngineCluster, type EngineServer, TEST_SETTINGS } from '../testing/engineCluster.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import type { EtcdMessage } from './codec.ts';
import { EtcdEngine } from './engine.ts';
import { etcdKind } from './index.ts';
import { APPLYING_BYTES_MAX } from './limits.ts';
import { Message, MessageType } from './messages.ts';

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;
const messageOf = (type: MessageType, fields: Partial<Message>) => Object.assign(new Message(type, 1), fields);

/** A cluster with a leader, and a look behind the contract. */
function led(ids: readonly NodeId[], settings = TEST_SETTINGS, bootstrap = ids) {
  const engines = new Map<NodeId, EtcdEngine>();
  const create = (init: EngineInit) => {
    const engine = new EtcdEngine(init);
    engines.set(init.id, engine);
    return engine;
  };
  const cluster = new EngineCluster({ ...etcdKind, create }, ids, bootstrap, settings);
  const leader = cluster.elect();
  leader.takeOutcomes();
  const others = bootstrap.filter((id) => id !== leader.id);
  const { state } = engines.get(leader.id)!.node;
  const progress = () => [...state.members.progress.keys()];
  return { cluster, leader, others, progress, leaderState: () => state.leader! };
}

/** What it writes stays on its way to the disk, until what this gives back is called. */
function stallDisk(server: EngineServer<EtcdMessage>): () => void {
  const turn = server.turn.bind(server);
  server.turn = () => turn(false);
  return () => {
    server.turn = turn;
  };
}

/** A server alone that leads, of a log whose configuration is this. */
function leadingAlone(configuration = simpleConfiguration([1])) {
  const log = new MemoryLog();
  const snapshot = { index: 1, term: 1, configuration, content: new MemoryContent(new Uint8Array(0)) };
  log.persist({ mark: 1, snapshot, entries: [], mustSync: true });
  const hardState = { ...EMPTY_HARD_STATE, term: 1, commit: 1 };
  const init = { id: 1, settings: TEST_SETTINGS, random: () => 0, nowMs: 0, hardState, log, bootstrap: [1] };
  const engine = new EtcdEngine({
    ...init,
    appliedIndex: 1,
    receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
  });
  const turn = () => {
    const output = engine.drain();
    const last = output.committed.at(-1);
    if (output.persist !== undefined) {
      log.persist(output.persist);
      engine.durable(output.persist.mark);
    }
    if (last !== undefined) engine.applied(last.index);
    return output;
  };
  for (let now = 0; engine.status().role !== Role.Leader; now += heartbeatMs) {
    engine.tick(now);
    turn();
  }
  return { engine, turn };
}

describe('a reign', () => {
  it('begins as soon as the own vote is on disk, where no other is needed', () => {
    const { engine } = leadingAlone();
    engine.reconfigure({ type: ChangeType.AddVoter, id: 2 }, 3);
    expect(engine.drain().requests).toEqual([]);
    expect(engine.status()).toMatchObject({ peers: [{ id: 2, lastHeardMs: -1 }], pendingChange: {} });
  });

  it('that ends for want of a quorum is over in that tick', () => {
    const { cluster, leader } = led([1, 2, 3], { ...TEST_SETTINGS, checkQuorum: true });
    cluster.isolate(leader.id);
    for (let beats = 0; leader.engine.status().role === Role.Leader; beats++) {
      expect(beats).toBeLessThan(100);
      cluster.nowMs += heartbeatMs / 2;
      leader.engine.tick(cluster.nowMs);
    }
    expect(leader.engine.status().peers).toEqual([]);
  });

  it('that ends by a term that cannot be taken at once is over when that is heard', () => {
    const { leader, others } = led([1, 2, 3]);
    leader.engine.read(7);
    const term = Number.MAX_SAFE_INTEGER - 7;
    expect(leader.engine.receive(others[0]!, messageOf(MessageType.HeartbeatResp, { term }))).toBeDefined();
    expect(leader.engine.status()).toMatchObject({ role: Role.Follower, peers: [] });
    expect(leader.engine.drain().reads).toMatchObject([{ token: 7, ok: false, reason: RejectReason.NotLeader }]);
  });

  it('that ends by the own removal is over when the others know of that', () => {
    const { cluster, leader } = led([1, 2]);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 4);
    cluster.settle();
    expect(leader.engine.status()).toMatchObject({ role: Role.Passive, peers: [] });
  });

  it('goes on after a sleep, until the others had time to answer', () => {
    const { cluster, leader } = led([1, 2, 3]);
    cluster.isolate(leader.id);
    cluster.nowMs += 10 * electionTimeoutMs;
    for (let beats = 0; beats < 3; beats++) {
      leader.engine.tick(cluster.nowMs);
      cluster.nowMs += heartbeatMs;
    }
    cluster.propose(leader.id, 'good morning');
    leader.turn(true);
    expect(leader.takeOutcomes()).toMatchObject({ accepted: [{ count: 1 }], rejected: [] });
  });

  it('tells when each of the others answered last', () => {
    const { cluster, leader, others } = led([1, 2, 3]);
    const heard = () =>
      leader.engine.status().peers.map(({ id, lastHeardMs }) => [id, lastHeardMs < electionTimeoutMs]);
    expect(heard()).toEqual(others.map((id) => [id, true]));
    cluster.stop(others[0]!);
    cluster.run(2 * electionTimeoutMs);
    expect(heard()).toEqual(others.map((id) => [id, id !== others[0]]));
  });

  it('tells once of each time that a server is brought up to date', () => {
    const { leader, others } = led([1, 2, 3]);
    const [other] = others as [NodeId];
    const { term } = leader.engine.status();
    const answer = (fields: Partial<Message>) => {
      leader.engine.receive(other, messageOf(MessageType.AppendResp, { term, ...fields }));
      leader.turn(true);
    };
    const told = () => leader.takeOutcomes().events.filter((event) => event === 'catchup').length;
    const { lastIndex } = leader.engine.status();
    const refusal = { index: lastIndex, reject: true, rejectHint: 0 };
    answer(refusal);
    answer(refusal);
    leader.engine.receive(other, messageOf(MessageType.HeartbeatResp, { term, index: lastIndex }));
    answer(refusal);
    answer({ index: lastIndex - 1 });
    answer(refusal);
    expect(told()).toBe(1);
    answer({ index: lastIndex });
    answer(refusal);
    expect(told()).toBe(1);
  });
});

describe('a leader that is removed and that nobody is known to know of', () => {
  it('takes neither changes nor transfers, and names nobody', () => {
    const { cluster, leader, others } = led([1, 2, 3]);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 4);
    cluster.loses = (_from, to, { type }) => to === leader.id && type === MessageType.HeartbeatResp;
    const answers = leader.engine.receive.bind(leader.engine);
    leader.engine.receive = (from, message) => answers(from, Object.assign(message, { commit: 0 }));
    cluster.run(2 * heartbeatMs);
    expect(leader.engine.status()).toMatchObject({ role: Role.Leader, configuration: { voters: others } });
    expect(leader.takeOutcomes().requests).toEqual([{ token: 4, ok: true }]);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 5);
    leader.engine.transferLeadership(others[0]!, 6);
    leader.turn(true);
    expect(leader.takeOutcomes().requests).toMatchObject([
      { token: 5, ok: false, reason: RejectReason.NotLeader, leader: 0 },
      { token: 6, ok: false, reason: RejectReason.NotLeader, leader: 0 },
    ]);
  });

  it('is one that was made a learner, too', () => {
    const { cluster, leader, others } = led([1, 2, 3]);
    leader.engine.reconfigure({ type: ChangeType.Demote, id: leader.id }, 4);
    cluster.run(4 * heartbeatMs);
    expect(others).toContain(cluster.leaders()[0]);
    expect(leader.engine.status()).toMatchObject({ role: Role.Passive, configuration: { learners: [leader.id] } });
  });
});

describe('a snapshot that is lost', () => {
  it('is sent again, for nobody answers', () => {
    let sent = 0;
    const { codec } = etcdKind;
    const encode = (each: EtcdMessage) => {
      const isLost = each.type === MessageType.SnapshotChunk && sent++ === 0;
      return codec.encode(isLost ? messageOf(MessageType.HeartbeatResp, { term: each.term }) : each);
    };
    const cluster = new EngineCluster({ ...etcdKind, codec: { ...codec, encode } }, [1, 2, 3]);
    const leader = cluster.elect();
    const away = leader.id === 3 ? 2 : 3;
    cluster.stop(away);
    cluster.propose(leader.id, 'a');
    cluster.settle();
    const { commitIndex, term, configuration } = leader.engine.status();
    const snapshot = { index: commitIndex, term, configuration, content: new MemoryContent(new Uint8Array([1])) };
    leader.log.persist({ mark: 1e6, snapshot, entries: [], mustSync: true });
    cluster.start(away);
    cluster.propose(leader.id, 'b');
    cluster.run(0.9 * electionTimeoutMs);
    expect([sent, cluster.server(away).restored]).toEqual([1, undefined]);
    cluster.run(electionTimeoutMs);
    expect([sent, cluster.server(away).restored?.index]).toEqual([2, commitIndex]);
    expect(cluster.server(away).commands()).toEqual(['b']);
  });
});

describe('a leader that hears too few to serve', () => {
  it('hands over to one that it hears, and that is heard by the others', () => {
    const { cluster, leader, others } = led([1, 2, 3, 4, 5]);
    const [target, ...rest] = others as [NodeId, ...NodeId[]];
    for (const id of rest) {
      cluster.cut(id, leader.id);
      cluster.cut(leader.id, id);
    }
    cluster.run(0.7 * electionTimeoutMs);
    leader.engine.transferLeadership(target, 5);
    cluster.run(4 * heartbeatMs);
    expect(cluster.leaders()).toContain(target);
  });
});

describe('the part of a server', () => {
  it('is that of a voter as long as either half counts it', () => {
    const { engine } = leadingAlone({ ...simpleConfiguration([1]), outgoing: [1], autoLeave: false });
    expect(engine.status().role).toBe(Role.Leader);
    const log = new MemoryLog();
    const configuration = { ...simpleConfiguration([2]), outgoing: [1, 2], learnersNext: [1] };
    const snapshot = { index: 1, term: 1, configuration, content: new MemoryContent(new Uint8Array(0)) };
    log.persist({ mark: 1, snapshot, entries: [], mustSync: true });
    const init = { id: 1, settings: TEST_SETTINGS, random: () => 0, nowMs: 0, log, bootstrap: [1] };
    const hardState = { ...EMPTY_HARD_STATE, term: 1, commit: 1 };
    const demoted = new EtcdEngine({
      ...init,
      hardState,
      appliedIndex: 1,
      receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
    });
    expect(demoted.status().role).toBe(Role.Follower);
  });
});

describe('a transfer', () => {
  it('tells its target when that holds what was written last, however long its answers take', () => {
    const { cluster, leader, others } = led([1, 2, 3]);
    cluster.oneWayMs = 1.5 * heartbeatMs;
    leader.engine.transferLeadership(others[0]!, 5);
    for (let beats = 0; beats < 8; beats++) {
      cluster.propose(leader.id, `${beats}`);
      cluster.run(heartbeatMs / 2);
    }
    cluster.run(electionTimeoutMs);
    expect(leader.takeOutcomes().requests).toEqual([{ token: 5, ok: true }]);
  });
});

describe('a change that is asked for', () => {
  it.each<[string, readonly NodeId[], ChangeType, number | undefined]>([
    ['of two voters', [1, 2], ChangeType.Remove, 1],
    ['of three voters', [1, 2, 3], ChangeType.Remove, undefined],
    ['of four voters', [1, 2, 3, 4], ChangeType.Remove, 3],
    ['of four voters that makes a learner', [1, 2, 3, 4], ChangeType.Demote, undefined],
  ])(
    '%s may be committed by those who remain, where half of the voters are a majority of them',
    (_what, ids, type, remain) => {
      const { cluster, leader, others, leaderState } = led(ids);
      cluster.propose(leader.id, 'a');
      cluster.settle();
      leader.engine.reconfigure({ type, id: others[0]! }, 4);
      const before = leader.engine.status().lastIndex;
      cluster.loses = (_from, to) => to === leader.id && leader.engine.status().lastIndex > before + 1;
      cluster.settle();
      expect(leaderState().removal?.voters.length).toBe(remain);
      if (remain !== undefined) expect(leaderState().removal!.voters).not.toContain(others[0]);
    },
  );

  it('waits while a joint configuration is in force', () => {
    const { engine, turn } = leadingAlone({ ...simpleConfiguration([1]), outgoing: [1], autoLeave: false });
    engine.reconfigure({ type: ChangeType.AddVoter, id: 2 }, 3);
    expect(turn().requests).toMatchObject([{ token: 3, ok: false, reason: RejectReason.ChangeInFlight }]);
  });

  it('is not answered where it is in the log and the reign ends', () => {
    const { cluster, leader, others } = led([1, 2, 3]);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 4);
    const { lastIndex, term } = leader.engine.status();
    cluster.loses = (_from, to) => to === leader.id && leader.engine.status().lastIndex > lastIndex + 1;
    cluster.settle();
    expect(leader.engine.status().lastIndex).toBe(lastIndex + 2);
    leader.engine.receive(others[0]!, messageOf(MessageType.Heartbeat, { term: term + 1 }));
    leader.turn(true);
    expect(leader.engine.status().role).toBe(Role.Follower);
    expect(leader.takeOutcomes().requests).toEqual([]);
  });

  it('is forgotten with the reign, and so is who was staged for it', () => {
    const { cluster, leader, others, progress } = led([1, 2, 3, 4], TEST_SETTINGS, [1, 2, 3]);
    leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 4);
    const isInLog = () => leader.engine.status().pendingChange === undefined;
    cluster.loses = (from, to) => [from, to].includes(leader.id) && isInLog();
    for (let beats = 0; !isInLog(); beats++) {
      expect(beats).toBeLessThan(100);
      cluster.run(heartbeatMs / 2);
    }
    expect([progress(), leader.engine.status().configuration.voters]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3],
    ]);
    cluster.isolate(leader.id);
    cluster.loses = () => false;
    cluster.run(4 * electionTimeoutMs);
    const [next] = cluster.leaders().filter((id) => id !== leader.id);
    cluster.heal();
    cluster.run(electionTimeoutMs);
    expect(progress()).toEqual(cluster.server(next!).engine.status().configuration.voters);
    cluster.server(next!).engine.transferLeadership(leader.id, 5);
    cluster.run(electionTimeoutMs);
    expect(cluster.leaders()).toEqual([leader.id]);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 6);
    cluster.run(electionTimeoutMs);
    expect(leader.takeOutcomes().requests.find(({ token }) => token === 6)).toEqual({ token: 6, ok: true });
  });

  it('is done when a crash cannot make it forgotten, and then the next one may come', () => {
    const { cluster, leader, others } = led([1, 2, 3, 4]);
    const resume = stallDisk(leader);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 4);
    cluster.run(2 * heartbeatMs);
    expect(leader.engine.status().configuration.voters).toHaveLength(3);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: others[1]! }, 5);
    cluster.settle();
    expect(leader.takeOutcomes().requests).toMatchObject([
      { token: 5, ok: false, reason: RejectReason.ChangeInFlight },
    ]);
    resume();
    cluster.run(heartbeatMs);
    expect(leader.takeOutcomes().requests).toEqual([{ token: 4, ok: true }]);
  });

  it('is done when it is applied, where a crash could not make it forgotten by then', () => {
    const { cluster, leader, others } = led([1, 2, 3]);
    const { engine } = leader;
    const [drain, applied] = [engine.drain.bind(engine), engine.applied.bind(engine)];
    const before = engine.status().lastIndex;
    let latest = 0;
    engine.drain = () => {
      const { appliedIndex, lastIndex } = engine.status();
      if (latest === 0 && lastIndex > before && appliedIndex === lastIndex) {
        // The change enters the log behind as much as may be handed out and not be applied, which is not applied.
        cluster.propose(leader.id, 'x'.repeat(APPLYING_BYTES_MAX));
        latest = lastIndex;
        engine.applied = (index) => {
          latest = index;
        };
      }
      return drain();
    };
    engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 4);
    cluster.settle();
    cluster.propose(leader.id, 'whose write takes the commit index along');
    cluster.settle();
    expect(engine.status().configuration.voters).toHaveLength(3);
    applied(latest);
    leader.turn(true);
    expect(engine.status().configuration.voters).toHaveLength(2);
    expect(leader.takeOutcomes().requests).toEqual([{ token: 4, ok: true }]);
  });

  it('waits for no disk of a leader that goes', () => {
    const { cluster, leader } = led([1, 2, 3]);
    stallDisk(leader);
    leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 4);
    cluster.run(2 * heartbeatMs);
    expect(leader.takeOutcomes().requests).toEqual([{ token: 4, ok: true }]);
  });

  it('that passes through a joint configuration is done when that is left', () => {
    const { cluster, leader, others } = led([1, 2, 3]);
    leader.engine.reconfigure({ type: ChangeType.Demote, id: others[0]! }, 4);
    cluster.loses = (_from, to) => to === leader.id && leader.engine.status().configuration.outgoing.length > 0;
    cluster.settle();
    expect(leader.engine.status().configuration.outgoing).toHaveLength(3);
    expect(leader.takeOutcomes().requests).toEqual([]);
    cluster.loses = () => false;
    cluster.run(3 * heartbeatMs);
    expect(leader.takeOutcomes().requests).toEqual([{ token: 4, ok: true }]);
  });
});

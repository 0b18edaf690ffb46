import { describe, expect, it } from 'vitest';
import { ChangeType, type EngineKind, type NodeId, RejectReason, Role, simpleConfiguration } from '../contract.ts';
import { isConfigurationType } from '../entry.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;

/** What every engine must do where members change and leadership is handed over: a part of the engine suite. */
export function describeMembershipContract<M>(kind: EngineKind<M>, tellsToStand: (message: M) => boolean): void {
  /** A cluster with a leader, and the others in ascending order. */
  const clusterOf = (ids: readonly NodeId[], voters = ids) => {
    const cluster = new EngineCluster(kind, ids, voters);
    const leader = cluster.elect();
    leader.takeOutcomes();
    return { cluster, leader, others: voters.filter((id) => id !== leader.id) };
  };
  const serves = (cluster: EngineCluster<M>, id: NodeId, command: string) => {
    cluster.propose(id, command);
    cluster.run(2 * heartbeatMs);
    expect(cluster.server(id).commands().at(-1)).toBe(command);
  };

  describe(`${kind.name}: a membership change must be able to commit`, () => {
    it('refuses a voter that does not run, says so, and serves on, also after a restart', () => {
      const { cluster, leader } = clusterOf([1, 2], [1]);
      cluster.stop(2);
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 2 }, 7);
      serves(cluster, 1, 'meanwhile');
      expect(leader.engine.status().pendingChange).toMatchObject({ change: { id: 2 }, missing: { silent: [2] } });
      cluster.run(5 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toMatchObject([
        { token: 7, ok: false, reason: RejectReason.TargetUnreachable, missing: { silent: [2], behind: [] } },
      ]);
      expect(leader.engine.status().pendingChange).toBeUndefined();
      expect(leader.engine.status().peers).toEqual([]);
      cluster.stop(1);
      cluster.start(1);
      expect(cluster.elect().id).toBe(1);
      serves(cluster, 1, 'after');
      cluster.start(2);
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 2 }, 8);
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 8, ok: true }]);
      serves(cluster, 1, 'both');
    });

    it('that removes the leader leaves it leading until it is committed, whatever else commits before', () => {
      const { cluster, leader } = clusterOf([1, 2, 3]);
      const first = leader.log.lastIndex + 1;
      leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 7);
      for (let i = 0; i < 20; i++) {
        cluster.propose(leader.id, `c${i}`);
        for (const { id } of cluster.servers.values()) cluster.server(id).turn(true);
        for (const { from, to, message } of cluster.mail.splice(0)) {
          cluster.server(to).engine.receive(from, message);
          cluster.server(to).turn(true);
          const change = leader.log.configurationEntries().find(({ index }) => index >= first);
          const { role, commitIndex } = leader.engine.status();
          if (change === undefined || commitIndex < change.index) expect(role).toBe(Role.Leader);
        }
      }
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 7, ok: true }]);
      expect(cluster.leaders()).not.toContain(leader.id);
    });

    it('refuses to remove a voter that answers where the rest would be no majority; the one that is gone may go', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const [gone, alive] = others as [NodeId, NodeId];
      // It has answered less than an election timeout ago: that is not enough.
      cluster.stop(gone);
      leader.engine.reconfigure({ type: ChangeType.Remove, id: alive }, 7);
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toMatchObject([
        { token: 7, ok: false, reason: RejectReason.NoQuorum, missing: { silent: [gone], behind: [] } },
      ]);
      leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 8);
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toMatchObject([{ token: 8, ok: false, reason: RejectReason.NoQuorum }]);
      serves(cluster, leader.id, 'still three');
      leader.engine.reconfigure({ type: ChangeType.Remove, id: gone }, 9);
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 9, ok: true }]);
      serves(cluster, leader.id, 'two');
    });

    it('refuses to leave a cluster without voters', () => {
      const cluster = new EngineCluster(kind, [1]);
      const leader = cluster.elect();
      leader.takeOutcomes();
      leader.engine.reconfigure({ type: ChangeType.Remove, id: 1 }, 1);
      leader.engine.reconfigure({ type: ChangeType.Demote, id: 1 }, 2);
      cluster.run(5 * TEST_SETTINGS.electionTimeoutMs);
      const refused = { ok: false, reason: RejectReason.InvalidChange };
      expect(leader.takeOutcomes().requests).toMatchObject([refused, refused]);
      expect(leader.engine.status().configuration).toEqual(simpleConfiguration([1]));
    });

    it('adds a voter while a minority is gone', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3, 4], [1, 2, 3]);
      cluster.stop(others[0]!);
      cluster.run(2 * electionTimeoutMs);
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 7);
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 7, ok: true }]);
      serves(cluster, leader.id, 'three of four');
    });

    it('brings a voter up to date while it does not count, and tells how far it is', () => {
      const { cluster, leader } = clusterOf([1, 2, 3, 4], [1, 2, 3]);
      for (let i = 0; i < 40; i++) {
        cluster.propose(leader.id, ...Array.from({ length: 25 }, (_, k) => `c${i}-${k}`));
        cluster.settle();
      }
      leader.takeOutcomes();
      let answers = 0;
      cluster.loses = (from) => from === 4 && ++answers > 3;
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 7);
      cluster.run(2 * heartbeatMs);
      const { configuration, lastIndex, pendingChange } = leader.engine.status();
      expect(configuration.voters).toEqual([1, 2, 3]);
      expect(pendingChange).toMatchObject({ missing: { silent: [], behind: [{ id: 4, goalIndex: lastIndex }] } });
      expect(pendingChange!.missing.behind[0]!.heldIndex).toBeLessThan(lastIndex);
      cluster.loses = () => false;
      cluster.run(10 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 7, ok: true }]);
      expect(cluster.server(4).commands()).toHaveLength(1000);
    });

    it('a leader of two removes the other one that is gone, and serves on alone', () => {
      const { cluster, leader, others } = clusterOf([1, 2]);
      const gone = others[0]!;
      cluster.stop(gone);
      cluster.propose(leader.id, 'open');
      cluster.run(3 * electionTimeoutMs);
      expect(leader.engine.status()).toMatchObject({ role: 'leader', leader: 0 });
      expect(leader.commands()).toEqual([]);
      leader.engine.reconfigure({ type: ChangeType.Remove, id: gone }, 7);
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 7, ok: true }]);
      expect(leader.commands()).toEqual(['open']);
      serves(cluster, leader.id, 'alone');
      // It comes back, does not know that it was removed, and cannot lead without the vote of the one that removed it.
      cluster.start(gone);
      cluster.run(5 * electionTimeoutMs);
      expect(cluster.leaders()).toEqual([leader.id]);
      serves(cluster, leader.id, 'undisturbed');
      expect(cluster.server(gone).commands()).toEqual([]);
    });

    it('answers a read that waited for one who is removed', () => {
      const { cluster, leader, others } = clusterOf([1, 2]);
      const gone = others[0]!;
      cluster.propose(leader.id, 'before');
      cluster.run(2 * heartbeatMs);
      leader.takeOutcomes();
      cluster.stop(gone);
      leader.engine.read(5);
      cluster.settle();
      leader.engine.reconfigure({ type: ChangeType.Remove, id: gone }, 7);
      cluster.run(3 * electionTimeoutMs);
      const { reads, requests } = leader.takeOutcomes();
      expect(requests).toEqual([{ token: 7, ok: true }]);
      expect(reads).toMatchObject([{ token: 5, ok: true }]);
    });

    it('removes one after the other so that those who missed it never lead without what was committed since', () => {
      // The second one is gone after any message of the first removal; the first hears all of it, or nothing.
      for (const firstHears of [true, false]) {
        for (let heard = 0; heard < 8; heard++) {
          const { cluster, leader, others } = clusterOf([1, 2, 3]);
          const [first, second] = others as [NodeId, NodeId];
          let left = heard;
          cluster.loses = (from, to) => {
            if (from === leader.id && to === second && left-- === 0) cluster.stop(second);
            return from === leader.id && to === first && !firstHears;
          };
          leader.engine.reconfigure({ type: ChangeType.Remove, id: first }, 7);
          cluster.run(3 * electionTimeoutMs);
          leader.engine.reconfigure({ type: ChangeType.Remove, id: second }, 8);
          cluster.run(3 * electionTimeoutMs);
          cluster.propose(leader.id, 'after');
          cluster.run(2 * heartbeatMs);
          const acknowledged = leader.commands();
          cluster.isolate(leader.id);
          cluster.start(first);
          cluster.start(second);
          cluster.run(8 * electionTimeoutMs);
          for (const id of others) {
            if (cluster.leaders().includes(id)) expect(cluster.server(id).commands()).toEqual(acknowledged);
          }
        }
      }
    });

    it('a leader of four removes one of two that have just gone, and serves on with the other that is there', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3, 4]);
      const [gone, alsoGone] = others as [NodeId, NodeId];
      cluster.stop(gone);
      cluster.stop(alsoGone);
      cluster.propose(leader.id, 'open');
      leader.engine.reconfigure({ type: ChangeType.Remove, id: gone }, 7);
      cluster.run(3 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 7, ok: true }]);
      expect(leader.commands()).toEqual(['open']);
      cluster.start(gone);
      cluster.run(5 * electionTimeoutMs);
      expect(cluster.leaders()).toEqual([leader.id]);
      serves(cluster, leader.id, 'two of three');
    });

    it('a leader that no quorum answers removes nobody where the rest would be more than itself', () => {
      for (const ids of [
        [1, 2, 3],
        [1, 2, 3, 4],
      ]) {
        const { cluster, leader, others } = clusterOf(ids);
        for (const id of others.slice(0, 2)) cluster.stop(id);
        cluster.run(3 * electionTimeoutMs);
        leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 8);
        cluster.run(3 * electionTimeoutMs);
        expect(leader.takeOutcomes().requests).toMatchObject([{ token: 8, ok: false, reason: RejectReason.NoQuorum }]);
        expect(leader.engine.status().configuration.voters).toEqual(ids);
      }
    });

    it('enters the log only once all that is committed was handed out, under those who committed it', () => {
      for (const type of [ChangeType.AddVoter, ChangeType.Remove]) {
        const { cluster, leader, others } = clusterOf([1, 2, 3, 4], [1, 2, 3]);
        const { engine } = leader;
        const handedOutBeside: number[][] = [];
        const drain = engine.drain.bind(engine);
        engine.drain = () => {
          const output = drain();
          const isAppending = output.persist?.entries.some((entry) => isConfigurationType(entry.type));
          if (isAppending === true) handedOutBeside.push(output.committed.map(({ index }) => index));
          return output;
        };
        engine.reconfigure({ type, id: type === ChangeType.Remove ? others[0]! : 4 }, 7);
        cluster.propose(leader.id, 'meanwhile');
        cluster.run(3 * electionTimeoutMs);
        expect(leader.takeOutcomes().requests).toEqual([{ token: 7, ok: true }]);
        expect(handedOutBeside).toEqual([[]]);
      }
    });

    it('is done for good: who was removed may be gone at once, and the leader be restarted without him', () => {
      const { cluster, leader, others } = clusterOf([1, 2], [1, 2]);
      leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 7);
      for (let waitedMs = 0; leader.outcomes.requests.length === 0; waitedMs += heartbeatMs) {
        expect(waitedMs).toBeLessThan(4 * electionTimeoutMs);
        cluster.run(heartbeatMs);
      }
      expect(leader.takeOutcomes().requests).toEqual([{ token: 7, ok: true }]);
      cluster.stop(others[0]!);
      leader.restart();
      cluster.run(4 * electionTimeoutMs);
      expect(leader.engine.status()).toMatchObject({ role: 'leader', leader: leader.id });
    });

    it('forgets an addition with its leader: nothing is left that stands in the way of the next', () => {
      const { cluster, leader } = clusterOf([1, 2, 3, 4], [1, 2, 3]);
      cluster.stop(4);
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 7);
      cluster.run(2 * heartbeatMs);
      leader.engine.reconfigure({ type: ChangeType.Remove, id: 2 }, 8);
      leader.engine.transferLeadership(0, 9);
      cluster.settle();
      expect(leader.takeOutcomes().requests).toMatchObject([
        { token: 8, reason: RejectReason.ChangeInFlight },
        { token: 9, reason: RejectReason.ChangeInFlight },
      ]);
      cluster.isolate(leader.id);
      cluster.run(6 * electionTimeoutMs);
      cluster.heal();
      cluster.start(4);
      const next = cluster.elect();
      expect(next.id).not.toBe(leader.id);
      for (const { engine } of cluster.servers.values()) {
        expect(engine.status().configuration).toMatchObject({ voters: [1, 2, 3], learners: [] });
      }
      next.takeOutcomes();
      next.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, 10);
      cluster.run(3 * electionTimeoutMs);
      expect(next.takeOutcomes().requests).toEqual([{ token: 10, ok: true }]);
    });
  });

  describe(`${kind.name}: leadership goes to one that answers`, () => {
    it('passes over a voter that is gone, though it holds as much', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const [gone, alive] = others as [NodeId, NodeId];
      cluster.stop(gone);
      cluster.run(2 * electionTimeoutMs);
      leader.engine.transferLeadership(0, 5);
      cluster.run(2 * electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 5, ok: true }]);
      expect(cluster.leaders()).toEqual([alive]);
    });

    it('refuses at once where the target is gone, is no voter, or nobody is there to take over', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3, 4], [1, 2, 3]);
      const [gone] = others as [NodeId, NodeId];
      cluster.stop(gone);
      cluster.run(2 * electionTimeoutMs);
      leader.engine.transferLeadership(gone, 5);
      leader.engine.transferLeadership(4, 6);
      cluster.propose(leader.id, 'taken');
      cluster.settle();
      const { requests, rejected } = leader.takeOutcomes();
      expect(requests).toMatchObject([
        { token: 5, ok: false, reason: RejectReason.TargetUnreachable, missing: { silent: [gone] } },
        { token: 6, ok: false, reason: RejectReason.InvalidChange },
      ]);
      expect(rejected).toEqual([]);
      const alone = clusterOf([1]);
      alone.leader.engine.transferLeadership(0, 7);
      alone.cluster.settle();
      expect(alone.leader.takeOutcomes().requests).toMatchObject([{ token: 7, reason: RejectReason.NoSuccessor }]);
    });

    it('does not stop writes for a target that has just gone', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const [gone] = others as [NodeId, NodeId];
      cluster.stop(gone);
      leader.engine.transferLeadership(gone, 5);
      for (let i = 0; i < 10; i++) {
        cluster.propose(leader.id, `c${i}`);
        cluster.run(2 * heartbeatMs);
      }
      const { requests, rejected } = leader.takeOutcomes();
      expect(requests).toMatchObject([{ token: 5, reason: RejectReason.TargetUnreachable }]);
      expect(rejected).toEqual([]);
      expect(leader.commands()).toHaveLength(10);
    });

    it('tells a target once, and serves on where it does not take over', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const to = others[1]!;
      const told: NodeId[] = [];
      cluster.loses = (_from, target, message) => tellsToStand(message) && told.push(target) > 0;
      leader.engine.transferLeadership(to, 5);
      cluster.run(2 * heartbeatMs);
      cluster.propose(leader.id, 'refused');
      cluster.settle();
      expect(leader.takeOutcomes().rejected).toMatchObject([{ reason: RejectReason.Transferring }]);
      cluster.run(3 * electionTimeoutMs);
      const { requests } = leader.takeOutcomes();
      expect(requests).toMatchObject([{ token: 5, ok: false, reason: RejectReason.Timeout, leader: leader.id }]);
      expect(told).toEqual([to]);
      serves(cluster, leader.id, 'b');
      expect(leader.commands()).toEqual(['b']);
    });

    it('leaves out those that cannot be told', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const [unable, able] = others as [NodeId, NodeId];
      leader.engine.transferLeadership(unable, 5, [unable]);
      cluster.settle();
      expect(leader.takeOutcomes().requests).toMatchObject([{ token: 5, reason: RejectReason.CannotTakeOver }]);
      leader.engine.transferLeadership(0, 7, [unable, able]);
      cluster.settle();
      expect(leader.takeOutcomes().requests).toMatchObject([{ token: 7, reason: RejectReason.CannotTakeOver }]);
      leader.engine.transferLeadership(0, 6, [unable]);
      cluster.run(2 * electionTimeoutMs);
      expect(cluster.leaders()).toEqual([able]);
    });

    it('is refused while a change is in the log', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const before = leader.log.configurationEntries().length;
      cluster.loses = (_from, to) => to === leader.id && leader.log.configurationEntries().length > before;
      leader.engine.reconfigure({ type: ChangeType.Remove, id: others[0]! }, 4);
      cluster.run(2 * heartbeatMs);
      leader.engine.transferLeadership(others[1]!, 5);
      cluster.settle();
      expect(leader.takeOutcomes().requests).toMatchObject([{ token: 5, reason: RejectReason.ChangeInFlight }]);
    });

    it('a removed leader hands over to one that answers', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3, 4, 5]);
      const gone = others[0]!;
      cluster.stop(gone);
      cluster.run(2 * electionTimeoutMs);
      const told: NodeId[] = [];
      cluster.loses = (_from, target, message) => tellsToStand(message) && told.push(target) < 0;
      leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, 5);
      cluster.run(4 * heartbeatMs);
      expect(told).toHaveLength(1);
      expect(told).not.toContain(gone);
      expect(cluster.leaders()).toEqual(told);
    });
  });

  describe(`${kind.name}: who leads next decides a transfer for which writes stopped`, () => {
    /** Writes stopped for `to`. The order to stand did not reach it: the test has it, and may give it to anybody. */
    const handedOver = ({ thirdLags = false } = {}) => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const [to, third] = others as [NodeId, NodeId];
      const orders: M[] = [];
      cluster.loses = (_from, target, message) => {
        if (tellsToStand(message)) orders.push(message);
        return tellsToStand(message) || (thirdLags && target === third);
      };
      cluster.propose(leader.id, 'before');
      cluster.settle();
      leader.engine.transferLeadership(to, 5);
      cluster.run(2 * heartbeatMs);
      expect(orders).toHaveLength(1);
      const obeys = (id: NodeId) => cluster.server(id).engine.receive(leader.id, orders[0]!);
      return { cluster, leader, to, third, obeys };
    };

    it('appends nothing once the target was told, which then would not hold the whole log', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3], [1, 2, 3], { ...TEST_SETTINGS, batch: false });
      const leader = cluster.elect();
      const to = cluster.bootstrap.find((id) => id !== leader.id)!;
      leader.takeOutcomes();
      // Its own disk is the slowest: what it appended is committed before, and the next command waits for it.
      const sync = leader.sync.bind(leader);
      leader.sync = () => {};
      cluster.loses = (_from, _target, message) => {
        if (!tellsToStand(message)) return false;
        leader.sync = sync;
        leader.sync();
        leader.turn(true);
        return false;
      };
      leader.engine.transferLeadership(to, 5);
      cluster.propose(leader.id, 'a', 'b');
      cluster.run(4 * heartbeatMs);
      const { requests, accepted, rejected } = leader.takeOutcomes();
      expect(requests).toEqual([{ token: 5, ok: true }]);
      expect(cluster.leaders()).toEqual([to]);
      expect(accepted).toMatchObject([{ offset: 0, count: 1 }]);
      expect(rejected).toMatchObject([{ offset: 1, count: 1, reason: RejectReason.NotLeader }]);
    });

    it('done where that is the target, though the old leader led no more when it stood', () => {
      const { cluster, leader, to, third, obeys } = handedOver({ thirdLags: true });
      // The third lacks an entry: who hears it takes its term, and does not vote for it.
      cluster.loses = (from, target) => target === third || (from === third && target === to);
      obeys(third);
      cluster.settle();
      expect(cluster.leaders()).toEqual([]);
      expect(leader.takeOutcomes().requests).toEqual([]);
      obeys(to);
      cluster.settle();
      expect(cluster.leaders()).toEqual([to]);
      expect(leader.takeOutcomes().requests).toEqual([{ token: 5, ok: true }]);
    });

    it('a timeout where that is another, whom it names', () => {
      const { cluster, leader, third, obeys } = handedOver();
      cluster.loses = () => false;
      obeys(third);
      cluster.settle();
      expect(cluster.leaders()).toEqual([third]);
      const { requests } = leader.takeOutcomes();
      expect(requests).toMatchObject([{ token: 5, ok: false, reason: RejectReason.Timeout, leader: third }]);
    });

    it('a timeout where the old leader leads no more, and nobody is known to', () => {
      const { cluster, leader, to, third, obeys } = handedOver();
      cluster.loses = (from, target) => target === third || from === to || (from === third && target === to);
      obeys(third);
      cluster.settle();
      expect(cluster.leaders()).toEqual([]);
      expect(leader.takeOutcomes().requests).toEqual([]);
      cluster.run(electionTimeoutMs + heartbeatMs);
      const { requests } = leader.takeOutcomes();
      expect(requests).toMatchObject([{ token: 5, ok: false, reason: RejectReason.Timeout, leader: 0 }]);
    });

    it('a timeout where the target falls behind as the writes stop: it is not told, and the leader serves on', () => {
      const { cluster, leader, others } = clusterOf([1, 2, 3]);
      const to = others[0]!;
      let answers = 0;
      cluster.loses = (from, target, message) => {
        expect(tellsToStand(message)).toBe(false);
        if (from !== to || target !== leader.id || ++answers > 1) return from === to;
        cluster.propose(leader.id, 'last');
        return false;
      };
      leader.engine.transferLeadership(to, 5);
      cluster.run(2 * heartbeatMs);
      cluster.propose(leader.id, 'refused');
      cluster.settle();
      expect(leader.takeOutcomes()).toMatchObject({ requests: [], rejected: [{ reason: RejectReason.Transferring }] });
      cluster.run(electionTimeoutMs);
      const { requests } = leader.takeOutcomes();
      expect(requests).toMatchObject([{ token: 5, ok: false, reason: RejectReason.Timeout, leader: leader.id }]);
      serves(cluster, leader.id, 'after');
    });

    it('before they stopped it is refused with the leadership: nobody was told, and the next leader may be asked', () => {
      const { cluster, leader, to, third, obeys } = handedOver();
      cluster.run(electionTimeoutMs);
      expect(leader.takeOutcomes().requests).toHaveLength(1);
      cluster.stop(to);
      leader.engine.transferLeadership(to, 6);
      obeys(third);
      cluster.settle();
      const { requests } = leader.takeOutcomes();
      expect(requests).toMatchObject([{ token: 6, ok: false, reason: RejectReason.NotLeader }]);
    });
  });
}

import { describe, expect, it } from 'vitest';
import { ChangeType, type EngineEvent, type EngineKind, type NodeId } from '../contract.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;

/** What of a server's events a case is about: followers fall behind, and stand, at times that engines choose. */
const without = (events: readonly EngineEvent[], ...left: readonly EngineEvent[]) =>
  events.filter((event) => !left.includes(event));
const REPLICATION = ['catchup', 'injectentries'] as const;

/** Every event means the same in every engine (contract.ts): experiments go by them. */
export function describeEvents<M>(kind: EngineKind<M>, injects: boolean): void {
  const clusterOf = (ids: readonly NodeId[], voters = ids, checkQuorum = false) => {
    const cluster = new EngineCluster(kind, ids, voters, { ...TEST_SETTINGS, checkQuorum });
    const leader = cluster.elect();
    const followers = voters.filter((id) => id !== leader.id);
    return { cluster, leader, followers, events: (id: NodeId) => cluster.server(id).takeOutcomes().events };
  };
  const quiet = ({ cluster, events }: ReturnType<typeof clusterOf>) => {
    cluster.run(5 * electionTimeoutMs);
    for (const id of cluster.servers.keys()) events(id);
  };

  describe(`${kind.name}: events`, () => {
    it('of an election are those of whoever stands, and nothing is told of what goes on as ever', () => {
      const one = clusterOf([1, 2, 3]);
      const { cluster, leader, followers, events } = one;
      expect(without(events(leader.id), ...REPLICATION)).toEqual(['preelection', 'election', 'becomeleader']);
      for (const id of followers) expect(events(id)).toEqual([]);
      for (let i = 0; i < 50; i++) {
        cluster.propose(leader.id, `c${i}`);
        cluster.run(heartbeatMs);
      }
      for (const id of cluster.servers.keys()) expect(events(id)).toEqual([]);
    });

    it('of a server alone are an election without anybody’s vote', () => {
      const { events } = clusterOf([1]);
      expect(without(events(1), 'preelection')).toEqual(['election', 'becomeleader']);
    });

    it('failure: who followed a leader that is gone says so before it stands, and so does a leader that no quorum answers', () => {
      for (const checkQuorum of [false, true]) {
        const one = clusterOf([1, 2, 3], [1, 2, 3], checkQuorum);
        quiet(one);
        const { cluster, leader, followers, events } = one;
        cluster.isolate(leader.id);
        cluster.run(6 * electionTimeoutMs);
        const next = cluster.leaders().find((id) => id !== leader.id)!;
        const told = without(events(next), ...REPLICATION);
        expect(told.slice(0, 2)).toEqual(['failure', 'preelection']);
        expect(told.filter((event) => event === 'failure')).toHaveLength(1);
        expect(told.slice(-2)).toEqual(['election', 'becomeleader']);
        expect(events(leader.id)[0]).toBe('failure');
        const other = followers.find((id) => id !== next)!;
        expect(events(other).filter((event) => event === 'failure').length).toBeLessThanOrEqual(1);
      }
    });

    it('of a transfer are an election without a failure', () => {
      const one = clusterOf([1, 2, 3]);
      quiet(one);
      const { cluster, leader, followers, events } = one;
      const [to] = followers as [NodeId];
      leader.engine.transferLeadership(to, cluster.token());
      cluster.run(2 * electionTimeoutMs);
      expect(without(events(to), ...REPLICATION)).toEqual(['election', 'becomeleader']);
      expect(events(leader.id)).toEqual([]);
    });

    it('of an addition: proposed, replicated to, caught up, in force and added, in this order at its leader', () => {
      const one = clusterOf([1, 2, 3, 4], [1, 2, 3]);
      quiet(one);
      const { cluster, leader, followers, events } = one;
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, cluster.token());
      cluster.run(5 * electionTimeoutMs);
      expect(without(events(leader.id), ...REPLICATION)).toEqual([
        'proposeaddserver',
        'startreplicate',
        'caughtup',
        'applyconfiguration',
        'added',
      ]);
      for (const id of [...followers, 4]) expect(events(id)).toEqual(['applyconfiguration', 'added']);
    });

    it('of a removal: proposed, in force and removed; its end to the one that is removed', () => {
      const one = clusterOf([1, 2, 3]);
      quiet(one);
      const { cluster, leader, followers, events } = one;
      const [gone, left] = followers as [NodeId, NodeId];
      leader.engine.reconfigure({ type: ChangeType.Remove, id: gone }, cluster.token());
      cluster.run(5 * electionTimeoutMs);
      expect(events(leader.id)).toEqual(['proposeremoveserver', 'applyconfiguration', 'removed']);
      expect(events(left)).toEqual(['applyconfiguration', 'removed']);
      expect(without(events(gone), 'failure')).toEqual(['applyconfiguration', 'removed', 'terminated']);
    });

    it('of a leader that is removed: no failure of anybody', () => {
      const one = clusterOf([1, 2, 3]);
      quiet(one);
      const { cluster, leader, followers, events } = one;
      leader.engine.reconfigure({ type: ChangeType.Remove, id: leader.id }, cluster.token());
      cluster.run(5 * electionTimeoutMs);
      expect(events(leader.id)).toEqual(['proposeremoveserver', 'applyconfiguration', 'removed', 'terminated']);
      const all = followers.flatMap((id) => without(events(id), ...REPLICATION)).sort();
      expect(all).toEqual(
        ['applyconfiguration', 'applyconfiguration', 'removed', 'removed', 'election', 'becomeleader'].sort(),
      );
    });

    it('of a change that is refused: that it was proposed, unless it makes no sense', () => {
      const one = clusterOf([1, 2, 3, 4], [1, 2, 3]);
      quiet(one);
      const { cluster, leader, events } = one;
      cluster.stop(4);
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 2 }, cluster.token());
      cluster.settle();
      expect(events(leader.id)).toEqual([]);
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, cluster.token());
      cluster.run(8 * electionTimeoutMs);
      expect(without(events(leader.id), ...REPLICATION)).toEqual(['proposeaddserver', 'startreplicate']);
    });

    it('catchup: its leader says once that a follower is brought up to date, by entries or by a snapshot', () => {
      for (const compacts of [false, true]) {
        const one = clusterOf([1, 2, 3]);
        quiet(one);
        const { cluster, leader, followers, events } = one;
        const [away, there] = followers as [NodeId, NodeId];
        cluster.stop(away);
        for (let i = 0; i < 100; i++) {
          cluster.propose(leader.id, `c${i}`);
          cluster.run(heartbeatMs / 2);
        }
        if (compacts) {
          const { appliedIndex: index } = leader.engine.status();
          const configuration = leader.engine.configurationAt(index);
          const snapshot = {
            index,
            term: leader.log.term(index)!,
            configuration,
            content: new MemoryContent(Uint8Array.of(1)),
          };
          leader.log.storeSnapshot(snapshot, 0);
          leader.engine.snapshotStored(index);
        }
        cluster.start(away);
        cluster.run(10 * electionTimeoutMs);
        expect(cluster.server(away).engine.status().appliedIndex).toBe(leader.engine.status().appliedIndex);
        const told = events(leader.id);
        expect(without(told, 'injectentries')).toEqual(['catchup']);
        expect(told.includes('injectentries')).toBe(injects);
        expect(events(there)).toEqual([]);
        expect(without(events(away), 'failure', 'preelection')).toEqual([]);
      }
    });

    it('are not told again of what was known before a restart', () => {
      const one = clusterOf([1, 2, 3, 4], [1, 2, 3]);
      const { cluster, leader, events } = one;
      leader.engine.reconfigure({ type: ChangeType.AddVoter, id: 4 }, cluster.token());
      cluster.run(5 * electionTimeoutMs);
      cluster.propose(leader.id, 'after');
      cluster.run(2 * electionTimeoutMs);
      quiet(one);
      for (const id of [1, 2, 3, 4]) cluster.stop(id);
      for (const id of [1, 2, 3, 4]) cluster.start(id);
      cluster.elect();
      for (const id of [1, 2, 3, 4]) {
        const told = events(id);
        for (const event of ['applyconfiguration', 'added'] as const) expect(told).not.toContain(event);
      }
    });
  });
}

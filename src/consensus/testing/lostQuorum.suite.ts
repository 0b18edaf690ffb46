import { describe, expect, it } from 'vitest';
import { type EngineKind, RejectReason, Role } from '../contract.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';

/** A leader that no quorum answers, with checkQuorum and without, and servers that hear or are heard by some only. */
export function describeLostQuorum<M>(kind: EngineKind<M>): void {
  describe(`${kind.name}: without a quorum`, () => {
    it('steps down without a quorum where checkQuorum says so', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3], [1, 2, 3], { ...TEST_SETTINGS, checkQuorum: true });
      const leader = cluster.elect();
      cluster.isolate(leader.id);
      const heartbeats = 4 * (TEST_SETTINGS.electionTimeoutMs / TEST_SETTINGS.heartbeatMs);
      for (let i = 0; i < heartbeats && cluster.leaders().includes(leader.id); i++)
        cluster.run(TEST_SETTINGS.heartbeatMs);
      // It knows of no leader, and others get the time to elect one.
      expect(leader.engine.status()).toMatchObject({ role: Role.Follower, leader: 0 });
      cluster.run(TEST_SETTINGS.electionTimeoutMs - 2 * TEST_SETTINGS.heartbeatMs);
      expect(leader.engine.status()).toMatchObject({ role: Role.Follower, leader: 0 });
    });

    it('does not step down without a quorum where checkQuorum does not say so, and leads on when it is answered', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const others = [1, 2, 3].filter((id) => id !== leader.id);
      const { term } = leader.engine.status();
      for (const id of others) cluster.stop(id);
      cluster.propose(leader.id, 'early');
      cluster.run(10 * TEST_SETTINGS.electionTimeoutMs);
      expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term });
      for (const id of others) cluster.start(id);
      cluster.run(5 * TEST_SETTINGS.heartbeatMs);
      expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term, leader: leader.id });
      cluster.propose(leader.id, 'late');
      cluster.run(5 * TEST_SETTINGS.heartbeatMs);
      for (const server of cluster.servers.values()) expect(server.commands()).toEqual(['early', 'late']);
    });

    it('a leader that sends and hears nothing was followed for as long as that lasted', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const deaf = cluster.elect();
      const others = [1, 2, 3].filter((id) => id !== deaf.id);
      const { term } = deaf.engine.status();
      for (const id of others) cluster.cut(id, deaf.id);
      cluster.run(3 * TEST_SETTINGS.electionTimeoutMs);
      const [next] = cluster.leaders().filter((id) => id !== deaf.id);
      cluster.propose(next!, 'served');
      cluster.run(2 * TEST_SETTINGS.heartbeatMs);
      for (const id of others) expect(cluster.server(id).commands()).toEqual(['served']);
      // By itself it does not step down. But it says that it does not know who leads, and takes nothing more.
      expect(deaf.engine.status()).toMatchObject({ role: Role.Leader, term, leader: 0 });
      deaf.takeOutcomes();
      cluster.propose(deaf.id, 'refused');
      deaf.engine.read(cluster.token());
      cluster.settle();
      const outcomes = deaf.takeOutcomes();
      expect(outcomes.rejected).toMatchObject([{ reason: RejectReason.NotLeader, leader: 0 }]);
      expect(outcomes.reads).toMatchObject([{ ok: false, reason: RejectReason.NotLeader, leader: 0 }]);
      cluster.heal();
      cluster.run(5 * TEST_SETTINGS.heartbeatMs);
      expect(cluster.leaders()).toEqual([next]);
      expect(deaf.commands()).toEqual(['served']);
    });

    it('refuses what waits for a quorum that does not come, and leaves open what may commit', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      cluster.isolate(leader.id);
      leader.takeOutcomes();
      cluster.propose(leader.id, 'open');
      leader.engine.read(7);
      cluster.run(2 * TEST_SETTINGS.electionTimeoutMs);
      const { accepted, rejected, reads } = leader.takeOutcomes();
      expect(accepted).toHaveLength(1);
      expect(rejected).toEqual([]);
      expect(reads).toMatchObject([{ token: 7, ok: false, reason: RejectReason.NotLeader, leader: 0 }]);
    });

    it('is not kept from electing by a leader that hears only those who do not hear it', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3, 4, 5]);
      const leader = cluster.elect();
      const [a, b, c, d] = [1, 2, 3, 4, 5].filter((id) => id !== leader.id) as [number, number, number, number];
      for (const id of [a, b]) cluster.cut(leader.id, id);
      for (const id of [c, d]) cluster.cut(id, leader.id);
      cluster.run(3 * TEST_SETTINGS.electionTimeoutMs);
      const [next] = cluster.leaders().filter((id) => id !== leader.id);
      cluster.propose(next!, 'served');
      cluster.run(2 * TEST_SETTINGS.heartbeatMs);
      for (const id of [a, b, c, d]) expect(cluster.server(id).commands()).toEqual(['served']);
    });

    it('is not disturbed by a server that sends and hears nothing', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3]);
      const leader = cluster.elect();
      const deaf = leader.id === 3 ? 2 : 3;
      const { term } = leader.engine.status();
      for (const id of [1, 2, 3]) if (id !== deaf) cluster.cut(id, deaf);
      cluster.run(20 * TEST_SETTINGS.electionTimeoutMs);
      expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term, leader: leader.id });
      cluster.propose(leader.id, 'served');
      cluster.settle();
      expect(leader.commands()).toEqual(['served']);
    });
  });
}

import { describe, expect, it } from 'vitest';
import { type EngineKind, type NodeId, RejectReason, Role } from '../contract.ts';
import { EngineCluster, type EngineServer, TEST_SETTINGS } from './engineCluster.ts';

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;
const SLEEP_MS = 10 * electionTimeoutMs;

function steady<M>(kind: EngineKind<M>, checkQuorum: boolean) {
  const cluster = new EngineCluster(kind, [1, 2, 3], undefined, { ...TEST_SETTINGS, checkQuorum });
  const leader = cluster.elect();
  const followers = [...cluster.servers.values()].filter(({ id }) => id !== leader.id);
  for (const server of cluster.servers.values()) server.takeOutcomes();
  return { cluster, leader, followers, term: leader.engine.status().term };
}

/** Time passes for all but `sleeper`. Returns what was sent to it meanwhile, in order. */
function passWithout<M>(cluster: EngineCluster<M>, sleeper: NodeId, durationMs: number) {
  const waiting: { readonly from: NodeId; readonly message: M }[] = [];
  cluster.loses = (from, to, message) => {
    if (to === sleeper) waiting.push({ from, message });
    return to === sleeper;
  };
  for (let passedMs = 0; passedMs < durationMs; passedMs += heartbeatMs / 2) {
    cluster.nowMs += heartbeatMs / 2;
    for (const { id, engine } of cluster.servers.values()) if (id !== sleeper) engine.tick(cluster.nowMs);
    cluster.settle();
  }
  cluster.loses = () => false;
  return waiting;
}

/** Every tick of every host comes this late. */
function tickLate<M>(cluster: EngineCluster<M>, lateMs: number, ticks: number): void {
  for (let i = 0; i < ticks; i++) {
    cluster.nowMs += lateMs;
    for (const { engine } of cluster.servers.values()) {
      engine.tick(cluster.nowMs);
      cluster.settle();
    }
  }
}

function standing<M>({ engine, outcomes }: EngineServer<M>) {
  const { role, term } = engine.status();
  return { role, term, stood: outcomes.events.filter((event) => event === 'preelection' || event === 'election') };
}

/** Nobody is declared gone for the time in which this server's own host did not run; and yet somebody is in the end. */
export function describeHostSleep<M>(kind: EngineKind<M>): void {
  describe(`${kind.name}: a host that slept`, () => {
    it.each([0, 1])('leaves follower %i a follower until what waits behind the tick is heard', (which) => {
      const { cluster, followers, term } = steady(kind, false);
      const sleeper = followers[which]!;
      const waiting = passWithout(cluster, sleeper.id, SLEEP_MS);
      expect(waiting.length).toBeGreaterThan(0);
      sleeper.engine.tick(cluster.nowMs);
      sleeper.turn(true);
      expect(standing(sleeper)).toEqual({ role: Role.Follower, term, stood: [] });
      for (const { from, message } of waiting) sleeper.engine.receive(from, message);
      cluster.settle();
      cluster.run(3 * electionTimeoutMs);
      expect(standing(sleeper)).toEqual({ role: Role.Follower, term, stood: [] });
    });

    it.each([false, true])('with all the others leaves a leader leading (check of the quorum: %s)', (checkQuorum) => {
      const { cluster, leader, term } = steady(kind, checkQuorum);
      cluster.nowMs += SLEEP_MS;
      for (const { engine } of cluster.servers.values()) engine.tick(cluster.nowMs);
      expect(cluster.leaders()).toEqual([leader.id]);
      cluster.settle();
      cluster.run(3 * electionTimeoutMs);
      for (const server of cluster.servers.values()) {
        const role = server === leader ? Role.Leader : Role.Follower;
        expect(standing(server)).toEqual({ role, term, stood: [] });
      }
      cluster.propose(leader.id, 'after the night');
      cluster.settle();
      expect(leader.commands()).toEqual(['after the night']);
    });

    it.each([false, true])(
      'gives the answers to what it says then their time, and refuses nobody (check of the quorum: %s)',
      (checkQuorum) => {
        const { cluster, leader, term } = steady(kind, checkQuorum);
        cluster.oneWayMs = 2 * heartbeatMs;
        cluster.run(3 * electionTimeoutMs);
        leader.takeOutcomes();
        // Whatever was on its way is lost.
        cluster.mail = [];
        cluster.nowMs += SLEEP_MS;
        for (const { engine } of cluster.servers.values()) engine.tick(cluster.nowMs);
        cluster.propose(leader.id, 'after the night');
        leader.engine.read(cluster.token());
        cluster.settle();
        for (let passedMs = 0; passedMs < electionTimeoutMs; passedMs += heartbeatMs / 2) {
          cluster.run(heartbeatMs / 2);
          expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term, leader: leader.id });
        }
        expect(leader.outcomes).toMatchObject({ rejected: [], reads: [{ ok: true }] });
        expect(leader.commands()).toEqual(['after the night']);
      },
    );

    it('stands for election where it hears nothing in the time that it gets, and no more', () => {
      const { cluster, followers } = steady(kind, false);
      const [sleeper] = followers as [EngineServer<M>];
      cluster.isolate(sleeper.id);
      cluster.nowMs += SLEEP_MS;
      for (const { engine } of cluster.servers.values()) engine.tick(cluster.nowMs);
      cluster.settle();
      cluster.run(electionTimeoutMs / 2 - heartbeatMs);
      expect(standing(sleeper).stood).toEqual([]);
      cluster.run(2 * electionTimeoutMs);
      expect(standing(sleeper).stood.length).toBeGreaterThan(0);
    });

    it('gives up no transfer by the tick that wakes it, behind which the word of who leads may wait', () => {
      const { cluster, leader, followers } = steady(kind, false);
      cluster.oneWayMs = heartbeatMs;
      leader.engine.transferLeadership(followers[0]!.id, 77);
      const isHandingOver = () => leader.outcomes.rejected.some(({ reason }) => reason === RejectReason.Transferring);
      for (let tries = 0; tries < 20 && !isHandingOver(); tries++) {
        cluster.run(heartbeatMs / 2);
        cluster.propose(leader.id, 'not now');
        cluster.settle();
      }
      expect(isHandingOver()).toBe(true);
      // The order is lost, and so is whatever was on its way.
      cluster.mail = [];
      cluster.nowMs += SLEEP_MS;
      for (const { engine } of cluster.servers.values()) engine.tick(cluster.nowMs);
      leader.turn(true);
      expect(leader.outcomes.requests).toEqual([]);
      cluster.run(electionTimeoutMs);
      expect(leader.outcomes.requests).toMatchObject([{ token: 77, ok: false, reason: RejectReason.Timeout }]);
    });

    it('at every tick leaves one that is alone leading, whoever else is to answer', () => {
      const cluster = new EngineCluster(kind, [1], undefined, { ...TEST_SETTINGS, checkQuorum: true });
      const leader = cluster.elect();
      const { term } = leader.engine.status();
      tickLate(cluster, 3 * electionTimeoutMs, 6);
      expect(standing(leader)).toMatchObject({ role: Role.Leader, term });
    });

    it('at every tick elects all the same, and gives up where nobody answers', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3], undefined, { ...TEST_SETTINGS, checkQuorum: true });
      tickLate(cluster, 0.8 * electionTimeoutMs, 40);
      const [id] = cluster.leaders();
      expect(id).toBeDefined();
      cluster.isolate(id!);
      tickLate(cluster, 0.8 * electionTimeoutMs, 8);
      expect(cluster.leaders()).not.toContain(id);
    });
  });
}

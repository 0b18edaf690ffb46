import { describe, expect, it } from 'vitest';
import type { EngineKind, EngineSettings, NodeId } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { leaseMs } from '../parts/leaderLease.ts';
import { EngineCluster, type EngineServer, TEST_SETTINGS } from './engineCluster.ts';
import type { Forgery } from './forgery.ts';
import { SteppedEngine } from './steppedEngine.ts';

const { electionTimeoutMs, heartbeatMs } = TEST_SETTINGS;
const LEASED: EngineSettings = { ...TEST_SETTINGS, readProof: 'lease' };
const LEASE_MS = leaseMs(electionTimeoutMs);

/** Reads by a lease: when they need no question, and what those do whose promises it is made of. */
export function describeLeaseReads<M>(
  kind: EngineKind<M>,
  forgery: Forgery<M>,
  isTakeOver: (message: M) => boolean,
): void {
  const leased = (ids: readonly NodeId[] = [1, 2, 3], oneWayMs = 0, settings = LEASED) => {
    const cluster = new EngineCluster(kind, ids, undefined, settings);
    const leader = cluster.elect();
    cluster.oneWayMs = oneWayMs;
    cluster.run(2 * electionTimeoutMs);
    leader.takeOutcomes();
    return { cluster, leader, other: ids.find((id) => id !== leader.id)! };
  };

  /** Whether a read is answered in the turn in which it comes, once the clock was read after it. */
  const isAnsweredAtOnce = (cluster: EngineCluster<M>, leader: EngineServer<M>): boolean => {
    const token = cluster.token();
    leader.takeOutcomes();
    leader.engine.read(token);
    leader.engine.tick(cluster.nowMs);
    leader.turn(true);
    return leader.outcomes.reads.some((read) => read.token === token && read.ok);
  };

  /** The clock goes on in small steps, and nothing is delivered but what is due. */
  const pass = (cluster: EngineCluster<M>, durationMs: number) => {
    const endMs = cluster.nowMs + durationMs;
    while (cluster.nowMs < endMs) {
      cluster.nowMs++;
      for (const { engine } of cluster.servers.values()) engine.tick(cluster.nowMs);
      cluster.settle();
    }
  };

  describe(`${kind.name}: reads by a lease`, () => {
    it('are answered without a question while a quorum’s promises last, and see what is committed', () => {
      const { cluster, leader } = leased();
      cluster.propose(leader.id, 'a');
      cluster.settle();
      expect(isAnsweredAtOnce(cluster, leader)).toBe(true);
      const { commitIndex } = leader.engine.status();
      expect(leader.outcomes.reads).toMatchObject([{ ok: true, index: commitIndex }]);
    });

    it('are asked for as ever where they are not wanted', () => {
      const { cluster, leader } = leased([1, 2, 3], 0, TEST_SETTINGS);
      expect(isAnsweredAtOnce(cluster, leader)).toBe(false);
      cluster.settle();
      expect(leader.outcomes.reads).toMatchObject([{ ok: true }]);
    });

    it('prove nothing by a clock that was read before they came', () => {
      const { cluster, leader } = leased();
      leader.engine.tick(cluster.nowMs);
      leader.engine.read(cluster.token());
      leader.turn(true);
      expect(leader.outcomes.reads).toEqual([]);
      cluster.settle();
      expect(leader.outcomes.reads).toMatchObject([{ ok: true }]);
    });

    it('end before anybody may be elected by a clock that is as fast as this one is slow', () => {
      const { cluster, leader } = leased();
      cluster.isolate(leader.id);
      pass(cluster, Math.floor(LEASE_MS) - heartbeatMs);
      expect(isAnsweredAtOnce(cluster, leader)).toBe(true);
      pass(cluster, heartbeatMs + 2);
      expect(isAnsweredAtOnce(cluster, leader)).toBe(false);
    });

    it('count from when that was sent which a quorum answered, and not from the answers', () => {
      const oneWayMs = 30;
      const { cluster, leader } = leased([1, 2, 3], oneWayMs);
      // What it sent last that was heard left so long ago; the answers to that still come.
      cluster.loses = (from) => from === leader.id;
      pass(cluster, Math.floor(LEASE_MS) - oneWayMs + 1);
      expect(isAnsweredAtOnce(cluster, leader)).toBe(false);
    });

    it('are asked for by a leader that woke, until it was answered again', () => {
      const { cluster, leader } = leased();
      cluster.isolate(leader.id);
      cluster.nowMs += 0.6 * electionTimeoutMs;
      expect(isAnsweredAtOnce(cluster, leader)).toBe(false);
      cluster.heal();
      cluster.run(2 * heartbeatMs);
      expect(isAnsweredAtOnce(cluster, leader)).toBe(true);
    });

    it('are asked for from when somebody is told to take over, for as long as this one leads in its term', () => {
      const { cluster, leader, other } = leased();
      const { term } = leader.engine.status();
      let isTold = false;
      cluster.loses = (_from, _to, message) => {
        isTold ||= isTakeOver(message);
        return isTakeOver(message);
      };
      leader.engine.transferLeadership(other, cluster.token());
      cluster.run(3 * electionTimeoutMs);
      expect(isTold).toBe(true);
      expect(leader.engine.status()).toMatchObject({ term, leader: leader.id });
      expect(isAnsweredAtOnce(cluster, leader)).toBe(false);
      cluster.settle();
      expect(leader.outcomes.reads).toMatchObject([{ ok: true }]);
    });

    it('are asked for where the others promise nothing', () => {
      const settings = { ...TEST_SETTINGS };
      const cluster = new EngineCluster(kind, [1, 2, 3], undefined, settings);
      // Servers take them when they start.
      (settings as { readProof: string }).readProof = 'lease';
      cluster.start(1);
      cluster.elect();
      cluster.server(cluster.leaders()[0]!).engine.transferLeadership(1, cluster.token());
      cluster.run(3 * electionTimeoutMs);
      expect(cluster.leaders()).toEqual([1]);
      expect(isAnsweredAtOnce(cluster, cluster.server(1))).toBe(false);
      cluster.settle();
      expect(cluster.server(1).outcomes.reads).toMatchObject([{ ok: true }]);
    });

    it('need nobody where there is nobody else', () => {
      const { cluster, leader } = leased([1]);
      expect(isAnsweredAtOnce(cluster, leader)).toBe(true);
    });

    it('are counted by the configuration in force', () => {
      const cluster = new EngineCluster(kind, [1, 2, 3, 4], [1, 2, 3], LEASED);
      const leader = cluster.elect();
      leader.engine.reconfigure({ type: 'add-voter', id: 4 }, cluster.token());
      cluster.run(3 * electionTimeoutMs);
      expect(leader.engine.status().configuration.voters).toEqual([1, 2, 3, 4]);
      const [one, two] = [1, 2, 3, 4].filter((id) => id !== leader.id);
      for (const id of [one!, two!]) cluster.stop(id);
      cluster.run(electionTimeoutMs);
      expect(isAnsweredAtOnce(cluster, leader)).toBe(false);
    });
  });

  describe(`${kind.name}: a promise to a leader`, () => {
    const TERM = 5;
    const entries = [new Entry(1, 1, EntryType.Normal, Uint8Array.of(1))];
    const serverWith = (readProof: EngineSettings['readProof']) =>
      new SteppedEngine(kind, {
        id: 1,
        bootstrap: [1, 2, 3],
        hardState: { term: TERM, vote: 0, commit: 0 },
        entries,
        settings: { readProof },
      });
    const asks = (server: SteppedEngine<M>): boolean => {
      const request = forgery.ask(3, { term: TERM + 1, preVote: false, lastIndex: 9, lastTerm: TERM });
      const { messages, messagesAfterPersist } = server.step(3, request);
      return [...messages, ...messagesAfterPersist].some(({ message }) => forgery.verdict(message) === true);
    };

    it.each(['a leader was heard', 'it was started'])('is kept for an election timeout after %s', (since) => {
      const server = serverWith('lease');
      server.pass(electionTimeoutMs * 0.9);
      if (since === 'a leader was heard') {
        server.pass(electionTimeoutMs * 0.05);
        server.step(2, forgery.append(2, { term: TERM, prevIndex: 1, prevTerm: 1, commit: 0, entries: [] }));
        server.pass(electionTimeoutMs * 0.9);
      }
      expect(asks(server)).toBe(false);
      expect(server.engine.status().term).toBe(TERM);
      // Its own timer, which draws no more than that, runs out then; its pre-vote is nobody's vote.
      server.pass(electionTimeoutMs * 0.15);
      expect(asks(server)).toBe(true);
    });

    it('counts from a clock that was read after the leader was heard', () => {
      const server = serverWith('lease');
      server.pass(electionTimeoutMs);
      server.step(2, forgery.append(2, { term: TERM, prevIndex: 1, prevTerm: 1, commit: 0, entries: [] }));
      server.nowMs += electionTimeoutMs * 0.4;
      server.engine.tick(server.nowMs);
      server.pass(electionTimeoutMs * 0.8);
      expect(asks(server)).toBe(false);
    });

    it('is given by nobody who reads otherwise', () => {
      expect(asks(serverWith('round'))).toBe(true);
    });
  });
}

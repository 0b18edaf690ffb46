import { describe, expect, it } from 'vitest';
import { type EngineKind, Role } from '../contract.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';

/** How far the clock moves at a time. */
const STEP_MS = TEST_SETTINGS.heartbeatMs / 2;
/** 4 MiB take two and a half election timeouts. */
const SLOW_BYTES_PER_MS = 16 * 1024;
const LARGE_BYTES = 4 * 1024 * 1024;
const LARGE_MS = LARGE_BYTES / SLOW_BYTES_PER_MS;

/** Three servers that a large entry takes a while to reach, and whether a message carries it. */
function slowly<M>(kind: EngineKind<M>) {
  const cluster = new EngineCluster(kind, [1, 2, 3]);
  const leader = cluster.elect();
  const { term } = leader.engine.status();
  cluster.bytesPerMs = SLOW_BYTES_PER_MS;
  const arrivals = new Map<number, number>();
  const isLarge = (message: M) => kind.codec.encode(message).length >= LARGE_BYTES;
  cluster.loses = (_from, to, message) => {
    if (isLarge(message)) arrivals.set(to, (arrivals.get(to) ?? 0) + 1);
    return false;
  };
  cluster.propose(leader.id, 'x'.repeat(LARGE_BYTES));
  cluster.settle();
  leader.takeOutcomes();
  const followers = [1, 2, 3].filter((id) => id !== leader.id);
  return { cluster, leader, term, followers, arrivals, isLarge };
}

/** Heartbeats do not wait behind large entries, and do not take them for lost: what every engine must do. */
export function describeLargeEntries<M>(kind: EngineKind<M>): void {
  describe(`${kind.name}: an entry that is longer on its way than an election timeout`, () => {
    it('costs nobody the leadership, is sent once, and lets reads pass', () => {
      const { cluster, leader, term, followers, arrivals } = slowly(kind);
      const cameMs = new Map<number, number>();
      const waits: number[] = [];
      while (leader.commands().length === 0) {
        expect(cluster.nowMs).toBeLessThan(10 * TEST_SETTINGS.electionTimeoutMs + 2 * LARGE_MS);
        const token = cluster.token();
        cameMs.set(token, cluster.nowMs);
        leader.engine.read(token);
        cluster.run(STEP_MS);
        for (const read of leader.takeOutcomes().reads) {
          expect(read.ok).toBe(true);
          waits.push(cluster.nowMs - cameMs.get(read.token)!);
        }
      }
      // Another copy would be on its way for as long again, behind this one.
      cluster.run(2 * LARGE_MS);
      expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term });
      expect([...arrivals].sort()).toEqual(followers.map((id) => [id, 1]));
      for (const server of cluster.servers.values()) expect(server.commands()).toHaveLength(1);
      expect(waits.length).toBeGreaterThan((0.9 * LARGE_MS) / STEP_MS);
      expect(Math.max(...waits)).toBeLessThanOrEqual(2 * TEST_SETTINGS.heartbeatMs);
    });

    it('is sent again where it was lost', () => {
      const { cluster, leader, term, followers, isLarge } = slowly(kind);
      const lost = new Set<number>();
      cluster.loses = (_from, to, message) => isLarge(message) && !lost.has(to) && lost.add(to).has(to);
      cluster.run(3 * LARGE_MS + 2 * TEST_SETTINGS.electionTimeoutMs);
      expect([...lost].sort()).toEqual(followers);
      for (const server of cluster.servers.values()) expect(server.commands()).toHaveLength(1);
      expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term });
    });

    it('reaches a follower that was away, once', () => {
      const { cluster, leader, term, followers, arrivals } = slowly(kind);
      const [away] = followers as [number];
      cluster.stop(away);
      cluster.run(8 * LARGE_MS);
      expect(leader.commands()).toHaveLength(1);
      arrivals.clear();
      cluster.start(away);
      cluster.run(4 * LARGE_MS + 4 * TEST_SETTINGS.electionTimeoutMs);
      expect(arrivals.get(away)).toBe(1);
      expect(cluster.server(away).commands()).toHaveLength(1);
      expect(leader.engine.status()).toMatchObject({ role: Role.Leader, term });
    });
  });
}

import { describe, expect, it } from 'vitest';
import type { EngineKind } from '../contract.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';

const ONE_WAY_MS = 20;
const ROUND_TRIP_MS = 2 * ONE_WAY_MS;
/** How far the clock moves at a time. */
const STEP_MS = TEST_SETTINGS.heartbeatMs / 2;

/** Three servers that are far from each other, at a moment at which heartbeats are on their way as always. */
function farApart<M>(kind: EngineKind<M>) {
  const cluster = new EngineCluster(kind, [1, 2, 3], undefined, { ...TEST_SETTINGS, electionTimeoutMs: 500 });
  const leader = cluster.elect();
  cluster.oneWayMs = ONE_WAY_MS;
  cluster.run(5 * ROUND_TRIP_MS);
  leader.takeOutcomes();
  return { cluster, leader };
}

/** Where there is distance nothing may wait for more than the way there and back: what every engine must do. */
export function describeDistance<M>(kind: EngineKind<M>): void {
  describe(`${kind.name}: servers that are 20 ms apart`, () => {
    it('commit a lone proposal after one round trip, at whatever moment between two heartbeats it comes', () => {
      const { cluster, leader } = farApart(kind);
      for (let moment = 0; moment < 5; moment++) {
        cluster.run(STEP_MS);
        cluster.propose(leader.id, `alone ${moment}`);
        cluster.settle();
        cluster.run(ROUND_TRIP_MS);
        expect(leader.commands()).toHaveLength(moment + 1);
        cluster.run(2 * ROUND_TRIP_MS);
      }
    });

    it('commit what keeps coming a round trip and a tick after it came', () => {
      const { cluster, leader } = farApart(kind);
      const cameMs: number[] = [];
      const committedMs: number[] = [];
      for (let step = 0; step < 60; step++) {
        if (step < 40) {
          cluster.propose(leader.id, `a${step}`, `b${step}`, `c${step}`);
          for (let i = 0; i < 3; i++) cameMs.push(cluster.nowMs);
        }
        cluster.settle();
        while (committedMs.length < leader.commands().length) committedMs.push(cluster.nowMs);
        cluster.run(STEP_MS);
      }
      expect(committedMs).toHaveLength(cameMs.length);
      const waits = committedMs.map((ms, i) => ms - cameMs[i]!);
      expect(Math.max(...waits)).toBeLessThanOrEqual(ROUND_TRIP_MS + STEP_MS);
    });

    it('confirm reads that keep coming a round trip and a tick after they came', () => {
      const { cluster, leader } = farApart(kind);
      const cameMs = new Map<number, number>();
      const waits: number[] = [];
      for (let step = 0; step < 60; step++) {
        if (step < 40) {
          const token = cluster.token();
          cameMs.set(token, cluster.nowMs);
          leader.engine.read(token);
        }
        cluster.settle();
        for (const { token } of leader.takeOutcomes().reads) waits.push(cluster.nowMs - cameMs.get(token)!);
        cluster.run(STEP_MS);
      }
      expect(waits).toHaveLength(40);
      expect(Math.max(...waits)).toBeLessThanOrEqual(ROUND_TRIP_MS + STEP_MS);
    });

    it('take thirty messages’ worth of proposals in one round trip', () => {
      const { cluster, leader } = farApart(kind);
      const commands = Array.from({ length: 30 * TEST_SETTINGS.entriesPerMessage }, (_, i) => `c${i}`);
      cluster.propose(leader.id, ...commands);
      cluster.settle();
      cluster.run(ROUND_TRIP_MS + STEP_MS);
      expect(leader.commands()).toHaveLength(commands.length);
    });
  });
}

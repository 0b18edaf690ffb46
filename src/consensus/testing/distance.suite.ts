import { describe, expect, it } from 'vitest';
import type { EngineKind, EngineSettings } from '../contract.ts';
import { EngineCluster, TEST_SETTINGS } from './engineCluster.ts';

const ONE_WAY_MS = 20;
const ROUND_TRIP_MS = 2 * ONE_WAY_MS;
/** How far the clock moves at a time. */
const STEP_MS = TEST_SETTINGS.heartbeatMs / 2;

/** Three servers that are far from each other, at a moment at which heartbeats are on their way as always. */
function farApart<M>(kind: EngineKind<M>, settings: Partial<EngineSettings> = {}) {
  const all = { ...TEST_SETTINGS, electionTimeoutMs: 500, ...settings };
  const cluster = new EngineCluster(kind, [1, 2, 3], undefined, all);
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

    it('bring one that is two hundred messages behind up to date in ten round trips', () => {
      // Many messages, though the flag allows a catching-up follower all that fits in one.
      const { cluster, leader } = farApart(kind, { catchUpMultiplier: 1024, maxMessageBytes: 256 });
      const behind = [1, 2, 3].find((id) => id !== leader.id)!;
      cluster.isolate(behind);
      const count = 200 * TEST_SETTINGS.entriesPerMessage;
      for (let from = 0; from < count; from += count / 20) {
        cluster.propose(leader.id, ...Array.from({ length: count / 20 }, (_, i) => `c${from + i}`));
        cluster.settle();
        cluster.run(ROUND_TRIP_MS);
      }
      cluster.run(5 * ROUND_TRIP_MS);
      expect(leader.commands()).toHaveLength(count);
      cluster.heal();
      cluster.run(10 * ROUND_TRIP_MS);
      expect(cluster.server(behind).commands()).toHaveLength(count);
    });
  });
}

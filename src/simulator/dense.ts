import type { Plan, Strike } from './planShape.ts';
import type { Random } from './random.ts';

/** Everything that lasts, lasts shorter by this. */
const PACE = 4;

/**
 * The plan, shorter and fuller: clients that keep many commands in flight at ten times the usual rate, so that followers fall behind
 * by many entries and by snapshots, and an operator and faults that are never far.
 */
export function dense(plan: Plan, random: Random): Plan {
  const { settings, network, disk, clients, strikes } = plan;
  const serverCount = random.pick([4, 4, 5, 6]);
  const ids = Array.from({ length: serverCount }, (_, i) => i + 1);
  const spare = 1;
  const bootstrap = random.shuffled(ids).slice(spare);
  bootstrap.sort((a, b) => a - b);
  const heartbeatMs = random.pick([20, 30, 50]);
  const attemptTimeoutUs = random.pick([100_000, 300_000]);
  const often = (strike: Strike, leastUs: number): [Strike, number] => [strike, leastUs + random.int(leastUs)];
  return {
    ...plan,
    serverCount,
    bootstrap,
    clockRates: ids.map(() => (random.chance(0.4) ? 0.8 + random.next() * 0.45 : 1)),
    settings: { ...settings, heartbeatMs, electionTimeoutMs: heartbeatMs * random.between(4, 8) },
    snapshotEveryEntries: random.between(4, 24),
    trailingEntries: random.chance(0.7) ? 0 : random.between(1, 12),
    chaosUs: random.between(8, 12) * 1_000_000,
    runMinUs: 14_000_000,
    operationsMin: 300,
    pace: PACE,
    network: {
      ...network,
      delayMinUs: random.between(50, 300),
      delayMeanUs: random.pick([200, 1000, 3000]),
      tailMeanUs: random.pick([20_000, 200_000]),
    },
    disk: { ...disk, syncMinUs: random.between(50, 300), syncMeanUs: random.pick([200, 1000, 3000]) },
    clients: {
      ...clients,
      count: random.between(4, 6),
      windowMax: random.pick([8, 16, 32]),
      thinkMeanUs: random.pick([40_000, 60_000, 100_000]),
      keyCount: random.between(2, 12),
      attemptTimeoutUs,
      patienceUs: attemptTimeoutUs * random.pick([1, 3, 10]),
    },
    strikes: new Map([
      ...[...strikes].map(([strike, meanUs]): [Strike, number] => [strike, meanUs / PACE]),
      often('membership change', 200_000),
      often('leadership transfer', 1_000_000),
      often('crash', 600_000),
      often('partition', 1_000_000),
    ]),
    deafLeader: false,
    deadServers: false,
    founding: false,
    foundingDistanceUs: 0,
  };
}

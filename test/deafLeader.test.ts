import { expect, it, onTestFinished } from 'vitest';
import { OUTAGE_CASES } from '../src/chaos/outages/cases.ts';
import { playOutage } from '../src/chaos/outages/play.ts';
import { Writers } from '../src/chaos/writers.ts';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';
import { startCluster } from '../src/supervisor/launcher.ts';

const ELECTION_MS = 1000;
/** Between the moment a client asks and the moment it finds the new leader, on a loaded machine. */
const CLIENT_MS = 2000;
const DEAF = OUTAGE_CASES.find(({ name }) => name === 'leader sends and does not hear')!;

it.each(ENGINE_NAMES)(
  '%s serves while its leader hears nothing, with the default flags',
  async (backend) => {
    const cluster = await startCluster({ nodes: 3, backend, metrics: false, faults: true }, { name: 'deaf' });
    onTestFinished(() => cluster.stop());
    const writers = new Writers(cluster.addresses);
    onTestFinished(() => writers.close());
    const play = await playOutage(cluster, writers, DEAF, 4 * ELECTION_MS);
    expect(play.waitedMs).toBeLessThan(3 * ELECTION_MS + CLIENT_MS);
    expect(play.otherLeadsMs).toBeGreaterThan(0);
    // By itself it does not step down.
    expect(play.roleAtEnd).toBe('leader without a quorum');
    expect(play.backMs).toBeLessThan(10_000);
  },
  60_000,
);

import { expect, it } from 'vitest';
import { readScenario } from '../src/scenarios/file/read.ts';
import { playOnOwnCluster } from '../src/supervisor/play/play.ts';
import { enginesOfHost } from './setup/engines.ts';

const DEAF = readScenario('scenarios/deaf-leader.yaml');
/** Between the moment a client asks and the moment it finds the new leader, on a loaded machine. */
const CLIENT_MS = 2000;

// What each engine has to do for it the simulator's scenarios show.
it.each(enginesOfHost('gorums'))(
  '%s serves while its leader hears nothing, with the default flags',
  async (backend) => {
    const { measurements, problems } = await playOnOwnCluster(DEAF, { backend });
    expect(problems).toEqual([]);
    expect(measurements.waitMs).toBeLessThan(3 * DEAF.cluster.settings.election + CLIENT_MS);
    expect(measurements.successorMs).toBeGreaterThan(0);
    // By itself it does not step down.
    expect(measurements.roleAtEnd).toBe('leader without a quorum');
    expect(measurements.catchUpMs).toBeLessThan(10_000);
  },
  90_000,
);

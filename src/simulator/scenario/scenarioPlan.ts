import type { Conditions } from '../../scenarios/conditions.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { JOURNAL_BLOCK_BYTES, JOURNAL_HALF_BYTES } from '../../server/storage/journalEntry.ts';
import { LAG_MS } from '../../server/storage/laggingDisk.ts';
import { engineSettingsOf } from '../../settings/engineSettings.ts';
import { SETTINGS } from '../../settings/table.ts';
import type { Plan } from '../planShape.ts';

/** A scenario in the simulator, and what disks and processes take there. */
export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly conditions: Conditions;
}

/** More than any play has. */
const CACHE_ENTRIES = 1_000_000;
/** After twice this the library leaves a server that says nothing, as it does by default. */
const ATTEMPT_TIMEOUT_US = 1_000_000;

/** The world of a scenario: what it says, and no faults but its own. Between processes of one machine a message takes some tens of µs. */
export function scenarioPlan(seed: number, { scenario, conditions }: ScenarioRun): Plan {
  const { cluster, lastsMs } = scenario;
  return {
    seed,
    serverCount: cluster.nodes,
    bootstrap: cluster.members,
    settings: engineSettingsOf(cluster.settings, SETTINGS.maxgrpc.default),
    snapshotEveryEntries: 0,
    snapshotBytesPerTurn: 1 << 20,
    trailingEntries: 0,
    cacheEntries: CACHE_ENTRIES,
    runMinUs: lastsMs * 1000,
    operationsMin: 0,
    pace: 1,
    chaosUs: lastsMs * 1000,
    network: {
      delayMinUs: 50,
      delayMeanUs: 100,
      tailChance: 0,
      tailMeanUs: 0,
      lossChance: 0,
      duplicateChance: 0,
      reorders: false,
      wakeMs: conditions.wakeMs,
    },
    disk: {
      syncMinUs: 0,
      syncMeanUs: 0,
      syncMs: conditions.syncMs,
      tears: false,
      flips: false,
      survivalChance: 1,
      inPieces: false,
      journal: { halfBytes: JOURNAL_HALF_BYTES, blockBytes: JOURNAL_BLOCK_BYTES },
      lagUs: LAG_MS * 1000,
    },
    clients: {
      count: 0,
      windowMax: 1,
      thinkMeanUs: 1_000_000,
      keyCount: 1,
      readFraction: 0,
      attemptTimeoutUs: ATTEMPT_TIMEOUT_US,
      patienceUs: 10 * ATTEMPT_TIMEOUT_US,
    },
    clockRates: Array.from({ length: cluster.nodes }, () => 1),
    strikes: new Map(),
    deafLeader: false,
    deadServers: false,
    founding: false,
    foundingDistanceUs: 0,
    machinesLast: true,
  };
}

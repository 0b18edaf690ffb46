import { setTimeout as pause } from 'node:timers/promises';
import type { EngineName } from '../../consensus/engines.ts';
import type { Spread } from '../../faults/spread.ts';
import { Conductor } from '../../scenarios/conductor.ts';
import { spreadOf } from '../../scenarios/distribution.ts';
import type { Happening } from '../../scenarios/happenings.ts';
import { type Measurements, measure } from '../../scenarios/measure.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { fileSettings } from '../../settings/fileValues.ts';
import { settingTexts } from '../../settings/values.ts';
import type { Cluster, ServerReport } from '../cluster.ts';
import type { ClusterConfig } from '../config/schema.ts';
import type { RunningSupervisor } from '../control/stateFile.ts';
import { type RunningCluster, startCluster } from '../launcher.ts';
import { AttachedCluster } from './attachedCluster.ts';
import { OwnCluster } from './ownCluster.ts';
import type { PlayedCluster } from './playedCluster.ts';
import { RealStage } from './realStage.ts';
import { medianSpread, syncTimes } from './syncTimes.ts';

/** How long clients may take for what they have under way when a play is over, ms. */
const REST_MS_MAX = 15_000;
const REST_POLL_MS = 10;

/** What a play on real servers came to. */
export interface PlayResult {
  readonly measurements: Measurements;
  /** What the servers hold and should not, and steps that failed. */
  readonly problems: readonly string[];
  /** Null where the scenario changes it, or no server told. */
  readonly syncMs: Spread | null;
  /** How late the playing process got round to what was due. */
  readonly wakeMs: Spread;
  /** From the start of processes until they answered, of those that went on from their data. */
  readonly startsMs: readonly number[];
}

export interface PlayOptions {
  readonly backend: EngineName;
  /** Hears of what happens at once. */
  readonly told?: (happening: Happening) => void;
  /** Ends the play before its time; the cluster ends all the same. */
  readonly stop?: AbortSignal;
  /** Waits for nothing more. */
  readonly hurry?: AbortSignal;
}

/** The play was broken off, or did not come about. */
export class PlayError extends Error {
  override readonly name = 'PlayError';
}

/**
 * Plays a scenario on a cluster of its own, which has ended when this resolves or rejects: with PlayError, or as `startCluster` does.
 */
export async function playOnOwnCluster(scenario: Scenario, options: PlayOptions): Promise<PlayResult> {
  const { stop, hurry } = options;
  let played: OwnCluster | undefined;
  let starting: Cluster | undefined;
  const stopNow = () => void starting?.stopNow();
  hurry?.addEventListener('abort', stopNow, { once: true });
  try {
    const cluster = await startCluster(clusterConfig(scenario, options.backend), {
      name: 'play',
      onCluster: (created) => {
        starting = created;
        if (stop?.aborted) void created.stop();
      },
      onEvent: (event) => played?.happened(event),
    });
    try {
      played = new OwnCluster(cluster);
      const result = await playOn(played, scenario, options);
      return {
        ...result,
        syncMs: changesDisks(scenario) ? null : await diskOf(cluster),
        startsMs: played.startsMs,
      };
    } finally {
      await cluster.stop();
    }
  } finally {
    hurry?.removeEventListener('abort', stopNow);
  }
}

/** Plays a scenario on servers that run under another supervisor. Rejects with PlayError. */
export async function playOnRunning(
  supervisor: RunningSupervisor,
  scenario: Scenario,
  options: Pick<PlayOptions, 'told' | 'stop'>,
): Promise<PlayResult> {
  const cluster = await AttachedCluster.open(supervisor);
  const { nodes } = scenario.cluster;
  if (cluster.ids.length < nodes)
    throw new PlayError(`${scenario.name} needs ${nodes} servers: this cluster has ${cluster.ids.length}`);
  return { ...(await playOn(cluster, scenario, options)), syncMs: null, startsMs: [] };
}

/** What any play comes to, whoever runs the servers. */
type Played = Pick<PlayResult, 'measurements' | 'problems' | 'wakeMs'>;

/** Plays a scenario on servers that run. Rejects with PlayError. */
async function playOn(
  cluster: PlayedCluster,
  scenario: Scenario,
  { told = () => {}, stop }: Pick<PlayOptions, 'told' | 'stop'>,
): Promise<Played> {
  const stage = new RealStage(cluster);
  let conductor: Conductor | undefined;
  const breakOff = () => conductor?.breakOff('it was interrupted');
  try {
    await new Promise<void>((ended) => {
      conductor = new Conductor(scenario, stage, told, ended);
      stop?.addEventListener('abort', breakOff, { once: true });
      if (stop?.aborted) breakOff();
      else conductor.start();
    });
    const { writers, problem, happenings, latesMs } = conductor!;
    writers.rest();
    await cluster.heal();
    if (problem !== undefined) throw new PlayError(`${scenario.name}: ${problem}`);
    const deadlineMs = performance.now() + REST_MS_MAX;
    while (writers.inFlight > 0 && performance.now() < deadlineMs) await pause(REST_POLL_MS);
    const wrong = await stage.wrongBooks(writers.books);
    const failed = happenings.flatMap((each) => (each.kind === 'step-failed' ? [`${each.what}: ${each.why}`] : []));
    return {
      measurements: measure(happenings, scenario.lastsMs),
      problems: [...failed, ...wrong],
      wakeMs: spreadOf(latesMs),
    };
  } finally {
    stop?.removeEventListener('abort', breakOff);
    stage.close();
  }
}

/** As the scenario says; the rest as rkvd has it by default. */
function clusterConfig({ cluster }: Scenario, backend: EngineName): ClusterConfig {
  const { flags, ...settings } = fileSettings(settingTexts(cluster.settings));
  return {
    backend,
    nodes: cluster.nodes,
    cluster: [...cluster.members],
    ...settings,
    faults: true,
    flags: { ...flags, quiet: true },
  };
}

function changesDisks({ steps }: Scenario): boolean {
  return steps.some(({ action }) => action.kind === 'fault' && action.fault.kind.endsWith('-disk'));
}

async function diskOf(cluster: RunningCluster): Promise<Spread | null> {
  const reports: readonly ServerReport[] = await cluster.status();
  const found = await Promise.all(
    reports.flatMap(({ metricsAddress }) => (metricsAddress ? [syncTimes(metricsAddress)] : [])),
  );
  return medianSpread(found.filter((spread) => spread !== undefined)) ?? null;
}

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../../supervisor/cluster.ts';
import { type ClusterEvent, describeEvent } from '../../supervisor/events.ts';
import { type RunningCluster, startCluster } from '../../supervisor/launcher.ts';
import type { Backend, PlannedRun } from '../plan.ts';

/** The servers that a run measures. */
export interface Target {
  readonly addresses: readonly string[];
  /** Nobody else writes to it. */
  readonly own: boolean;
  /** Where the servers keep their data; undefined where that is not known. */
  readonly dataDirectory: string | undefined;
  /** What went wrong with servers since the last call, in words. */
  takeIncidents(): string[];
  /** Ends what was started for the run. */
  stop(): Promise<void>;
}

/** Starts the cluster of a run, or takes the one that runs. Throws ClusterError; nothing is left running then. */
export async function openTarget(run: PlannedRun, signal: AbortSignal): Promise<Target> {
  const { cluster } = run.settings;
  if (cluster.kind === 'running') {
    return {
      addresses: cluster.addresses,
      own: false,
      dataDirectory: undefined,
      takeIncidents: () => [],
      stop: async () => {},
    };
  }
  const data = run.dataDirectory === undefined ? undefined : await mkdtemp(join(run.dataDirectory, 'rkv-bench-'));
  const removeData = async () => {
    if (data !== undefined) await rm(data, { recursive: true, force: true });
  };
  const incidents: string[] = [];
  let starting: Cluster | undefined;
  const stopStarting = () => void starting?.stop();
  signal.addEventListener('abort', stopStarting, { once: true });
  let running: RunningCluster;
  try {
    running = await startCluster(clusterConfig(cluster, data), {
      name: 'bench',
      onCluster: (created) => {
        starting = created;
        if (signal.aborted) stopStarting();
      },
      onEvent: (event) => {
        if (isIncident(event)) incidents.push(describeEvent(event));
      },
    });
  } catch (error) {
    await removeData();
    throw error;
  } finally {
    signal.removeEventListener('abort', stopStarting);
  }
  return {
    addresses: running.addresses,
    own: true,
    dataDirectory: running.plan.directory,
    takeIncidents: () => incidents.splice(0),
    stop: async () => {
      await running.stop();
      await removeData();
    },
  };
}

type OwnCluster = Extract<PlannedRun['settings']['cluster'], { kind: 'own' }>;

function clusterConfig(cluster: OwnCluster, datadir: string | undefined) {
  return {
    nodes: cluster.servers,
    backend: cluster.backend as Backend,
    batch: cluster.batch,
    entriespermsg: cluster.entriesPerMsg,
    heartbeat: cluster.heartbeat,
    election: cluster.election,
    checkquorum: cluster.checkQuorum,
    metrics: false,
    flags: { quiet: true },
    ...(datadir === undefined ? {} : { datadir }),
  };
}

function isIncident({ type }: ClusterEvent): boolean {
  return type === 'crashed' || type === 'restarting';
}

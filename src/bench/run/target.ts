import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { RkvClient } from '../../client/rkvClient.ts';
import { nobodyAnswers, noServerAnswers } from '../../client/rkvctl/statusCommands.ts';
import { makeFolders } from '../../files/folders.ts';
import { clientSecurity } from '../../net/endpoints/clientSecurity.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import { NO_SECURITY, type Security } from '../../net/endpoints/security.ts';
import { fileSettings } from '../../settings/fileValues.ts';
import type { SettingName } from '../../settings/table.ts';
import type { Cluster } from '../../supervisor/cluster.ts';
import type { ClusterConfig } from '../../supervisor/config/schema.ts';
import { type EventRecord, eventRecord } from '../../supervisor/eventLog.ts';
import { type RunningCluster, startCluster } from '../../supervisor/launcher.ts';
import { AttachedCluster } from '../../supervisor/play/attachedCluster.ts';
import { OwnCluster } from '../../supervisor/play/ownCluster.ts';
import type { PlayedCluster } from '../../supervisor/play/playedCluster.ts';
import { makeTemporaryFolder } from '../../supervisor/process/temporaryFolder.ts';
import { operatorFiles } from '../../supervisor/tls/tlsPlan.ts';
import { durationMs } from '../../yaml/values.ts';
import type { PlannedRun } from '../plan/plan.ts';
import type { RunSettings } from '../results/schema.ts';
import { recordedTexts } from '../results/settingFields.ts';
import { startEtcd } from '../systems/etcd/etcdCluster.ts';
import type { System } from '../systems/system.ts';
import { systemOf } from '../systems/systemOf.ts';
import { copyCsv } from './serverCsv.ts';
import { followSupervisor, supervisorOf } from './supervisorLog.ts';

/** How a person ends a run early. */
export interface Interrupts {
  /** Measure no more, and end in order. */
  readonly stop: AbortSignal;
  /** Wait for nothing. Fires after `stop`. */
  readonly hurry: AbortSignal;
}

/** The servers that a run measures. */
export interface Target {
  /** How one speaks to them. */
  readonly system: System;
  readonly addresses: readonly string[];
  /** The files by which one proves to them who one is; undefined where nobody has to. */
  readonly credentials: CredentialFiles | undefined;
  /** Nobody else writes to it. */
  readonly own: boolean;
  /** Where the servers keep their data; undefined where that is not known. */
  readonly dataDirectory: string | undefined;
  /**
   * Tells of what the servers' supervisor does and sees, from now until the function that is returned is called, which tells what has not
   * been told yet.
   */
  follow(told: (event: EventRecord) => void): () => void;
  /** For what is done to the servers on purpose; undefined where nobody can, for they have no supervisor here. */
  readonly played: PlayedCluster | undefined;
  /** The supervisor's own hand on servers that were started here. */
  readonly cluster: OwnServers | undefined;
  /** Ends what was started for the run. */
  stop(): Promise<void>;
  /** The same, without waiting for servers to end in order. */
  stopNow(): Promise<void>;
}

export type OwnServers = Pick<RunningCluster, 'plan' | 'status' | 'restart' | 'rejoin'>;

/** The folder for the servers' data cannot be used. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
}

/** None of the servers that were to be measured answers. */
export class NobodyAnswersError extends Error {
  override readonly name = 'NobodyAnswersError';
}

/** Whether the servers of a run are started for it. */
export function startsServers({ kind }: RunSettings['cluster']): boolean {
  return kind === 'own' || kind === 'etcd';
}

/**
 * Starts the cluster of a run, or takes the one that runs. When it is stopped, `csvFolder` has what the servers of an own one recorded of
 * themselves, where it is given. Throws ClusterError, DataDirectoryError, EtcdError and NobodyAnswersError; nothing is left running then.
 */
export async function openTarget(run: PlannedRun, interrupts: Interrupts, csvFolder?: string): Promise<Target> {
  const { cluster } = run.settings;
  switch (cluster.kind) {
    case 'running':
      return openRunning(cluster.addresses, run.credentials);
    case 'running-etcd':
      return runningTarget(systemOf(cluster.kind, NO_SECURITY), cluster.addresses);
    case 'etcd':
      return openEtcd(run, cluster, interrupts);
    case 'own':
      return openOwn(run, cluster, interrupts, csvFolder);
  }
}

async function openRunning(addresses: readonly string[], given: CredentialFiles | undefined): Promise<Target> {
  const supervisor = supervisorOf(addresses);
  const played = supervisor === undefined ? undefined : await AttachedCluster.open(supervisor);
  const credentials = given ?? played?.credentials;
  const security = clientSecurity(credentials);
  await expectSomebody(addresses, security);
  return {
    ...runningTarget(systemOf('running', security), addresses),
    credentials,
    follow: (told) => followSupervisor(supervisor, told),
    played,
  };
}

/** Servers that somebody else started. */
function runningTarget(system: System, addresses: readonly string[]): Target {
  return {
    system,
    addresses,
    credentials: undefined,
    own: false,
    dataDirectory: undefined,
    follow: () => () => {},
    played: undefined,
    cluster: undefined,
    stop: async () => {},
    stopNow: async () => {},
  };
}

async function openEtcd(run: PlannedRun, cluster: EtcdSettings, { stop }: Interrupts): Promise<Target> {
  const folder = await makeDataDirectory(run.dataDirectory ?? tmpdir());
  const removeData = () => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    const members = await startEtcd({
      members: cluster.servers,
      heartbeatMs: durationMs(cluster.heartbeat),
      electionMs: durationMs(cluster.election),
      folder,
      signal: stop,
    });
    const end = async () => {
      await members.stop();
      await removeData();
    };
    return {
      ...runningTarget(systemOf('etcd', NO_SECURITY), members.addresses),
      own: true,
      dataDirectory: folder,
      stop: end,
      stopNow: end,
    };
  } catch (error) {
    await removeData();
    throw error;
  }
}

async function openOwn(
  run: PlannedRun,
  cluster: OwnSettings,
  { stop, hurry }: Interrupts,
  csvFolder: string | undefined,
): Promise<Target> {
  // What is to be copied from has to be there when the servers have ended.
  const parent = run.dataDirectory ?? (csvFolder === undefined ? undefined : tmpdir());
  const data = parent === undefined ? undefined : await makeDataDirectory(parent);
  const removeData = async () => {
    if (data !== undefined) await rm(data, { recursive: true, force: true });
  };
  let played: OwnCluster | undefined;
  let told: ((event: EventRecord) => void) | undefined;
  let starting: Cluster | undefined;
  const stopStarting = () => void starting?.stop();
  const stopStartingNow = () => void starting?.stopNow();
  stop.addEventListener('abort', stopStarting, { once: true });
  hurry.addEventListener('abort', stopStartingNow, { once: true });
  let running: RunningCluster;
  try {
    running = await startCluster(ownClusterConfig(run.settings, cluster, data), {
      name: 'bench',
      ...(cluster.rkvd === undefined ? {} : { program: { file: programPath(cluster.rkvd), args: [] } }),
      ...(cluster.distance === undefined ? {} : { delayMs: durationMs(cluster.distance) }),
      onCluster: (created) => {
        starting = created;
        if (stop.aborted) stopStarting();
      },
      onEvent: (event) => {
        told?.(eventRecord(event, Date.now()));
        played?.happened(event);
      },
    });
  } catch (error) {
    await removeData();
    throw error;
  } finally {
    stop.removeEventListener('abort', stopStarting);
    hurry.removeEventListener('abort', stopStartingNow);
  }
  played = new OwnCluster(running);
  return {
    system: systemOf('own', running.security),
    addresses: running.addresses,
    credentials: running.plan.tls === undefined ? undefined : operatorFiles(running.plan.tls),
    own: true,
    played,
    cluster: running,
    dataDirectory: running.plan.directory,
    follow: (listener) => {
      told = listener;
      return () => {
        told = undefined;
      };
    },
    stop: async () => {
      await running.stop();
      if (csvFolder !== undefined) await copyCsv(running.plan, csvFolder);
      await removeData();
    },
    stopNow: () => running.stopNow(),
  };
}

/** Who typed a wrong address is told so at once, and not after all the time that a request may take. */
async function expectSomebody(addresses: readonly string[], security: Security): Promise<void> {
  const client = new RkvClient({ addresses, security });
  try {
    const reports = await client.statuses();
    if (nobodyAnswers(reports)) throw new NobodyAnswersError(noServerAnswers(reports).trimEnd());
  } finally {
    client.close();
  }
}

async function makeDataDirectory(parent: string): Promise<string> {
  try {
    makeFolders(parent);
    return await makeTemporaryFolder(parent, 'rkv-bench-');
  } catch (error) {
    throw new DataDirectoryError(`cannot keep data in ${parent}: ${(error as Error).message}`, { cause: error });
  }
}

type OwnSettings = Extract<RunSettings['cluster'], { kind: 'own' }>;
type EtcdSettings = Extract<RunSettings['cluster'], { kind: 'etcd' }>;

/** What a bench's servers are spared unless it is asked for. */
const SPARED: readonly (readonly [SettingName, string])[] = [
  ['servermetrics', 'false'],
  ['quiet', 'true'],
];

export function ownClusterConfig(
  { schedule }: RunSettings,
  cluster: OwnSettings,
  datadir: string | undefined,
): ClusterConfig {
  const asked = recordedTexts(cluster) as (readonly [SettingName, string])[];
  return {
    ...fileSettings(new Map([...SPARED, ...asked])),
    nodes: cluster.servers,
    // Others may have metrics on this machine.
    metricsBasePort: 0,
    ...(cluster.members === undefined ? {} : { cluster: cluster.members }),
    // What takes faults on purpose is told so when it starts.
    ...(schedule === undefined ? {} : { faults: true }),
    tls: cluster.tls ?? false,
    ...(datadir === undefined ? {} : { datadir }),
  };
}

/** Servers have folders of their own to run in. A mere name is looked for in PATH. */
function programPath(typed: string): string {
  return typed.includes('/') ? resolve(typed) : typed;
}

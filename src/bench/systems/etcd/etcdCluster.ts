import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { programOnPath } from '../../../files/programOnPath.ts';
import { choosePorts } from '../../../supervisor/process/choosePorts.ts';
import { LogBuffer } from '../../../supervisor/process/logBuffer.ts';
import { launch, type ServerProcess } from '../../../supervisor/process/serverProcess.ts';
import { EtcdMember } from './etcdMember.ts';

const PROGRAM = 'etcd';
const HOST = '127.0.0.1';
const READY_MS_MAX = 30_000;
const READY_POLL_MS = 50;
const LINES_SHOWN = 5;
/** As much as etcd's documentation advises at most; by default it refuses writes at 2 GiB. */
const QUOTA_BYTES = 8 * 2 ** 30;

/**
 * Runs a command whose life hangs on a pipe, descriptor 3, that the kernel closes when we end, however we do. Its data go with it: there
 * is nothing to be ended in order for.
 */
const LEASHED = `"$@" 3<&- &
member=$!
{ read -r _; kill -KILL $member; } <&3 >/dev/null 2>&1 &
watcher=$!
exec 3<&-
trap 'kill -KILL $member' TERM
wait $member
code=$?
kill -KILL $watcher
exit $code`;

/** etcd cannot be started here. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
}

export interface EtcdClusterOptions {
  readonly members: number;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  /** For data and logs; exists. */
  readonly folder: string;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** Members of a cluster of their own on this machine. */
export interface EtcdCluster {
  readonly addresses: readonly string[];
  /** Resolves when no member is left. */
  stop(): Promise<void>;
}

/** Throws EtcdError where there is no etcd to start. */
export function expectEtcd(): void {
  if (programOnPath(PROGRAM) !== undefined) return;
  throw new EtcdError(
    `--target etcd: expected the program ${PROGRAM} on the PATH (Debian: etcd-server); members that run already are named as --target etcd://host:2379,…`,
  );
}

/** Starts members and resolves once all of them follow a leader. Rejects with EtcdError; nothing is left running then. */
export async function startEtcd(options: EtcdClusterOptions): Promise<EtcdCluster> {
  const { members: count, folder, signal } = options;
  const ports = await choosePorts(2 * count);
  const names = Array.from({ length: count }, (_, at) => `m${at + 1}`);
  const clientAddress = (at: number) => `${HOST}:${ports[at]}`;
  const peerUrl = (at: number) => `http://${HOST}:${ports[count + at]}`;
  const cluster = names.map((name, at) => `${name}=${peerUrl(at)}`).join(',');
  const logs = names.map(() => new LogBuffer());
  const processes = names.map((name, at): ServerProcess => {
    const clientUrl = `http://${clientAddress(at)}`;
    const args = {
      name,
      'data-dir': join(folder, name, 'data'),
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl(at),
      'initial-advertise-peer-urls': peerUrl(at),
      'initial-cluster': cluster,
      'initial-cluster-state': 'new',
      'heartbeat-interval': options.heartbeatMs,
      'election-timeout': options.electionMs,
      'quota-backend-bytes': QUOTA_BYTES,
      logger: 'zap',
      'log-level': 'error',
    };
    const words = Object.entries(args).map(([flag, value]) => `--${flag}=${value}`);
    return launch({
      file: '/bin/sh',
      args: ['-c', LEASHED, 'sh', PROGRAM, ...words],
      directory: join(folder, name),
      environment: withoutOthersFlags(),
      logFile: join(folder, name, 'etcd.log'),
      log: logs[at]!,
    });
  });
  const addresses = names.map((_, at) => clientAddress(at));
  const stop = async () => {
    for (const each of processes) each.signal('SIGTERM');
    await Promise.all(processes.map(({ exited }) => exited));
  };
  const ended = new AbortController();
  for (const { exited } of processes) void exited.then(() => ended.abort());
  try {
    await waitUntilReady(addresses, AbortSignal.any([signal, ended.signal, AbortSignal.timeout(READY_MS_MAX)]));
    return { addresses, stop };
  } catch (error) {
    await stop();
    if (signal.aborted) throw error;
    const lines = logs.flatMap((log) => log.last(LINES_SHOWN)).slice(0, LINES_SHOWN);
    const what = [`etcd did not come up on ${addresses.join(', ')}`, ...lines].join('\n');
    throw new EtcdError(what, { cause: error });
  }
}

/** etcd takes its flags from variables too, which are meant for another member. */
function withoutOthersFlags(): Record<string, string> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('ETCD_') && name !== 'ETCD_UNSUPPORTED_ARCH');
  return Object.fromEntries(names.map((name) => [name, '']));
}

async function waitUntilReady(addresses: readonly string[], signal: AbortSignal): Promise<void> {
  const members = addresses.map((address) => new EtcdMember(address));
  try {
    for (;;) {
      signal.throwIfAborted();
      const asked = await Promise.all(members.map((member) => member.ask(1000)));
      if (asked.every((sample) => sample !== undefined && sample.leader !== undefined && sample.leader > 0)) return;
      await pause(READY_POLL_MS, undefined, { signal });
    }
  } finally {
    for (const member of members) member.close();
  }
}

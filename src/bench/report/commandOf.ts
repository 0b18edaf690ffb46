import { formatDuration } from '../../goflags/goValues.ts';
import { targetText } from '../plan/targets.ts';
import type { RunSettings } from '../results/schema.ts';

/** The command that measures this again. What is as by default is left out where it is not what people look for. */
export function commandOf({ cluster, schedule, load, repeats }: RunSettings, name: string): string {
  const isExperiment = schedule !== undefined && schedule.file === undefined;
  const words = isExperiment ? ['rkv-bench', 'experiment', quoted(schedule.name)] : ['rkv-bench'];
  if (schedule?.isQuick) words.push('--quick');
  const add = (option: string, value: string | number) => words.push(`--${option}`, quoted(String(value)));
  if (cluster.kind !== 'own') {
    if (cluster.kind === 'running') add('cluster', cluster.addresses.join(','));
    else add('target', targetText(cluster));
    if (cluster.kind === 'etcd') {
      add('servers', cluster.servers);
      add('heartbeat', cluster.heartbeat);
      add('election', cluster.election);
    }
  } else {
    add('backend', cluster.backend);
    words.push(cluster.batch ? '--batch' : '--no-batch');
    add('entriespermsg', cluster.entriesPerMsg);
    add('servers', cluster.servers);
    add('heartbeat', cluster.heartbeat);
    add('election', cluster.election);
    if (cluster.checkQuorum) words.push('--checkquorum');
    if (cluster.distance !== undefined) add('distance', cluster.distance);
    if (cluster.rkvd !== undefined) add('rkvd', cluster.rkvd);
    for (const [flag, value] of Object.entries(cluster.flags ?? {})) words.push(`--${flag}=${quoted(value)}`);
  }
  if (schedule?.file !== undefined) add('scenario', schedule.file);
  add('clients', load.clients);
  if (load.ratePerClient !== null) add('throughput', load.ratePerClient);
  add('time', formatDuration(load.timeMs));
  add('warmup', formatDuration(load.warmupMs));
  add('reads', load.reads);
  add('payload', load.payloadBytes);
  add('keyspace', load.keyspace);
  add('zipfs', load.zipfS);
  add('zipfv', load.zipfV);
  add('seed', load.seed);
  add('rpc', load.rpc);
  add('runs', repeats);
  add('name', name);
  return words.join(' ');
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

import { shellQuoted } from '../../cli/shellQuoted.ts';
import { formatDuration } from '../../goflags/goValues.ts';
import { settingOf } from '../../settings/table.ts';
import { targetText } from '../plan/targets.ts';
import type { RunSettings } from '../results/schema.ts';
import { recordedFields } from '../results/settingFields.ts';

/** The command that measures this again. What is as by default is left out where it is not what people look for. */
export function commandOf({ cluster, schedule, load, repeats }: RunSettings, name: string): string {
  const isExperiment = schedule !== undefined && schedule.file === undefined;
  const words = isExperiment ? ['rkv-bench', 'experiment', quoted(schedule.name)] : ['rkv-bench'];
  if (schedule?.isQuick) words.push('--quick');
  const add = (option: string, value: string | number) => words.push(`--${option}`, quoted(String(value)));
  if (cluster.kind === 'running') add('cluster', cluster.addresses.join(','));
  else if (cluster.kind !== 'own') add('target', targetText(cluster));
  if (cluster.kind === 'own' || cluster.kind === 'etcd') {
    for (const [name, value] of recordedFields(cluster)) {
      if (typeof value !== 'boolean') add(name, value);
      else if (value) words.push(`--${name}`);
      else if (settingOf(name).default === true) words.push(`--no-${name}`);
    }
    add('servers', cluster.servers);
  }
  if (cluster.kind === 'own') {
    if (cluster.distance !== undefined) add('distance', cluster.distance);
    if (cluster.tls) words.push('--tls');
    if (cluster.rkvd !== undefined) add('rkvd', cluster.rkvd);
    for (const [flag, value] of Object.entries(cluster.flags ?? {})) words.push(`--${flag}=${quoted(value)}`);
  }
  if (schedule?.file !== undefined) add('scenario', schedule.file);
  add('clients', load.clients);
  if (load.ratePerClient !== null) add('throughput', load.ratePerClient);
  add('time', formatDuration(load.timeMs));
  add('warmup', formatDuration(load.warmupMs));
  if (load.workload === undefined) add('reads', load.reads);
  else add('workload', load.workload);
  if (load.requestDistribution !== undefined) add('requestdistribution', load.requestDistribution);
  if (load.workers !== undefined) add('workers', load.workers);
  add('payload', load.payloadBytes);
  add('keyspace', load.keyspace);
  if (load.workload === undefined) {
    add('zipfs', load.zipfS);
    add('zipfv', load.zipfV);
  }
  add('seed', load.seed);
  add('rpc', load.rpc);
  add('runs', repeats);
  add('name', name);
  return words.join(' ');
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : shellQuoted(word);
}

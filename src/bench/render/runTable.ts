import { printable } from '../../cli/printable.ts';
import { renderTable } from '../../cli/table.ts';
import { YCSB, type YcsbName } from '../../client/load/ycsb.ts';
import { formatDuration } from '../../goflags/goValues.ts';
import type { LatencyUs, LoadSettings, RepeatRecord, RunRecord, RunSettings, Spread } from '../results/schema.ts';
import {
  checkWord,
  formatCount,
  formatSpread,
  formatUsAsMs,
  leftThenRight,
  percentileCell,
  shownPercentiles,
  type TABLE_PERCENTILES,
} from './format.ts';
import { describeIncidents } from './incidents.ts';
import { renderRecovery } from './recoveryTable.ts';

/** A run, and the folder it was written to. */
export interface WrittenRun {
  readonly record: RunRecord;
  readonly folder: string;
}

/** Before the times. */
const head = ['backend', 'entries/msg', 'operation', 'per second'];
/** Of what stands before a note. */
const LABEL_WIDTH = 9;
/** Of a note's text; the table is as wide. */
const NOTE_WIDTH_MAX = 103;
/** Of a note in all: servers and other clients may have had their say in it. */
const NOTE_LENGTH_MAX = 4000;

/** What was measured, for people: what was done, a table, and what it means. `command`: how rkv-bench is typed here. */
export function renderRuns(runs: readonly WrittenRun[], command: string): string {
  const [first] = runs;
  if (first === undefined) return 'nothing was measured';
  const percentiles = shownPercentiles(runs.flatMap(({ record: { merged } }) => latenciesOf(merged)));
  const columns = [...head, ...percentiles.map(([title]) => `${title} ms`), 'max ms', 'failed', 'check'];
  const rows = runs.flatMap(({ record }) => runRows(record, percentiles));
  return [
    describeLoad(
      first.record.settings,
      runs.map(({ record }) => record.settings.cluster),
    ),
    '',
    renderTable(columns, rows, leftThenRight(3, columns.length - 3)),
    ...footnotes(runs.map(({ record }) => record)),
    ...renderRecovery(
      runs.map(({ record }) => record),
      'terminal',
    ),
    '',
    ...surroundings(first.record),
    ...runs.flatMap(({ record }) => (runs.length > 1 ? ['', record.name, ...runNotes(record)] : runNotes(record))),
    ...closing(runs, command),
  ].join('\n');
}

/** What the figures mean, and what they leave out. */
function footnotes(runs: readonly RunRecord[]): string[] {
  // Where the check failed, this is just what did not hold.
  const promise = runs.some(({ verdict }) => !verdict.passed)
    ? []
    : ['Answered means durable on a majority of the servers and applied on the leader; lookups are linearizable.'];
  if (runs.some(({ merged }) => merged.serviceUs !== undefined)) {
    promise.push(
      'Times are from when a request was due. service: from when it was its turn, that is sent, and the one before on its',
      'session answered: what waits behind a stalled request is in the others, and in its service time alone.',
    );
  }
  const unanswered = runs.reduce((sum, { merged }) => sum + merged.failed + merged.dropped, 0);
  if (unanswered === 0)
    return [...promise, 'p50: half of the requests were answered within this time; p99: 99 of 100.'];
  const count = unanswered === 1 ? '1 request got no answer' : `${formatCount(unanswered)} requests got no answer`;
  return [
    ...promise,
    `p50: half of the answered requests were answered within this time; p99: 99 of 100. ${count} (failed, or due`,
    'and never sent) and stand in none of these times and rates: with them the real ones are worse.',
  ];
}

function note(label: string, text: string): string {
  const lines = [''];
  for (const word of printable(text, NOTE_LENGTH_MAX).split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + 1 + word.length > NOTE_WIDTH_MAX) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line, at) => `${(at === 0 ? label : '').padEnd(LABEL_WIDTH)} ${line}`).join('\n');
}

/** `200 clients insert 16-byte values over 10,000 keys for 5s, …`. */
export function describeLoad(
  { cluster, schedule, load, repeats }: RunSettings,
  clusters: readonly RunSettings['cluster'][] = [cluster],
): string {
  const { clients, ratePerClient, reads, payloadBytes, keyspace, timeMs } = load;
  const servers = [...new Set(clusters.map(describeServers))].join('; ');
  const share = reads === 0 ? '' : `, ${formatCount(reads * 100)} % of the requests lookups,`;
  const pace =
    ratePerClient === null
      ? 'each sends its next request when the last is answered (closed loop)'
      : `each sends ${formatCount(ratePerClient)} requests a second whatever the answers do (open loop)`;
  const what =
    load.workload === undefined
      ? `insert${clients === 1 ? 's' : ''} ${payloadBytes}-byte values over ${formatCount(keyspace)} keys${share}`
      : `run${clients === 1 ? 's' : ''} ${describeWorkload(load, load.workload)}`;
  const times = repeats > 1 ? `, ${repeats} times` : '';
  const who = clients === 1 ? '1 client' : `${formatCount(clients)} clients`;
  const story = schedule === undefined ? '' : `\nMeanwhile: ${printable(schedule.name)}.`;
  return `${servers}. ${who} ${what} for ${formatDuration(timeMs)}${times};\n${pace}.${story}`;
}

/** `YCSB A (50 % lookups, 50 % update) on 10,000 records of 16 bytes, keys zipfian`. */
function describeWorkload({ keyspace, payloadBytes, requestDistribution }: LoadSettings, name: YcsbName): string {
  const { reads, writes, distribution } = YCSB[name];
  const others = reads === 1 ? '' : `, ${Math.round((1 - reads) * 100)} % ${writes}`;
  return `${name.toUpperCase().replace('-', ' ')} (${Math.round(reads * 100)} % lookups${others}) on ${formatCount(keyspace)} records of ${payloadBytes} bytes, keys ${requestDistribution ?? distribution},`;
}

function describeServers(cluster: RunSettings['cluster']): string {
  if (cluster.kind === 'etcd')
    return `${cluster.servers} member${cluster.servers === 1 ? '' : 's'} of etcd on this machine`;
  if (cluster.kind === 'running-etcd') return `etcd at ${cluster.addresses.join(', ')}`;
  if (cluster.kind === 'running') return cluster.addresses.join(', ');
  const { servers: count, distance, tls } = cluster;
  const secured = tls ? ' with TLS' : '';
  const servers =
    count === 1 ? `1 rkvd server${secured} on this machine` : `${count} rkvd servers${secured} on this machine`;
  return distance === undefined ? servers : `${servers}, ${distance} from everybody (each way)`;
}

function latenciesOf({ writeLatencyUs, readLatencyUs, serviceUs }: RunRecord['merged']): LatencyUs[] {
  return [writeLatencyUs, readLatencyUs, ...(serviceUs === undefined ? [] : [serviceUs])];
}

function runRows(record: RunRecord, percentiles: typeof TABLE_PERCENTILES): string[][] {
  const { merged, settings, verdict } = record;
  const { backend, entries } = clusterLabels(record);
  const check = checkWord(verdict);
  const failed = formatCount(merged.failed + merged.dropped);
  // What loses writes has no speed.
  const times = (latency: LatencyUs) => {
    const cells = [...percentiles.map((each) => percentileCell(latency, each)), formatUsAsMs(latency.max)];
    return verdict.passed ? cells : cells.map(() => '-');
  };
  const row = (operation: string, rate: Spread, latency: LatencyUs) => [
    backend,
    entries,
    operation,
    verdict.passed ? formatSpread(rate, formatCount) : '-',
    ...times(latency),
    failed,
    check,
  ];
  const rows: string[][] = [];
  if (settings.load.reads < 1) rows.push(row(writesOf(settings.load), merged.writesPerSecond, merged.writeLatencyUs));
  if (settings.load.reads > 0) rows.push(row('lookup', merged.readsPerSecond, merged.readLatencyUs));
  if (merged.serviceUs !== undefined) {
    rows.push([backend, entries, 'service', '-', ...times(merged.serviceUs), '-', check]);
  }
  return rows;
}

/** A lookup and the insert that follows it are one request. */
function writesOf({ workload }: LoadSettings): string {
  return workload !== undefined && YCSB[workload].writes === 'read-modify-write' ? 'lookup+insert' : 'insert';
}

/** What the servers say of themselves stands above what was asked for. */
function clusterLabels({ settings, repeats }: RunRecord): { backend: string; entries: string } {
  const server = repeats.at(-1)?.servers[0];
  const { cluster } = settings;
  const asked = cluster.kind === 'own' ? cluster : undefined;
  const effective = server?.effectiveSettings ?? {};
  const batch = effective.batch ?? String(asked?.batch ?? '-');
  const entries = effective.entriesPerMessage ?? String(asked?.entriesPerMsg ?? '-');
  return {
    backend: server?.backend ?? asked?.backend ?? '?',
    entries: batch === 'false' ? `${entries} (no batch)` : entries,
  };
}

function surroundings({ disk, machine }: RunRecord): string[] {
  const { cpuModel, cores, node } = machine;
  const lines = [note('machine', `${cores} cores, ${cpuModel}, Node ${node}`)];
  if (disk === null) return lines;
  const p50 = formatUsAsMs(disk.syncUs.p50);
  const p99 = formatUsAsMs(disk.syncUs.p99);
  return [
    ...lines,
    note('disk', `${disk.fileSystem}; one durable write of 4 KiB takes ${p50} ms (p50), ${p99} ms (p99)`),
  ];
}

function runNotes(record: RunRecord): string[] {
  const { verdict, repeats, interrupted } = record;
  return [
    ...settingsNotes(record),
    ...cpuNotes(repeats),
    ...generatorNotes(repeats),
    ...checkNotes(record),
    ...describeIncidents(repeats.map(withoutNotices)).map((line, at) => note(at === 0 ? 'incidents' : '', line)),
    ...(interrupted ? [note('INTERRUPT', 'this is what was measured until then')] : []),
    ...verdict.warnings.map((warning) => note('note', warning)),
    ...verdict.problems.map((problem) => note('FAILED', problem)),
  ];
}

/** They stand among the warnings. */
function withoutNotices(repeat: RepeatRecord): RepeatRecord {
  return { ...repeat, incidents: repeat.incidents.filter(({ kind }) => kind !== 'notice') };
}

function settingsNotes({ repeats }: RunRecord): string[] {
  const settings = Object.entries(repeats.at(-1)?.servers[0]?.effectiveSettings ?? {});
  return settings.length === 0 ? [] : [note('in force', settings.map(([key, value]) => `${key} ${value}`).join(', '))];
}

function checkNotes({ repeats, verdict }: RunRecord): string[] {
  if (!verdict.verified) return [];
  const keys = repeats.reduce((sum, { verification }) => sum + verification.keysRead, 0);
  const writes = repeats.reduce((sum, { verification }) => sum + verification.acknowledgedWrites, 0);
  // While others write, servers have no common state to agree on.
  const own = repeats.every(({ verification }) => verification.appliedEntries !== null);
  const applied = own ? ': all are applied, and the servers hold the same' : '';
  return [
    note(
      'check',
      `${formatCount(writes)} inserts were answered, warm-up included${applied}; ${formatCount(keys)} keys read back: none lost, none stale`,
    ),
  ];
}

function cpuNotes(repeats: RunRecord['repeats']): string[] {
  const last = repeats.at(-1);
  if (last === undefined || last.benchCpuUsPerCommand === null || last.serversCpuUsPerCommand === null) return [];
  const servers = last.servers
    .map(
      ({ id, cpuSeconds }) => `server ${id}${id === last.leader ? ' (leader)' : ''} ${cpuSeconds?.toFixed(1) ?? '?'} s`,
    )
    .join(', ');
  const perCommand = `${formatCount(last.serversCpuUsPerCommand)} + ${formatCount(last.benchCpuUsPerCommand)} µs a request`;
  return [
    note(
      'CPU',
      `of ${(last.windowMs / 1000).toFixed(1)} s: ${servers}, bench ${last.benchCpuSeconds.toFixed(1)} s; ${perCommand}`,
    ),
  ];
}

/** What lies between the servers and the figures. */
function generatorNotes(repeats: RunRecord['repeats']): string[] {
  const last = repeats.at(-1)?.generator;
  if (last === undefined) return [];
  const { processes, cpuShareMax, loopDelayUs, sentLateUs } = last;
  const busiest = processes > 1 ? `${processes} processes, the busiest ` : '';
  const late =
    sentLateUs === undefined ? '' : `; requests left ${formatUsAsMs(sentLateUs.p99)} ms after they were due (p99)`;
  return [
    note(
      'generator',
      `${busiest}${Math.round(cpuShareMax * 100)} % of a core; its event loop was late by ${formatUsAsMs(loopDelayUs.p99)} ms (p99), ${formatUsAsMs(loopDelayUs.max)} ms (longest)${late}`,
    ),
  ];
}

function closing(runs: readonly WrittenRun[], command: string): string[] {
  const folders = runs.map(({ folder }) => folder);
  const compare = folders.length > 1 ? folders.join(' ') : `${folders[0]} results/OTHER`;
  return ['', `Written to ${folders.join(', ')}`, `Side by side with another: ${command} compare ${compare}`];
}

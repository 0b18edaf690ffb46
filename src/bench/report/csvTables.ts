import { printable } from '../../cli/printable.ts';
import { RECOVERY_TIMES } from '../compare/metrics.ts';
import type { LatencyUs, RepeatRecord, RunRecord } from '../results/schema.ts';
import { FIELD_SETTING_NAMES, recordedFields } from '../results/settingFields.ts';

/** A table for pandas, R or a spreadsheet: a row is one observation, and times say their unit. */
export interface CsvTable {
  /** Of its file. */
  readonly name: string;
  readonly text: string;
}

type Cell = string | number | boolean | null | undefined;
type Row = Readonly<Record<string, Cell>>;

/** What these runs measured: a row a repeat, a row a second of each, a row an incident. Of what failed its check there are no figures, and a table without a row is left out. */
export function csvTables(runs: readonly RunRecord[]): CsvTable[] {
  const repeats = runs.flatMap((run) => run.repeats.map((repeat, at) => ({ run, repeat, round: roundOf(repeat, at) })));
  const right = repeats.filter(({ run }) => run.verdict.passed);
  const key = (run: RunRecord, round: number) => ({ run: run.name, round });
  const tables = [
    table(
      'runs',
      repeats.map(({ run, repeat, round }) => repeatRow(run, repeat, round)),
    ),
    table(
      'timeline',
      right.flatMap(({ run, repeat, round }) =>
        repeat.timeline.map(({ second, writes, reads, failed, dropped, p50Us, p99Us, maxUs }) => ({
          ...key(run, round),
          second,
          writes,
          reads,
          failed,
          dropped,
          p50_us: p50Us,
          p99_us: p99Us,
          max_us: maxUs,
        })),
      ),
    ),
    table(
      'incidents',
      repeats.flatMap(({ run, repeat, round }) =>
        repeat.incidents.map(({ kind, atMs, untilMs, server, what }) => ({
          ...key(run, round),
          kind,
          at_ms: atMs,
          until_ms: untilMs,
          server,
          what,
        })),
      ),
    ),
  ];
  return tables.filter(({ text }) => text !== '');
}

/** Counted from 1, as people see them. */
function roundOf({ round }: RepeatRecord, at: number): number {
  return (round ?? at) + 1;
}

function repeatRow(run: RunRecord, repeat: RepeatRecord, round: number): Row {
  const { settings, verdict } = run;
  const { cluster, load, schedule } = settings;
  const own = cluster.kind === 'own' ? cluster : undefined;
  const started = cluster.kind === 'etcd' ? cluster : own;
  const { recovery, generator } = repeat;
  const figures = verdict.passed;
  return {
    run: run.name,
    round,
    started_at: repeat.startedAt,
    ...Object.fromEntries(FIELD_SETTING_NAMES.map((name) => [name, undefined])),
    ...Object.fromEntries(recordedFields(started ?? {})),
    // What the servers say of themselves stands above what was asked for.
    backend: repeat.servers[0]?.backend ?? own?.backend,
    servers: started?.servers ?? repeat.servers.length,
    flags: Object.entries(own?.flags ?? {})
      .map(([flag, value]) => `-${flag}=${value}`)
      .join(' '),
    rkvd: own?.rkvd,
    distance: own?.distance,
    tls: own === undefined ? undefined : own.tls === true,
    scenario: schedule?.name,
    clients: load.clients,
    rate_per_client: load.ratePerClient,
    payload_bytes: load.payloadBytes,
    reads_share: load.reads,
    workload: load.workload ?? 'original',
    check: repeat.verification.status,
    window_ms: repeat.windowMs,
    ...(figures ? { writes_per_second: repeat.writesPerSecond, reads_per_second: repeat.readsPerSecond } : {}),
    ...(figures
      ? { ...latencyCells('write', repeat.writeLatencyUs), ...latencyCells('read', repeat.readLatencyUs) }
      : {}),
    failed: repeat.failed,
    dropped: repeat.dropped,
    lag_us_max: repeat.lagUsMax,
    generator_processes: generator?.processes,
    generator_cpu_share_max: generator?.cpuShareMax,
    generator_loop_delay_us_p99: generator?.loopDelayUs.p99,
    generator_loop_delay_us_max: generator?.loopDelayUs.max,
    generator_sent_late_us_p99: generator?.sentLateUs?.p99,
    generator_limited_by: generator?.limitedBy.join(' '),
    others_cpu_share: repeat.othersCpuShare,
    ...(recovery !== undefined && figures
      ? {
          fault_at_ms: recovery.faultAtMs,
          ...Object.fromEntries(
            RECOVERY_TIMES.map(({ name, key }) => [`${name.replaceAll('-', '_')}_ms`, recovery[key]]),
          ),
          leaderless_ms: recovery.leaderlessMs,
          rate_before: recovery.ratePerSecondBefore,
          failed_after_fault: recovery.failed,
          slow_after_fault: recovery.slow,
        }
      : {}),
  };
}

/** Mean, median and quartiles, as the original's plots take them, and the tail. */
function latencyCells(kind: 'write' | 'read', latency: LatencyUs): Row {
  if (latency.count === 0) return {};
  const { mean, p25, p50, p75, p90, p95, p99, p999, p9999, max } = latency;
  const cells = { mean, p25, p50, p75, p90, p95, p99, p999, p9999, max };
  return Object.fromEntries(Object.entries(cells).map(([name, us]) => [`${kind}_${name}_us`, us]));
}

/** Columns in the order in which rows bring them; a cell that a row does not have is empty. */
function table(name: string, rows: readonly Row[]): CsvTable {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column])).join(','))];
  return { name: `${name}.csv`, text: rows.length === 0 ? '' : `${lines.join('\n')}\n` };
}

/** Of a text in a cell, characters: it stands in every row of its run. */
const CELL_LENGTH_MAX = 1000;

/** RFC 4180. What others wrote does nothing to a terminal that the file is shown on. */
function cell(value: Cell): string {
  const text = typeof value === 'string' ? printable(value, CELL_LENGTH_MAX) : String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

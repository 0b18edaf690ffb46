import { performance } from 'node:perf_hooks';
import type { Terminal } from '../../cli/terminal.ts';
import type { ClientSession } from '../clientSession.ts';
import { LatencyCsv } from '../load/latencyCsv.ts';
import { digest, type LatencyDigest, LatencyRecorder, type SecondRow } from '../load/latencyRecorder.ts';
import { type LoadSummary, openSessions, runLoad } from '../load/loadGenerator.ts';
import { zipfWorkload } from '../load/workload.ts';
import type { RkvClient } from '../rkvClient.ts';
import type { RkvctlFlags } from './commandLine.ts';
import { ClientMetrics, METRICS_PORT, serveMetrics } from './metrics.ts';

export interface LoadCommandOptions {
  readonly client: RkvClient;
  readonly flags: RkvctlFlags;
  readonly terminal: Terminal;
  /** Ends the load; what is under way is waited for. */
  readonly signal: AbortSignal;
  /** For the CSV file. */
  readonly folder: string;
}

/** Runs the load, with its progress on a terminal, then prints the summary and writes the CSV file. */
export async function loadCommand({ client, flags, terminal, signal, folder }: LoadCommandOptions): Promise<number> {
  let sessions: ClientSession[];
  try {
    sessions = await openSessions(client, flags.clients, { signal });
  } catch (error) {
    if (signal.aborted) return 1;
    throw error;
  }
  const recorder = new LatencyRecorder(terminal.interactive ? (row) => terminal.err(progressLine(row)) : undefined);
  const metrics = new ClientMetrics(recorder);
  const csv = new LatencyCsv(performance.timeOrigin);
  const server = await serveMetrics(() => metrics.text(), METRICS_PORT).catch((error: Error) => {
    terminal.err(`no metrics: port ${METRICS_PORT} cannot be had (${error.message})`);
    return undefined;
  });
  // Seconds without any answer are worth a line too.
  const ticker = setInterval(() => recorder.catchUp(performance.now()), 1000);
  try {
    const summary = await runLoad({
      client,
      sessions,
      workload: zipfWorkload({
        keyspace: flags.keyspace,
        zipfS: flags.zipfs,
        zipfV: flags.zipfv,
        payloadBytes: flags.payload,
        seed: flags.seed === 0 ? Date.now() : flags.seed,
      }),
      pace: flags.throughput === 0 ? { kind: 'closed' } : { kind: 'open', ratePerClient: flags.throughput },
      reads: flags.reads,
      ...bounds(flags),
      timeoutMs: flags.timeout,
      sinks: flags.csv ? [recorder, metrics, csv] : [recorder, metrics],
      signal,
    });
    recorder.finish();
    terminal.out(summaryText(summary, recorder));
    return summary.issued > 0 && summary.completed === 0 ? 1 : 0;
  } finally {
    clearInterval(ticker);
    server?.close();
    if (flags.csv && csv.count > 0) await writeCsv(csv, folder, terminal);
  }
}

async function writeCsv(csv: LatencyCsv, folder: string, terminal: Terminal): Promise<void> {
  try {
    terminal.err(`wrote ${await csv.write(folder)}`);
    if (csv.omitted > 0) terminal.err(`it leaves out the last ${csv.omitted} commands: it would grow too large`);
  } catch (error) {
    terminal.err(`the CSV file could not be written: ${(error as Error).message}`);
  }
}

/** -count overrides -time, which overrides -forever. */
function bounds({ count, time }: RkvctlFlags): { count?: number; durationMs?: number } {
  if (count > 0) return { count };
  return time > 0 ? { durationMs: time } : {};
}

function progressLine(row: SecondRow): string {
  const { second, reads, writes, failed, dropped, latencyUsP50, latencyUsP99, latencyUsMax } = row;
  const troubles = `${failed > 0 ? `  failed ${failed}` : ''}${dropped > 0 ? `  dropped ${dropped}` : ''}`;
  const latencies = `p50 ${ms(latencyUsP50)}  p99 ${ms(latencyUsP99)}  max ${ms(latencyUsMax)}`;
  return `${String(second + 1).padStart(4)} s  ${String(reads + writes).padStart(7)} ops/s  ${latencies}${troubles}`;
}

const ms = (us: number) => `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;

function summaryText(summary: LoadSummary, recorder: LatencyRecorder): string {
  const seconds = Math.max(summary.endedMs - summary.startedMs, 1) / 1000;
  const perSecond = (summary.completed / seconds).toFixed(summary.completed / seconds < 100 ? 1 : 0);
  const lines = [
    `${summary.completed} requests done in ${seconds.toFixed(1)} s: ${perSecond}/s`,
    ...latencyLine('writes', digest(recorder.writes)),
    ...latencyLine('reads', digest(recorder.reads)),
  ];
  for (const [kind, count] of recorder.failuresByKind) lines.push(`failed, ${kind}: ${count}`);
  if (summary.dropped > 0) lines.push(`due but never sent, too many being unanswered: ${summary.dropped}`);
  return lines.join('\n');
}

function latencyLine(name: string, { count, ...of }: LatencyDigest): string[] {
  if (count === 0) return [];
  const { meanUs, p50Us, p90Us, p99Us, p999Us, maxUs } = of;
  return [
    `${name.padEnd(6)} ${count}: µs mean ${meanUs}, p50 ${p50Us}, p90 ${p90Us}, p99 ${p99Us}, p99.9 ${p999Us}, max ${maxUs}`,
  ];
}

import { LatencyCsv } from '../../client/load/latencyCsv.ts';
import { LatencyRecorder, type SecondRow } from '../../client/load/latencyRecorder.ts';
import {
  type LoadSession,
  type LoadSink,
  type LoadSummary,
  openSessions,
  type Pace,
  runLoad,
} from '../../client/load/loadGenerator.ts';
import { ServiceRecorder } from '../../client/load/serviceRecorder.ts';
import { zipfWorkload } from '../../client/load/workload.ts';
import { makeFolders } from '../../files/folders.ts';
import type { LoadSettings } from '../results/schema.ts';
import type { SystemClient } from '../systems/system.ts';
import type { Generated, Generator } from './generator.ts';
import { GeneratorWatch } from './generatorWatch.ts';
import { WindowCounter } from './windowCounter.ts';
import { WriteAudit } from './writeAudit.ts';

export interface LocalGeneratorOptions {
  readonly load: LoadSettings;
  readonly client: SystemClient;
  /** Of keys and values. */
  readonly seed: number;
  /** Eight characters of its own for every run, at the front of its values. */
  readonly mark: string;
  /** Told of what is measured, too. */
  readonly sinks: readonly LoadSink[];
  /** For the original's CSV files; undefined where nobody wants them. */
  readonly csvFolder: string | undefined;
  readonly signal: AbortSignal;
}

/** Makes load in this process. */
export class LocalGenerator implements Generator {
  readonly audit: WriteAudit;
  private readonly options: LocalGeneratorOptions;
  private sessions: readonly LoadSession[] = [];

  constructor(options: LocalGeneratorOptions) {
    this.options = options;
    const { keyspace, zipfS, zipfV, payloadBytes } = options.load;
    const workload = zipfWorkload({ keyspace, zipfS, zipfV, payloadBytes, seed: options.seed });
    this.audit = new WriteAudit(workload, { mark: options.mark, keyspace, payloadBytes });
  }

  /** Servers that do not answer keep a registration waiting for long; nothing is lost by giving it up. */
  async open(): Promise<boolean> {
    const { signal, client, load } = this.options;
    const giveUp = () => client.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      this.sessions = await openSessions(client, load.clients);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  async warmUp(durationMs: number): Promise<void> {
    await this.run(durationMs, []);
  }

  async measure(onSecond: (row: SecondRow) => void): Promise<Generated> {
    const { client, load, signal, sinks, csvFolder } = this.options;
    const isOpenLoop = load.ratePerClient !== null;
    const recorder = new LatencyRecorder(onSecond);
    const counter = new WindowCounter(load.timeMs, signal);
    const csv = csvFolder === undefined ? undefined : new LatencyCsv(performance.timeOrigin);
    const service = isOpenLoop ? new ServiceRecorder() : undefined;
    const watch = new GeneratorWatch(isOpenLoop);
    const more = [service, csv].filter((sink) => sink !== undefined);
    const before = { ...client.counters };
    const startedAtMs = Date.now();
    const summary = await this.run(load.timeMs, [recorder, counter, watch, ...sinks, ...more]);
    const figures = watch.end();
    recorder.finish();
    if (csv !== undefined) await writeLatencies(csv, csvFolder!);
    const { retries, linksLost, stalls, notLeader } = client.counters;
    return {
      startedAtMs,
      summary,
      writes: recorder.writes,
      reads: recorder.reads,
      service: service?.times,
      seconds: recorder.seconds,
      failuresByKind: recorder.failuresByKind,
      answeredReads: counter.reads,
      answeredWrites: counter.writes,
      mended: {
        retries: retries - before.retries,
        linksLost: linksLost - before.linksLost,
        stalls: stalls - before.stalls,
        notLeader: notLeader - before.notLeader,
      },
      figures: [figures],
    };
  }

  private run(durationMs: number, sinks: readonly LoadSink[]): Promise<LoadSummary> {
    const { client, load, signal } = this.options;
    const { audit, sessions } = this;
    const pace: Pace =
      load.ratePerClient === null ? { kind: 'closed' } : { kind: 'open', ratePerClient: load.ratePerClient };
    return runLoad({
      client,
      sessions,
      workload: audit.workload,
      pace,
      reads: load.reads,
      durationMs,
      signal,
      sinks: [audit, ...sinks],
    });
  }

  close(): void {
    this.options.client.close();
  }
}

/** As `rkvctl` writes them. */
async function writeLatencies(csv: LatencyCsv, folder: string): Promise<void> {
  makeFolders(folder);
  await csv.write(folder);
}

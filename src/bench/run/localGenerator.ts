import { LatencyCsv } from '../../client/load/latencyCsv.ts';
import { LatencyRecorder, type OnSecond } from '../../client/load/latencyRecorder.ts';
import {
  IN_FLIGHT_MAX,
  type LoadSession,
  type LoadSink,
  type LoadSummary,
  openSessions,
  type Pace,
  runLoad,
} from '../../client/load/loadGenerator.ts';
import { ServiceRecorder } from '../../client/load/serviceRecorder.ts';
import { type Workload, zipfWorkload } from '../../client/load/workload.ts';
import { fillingWorkload, recordsOfPart, ycsbWorkload } from '../../client/load/ycsb.ts';
import { makeFolders } from '../../files/folders.ts';
import type { LoadSettings } from '../results/schema.ts';
import type { SystemClient } from '../systems/system.ts';
import type { Generated, Generator } from './generator.ts';
import { GeneratorWatch } from './generatorWatch.ts';
import { machineMs } from './loadWorkerMessages.ts';
import { WindowCounter } from './windowCounter.ts';
import { WriteAudit } from './writeAudit.ts';

/** So that parts of one round have no seed of another round's. */
const SEEDS_APART = 1_000_003;

export interface LocalGeneratorOptions {
  readonly load: LoadSettings;
  readonly client: SystemClient;
  /** Of keys and values. */
  readonly seed: number;
  /** Of several processes that make load together: which one, from 0, and how many. */
  readonly part: number;
  readonly parts: number;
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
    const { keyspace, payloadBytes } = options.load;
    const workload = workloadOf(options);
    this.audit = new WriteAudit(workload, {
      mark: options.mark,
      keyspace,
      payloadBytes,
      // Writes of several processes to one key are put in order by a clock that they share.
      ...(options.parts > 1 ? { clock: machineMs } : {}),
    });
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

  /** YCSB's records are there before anything is measured. */
  async fill(): Promise<void> {
    const { load, part, parts, client, signal } = this.options;
    if (load.workload === undefined) return;
    const { audit, sessions } = this;
    await runLoad({
      client,
      sessions,
      workload: fillingWorkload(audit.workload, load.keyspace, part, parts),
      pace: { kind: 'closed' },
      count: Math.ceil(recordsOfPart(load.keyspace, part, parts) / sessions.length),
      signal,
      sinks: [audit],
    });
  }

  async warmUp(durationMs: number): Promise<void> {
    await this.run(durationMs, []);
  }

  async measure(onSecond: OnSecond): Promise<Generated> {
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
      otherCpuSeconds: 0,
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
      inFlightMax: Math.floor(IN_FLIGHT_MAX / this.options.parts),
      signal,
      sinks: [audit, ...sinks],
    });
  }

  close(): void {
    this.options.client.close();
  }
}

/** Those of other parts draw keys of their own, and make new ones of their own. */
function workloadOf({ load, seed, part, parts }: LocalGeneratorOptions): Workload {
  const { keyspace, zipfS, zipfV, payloadBytes, workload, requestDistribution } = load;
  const ownSeed = seed + part * SEEDS_APART;
  if (workload === undefined) return zipfWorkload({ keyspace, zipfS, zipfV, payloadBytes, seed: ownSeed });
  return ycsbWorkload({
    name: workload,
    distribution: requestDistribution,
    records: keyspace,
    payloadBytes,
    seed: ownSeed,
    part,
    parts,
  });
}

/** As `rkvctl` writes them. */
async function writeLatencies(csv: LatencyCsv, folder: string): Promise<void> {
  makeFolders(folder);
  await csv.write(folder);
}

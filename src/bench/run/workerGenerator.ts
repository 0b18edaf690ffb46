import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Histogram } from 'hdr-histogram-js';
import { packagePath } from '../../cli/packagePath.ts';
import { latencyHistogram, type OnSecond, type SecondRow } from '../../client/load/latencyRecorder.ts';
import type { FailureKind } from '../../client/load/loadGenerator.ts';
import { added } from '../merge.ts';
import type { LoadSettings } from '../results/schema.ts';
import type { Generated, Generator } from './generator.ts';
import {
  decoded,
  type FromWorker,
  type MeasuredPart,
  machineMs,
  machineOffsetMs,
  type Span,
  type ToWorker,
  type WorkerCall,
  type WorkerTask,
} from './loadWorkerMessages.ts';
import type { Interrupts } from './target.ts';
import { markFrom } from './writeAudit.ts';
import { type AuditedWrites, MergedChecks } from './writeChecks.ts';

/** Processes run what is built. */
const PROGRAM = packagePath('dist', 'bench', 'run', 'loadWorker.js');
/** Until all processes have heard of it, a load does not start. */
const START_AFTER_MS = 100;
/** Of what they say while nobody answers them, to be of the same time. */
const STALLING_MS = 100;

/** A process that made a part of the load is gone, so what is left of the run says nothing. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError';
}

export interface WorkerGeneratorOptions extends Omit<WorkerTask, 'part' | 'parts' | 'mark'> {
  readonly workers: number;
  readonly interrupts: Interrupts;
  readonly onNotice: (what: string) => void;
  /** All processes wait for answers, and none has any. */
  readonly onStalling: () => void;
  /** A time in which none was answered, by this process' `performance.now()`. */
  readonly onStall: (span: Span) => void;
}

/** How many of the clients a part has: their rates, and so the rate of all, are what they would be in one process. */
export function clientsOfPart(clients: number, part: number, parts: number): number {
  return Math.floor(clients / parts) + (part < clients % parts ? 1 : 0);
}

/** Makes load in processes of its own, which do the same as a LocalGenerator each, on a part of the clients. */
export class WorkerGenerator implements Generator {
  private readonly options: WorkerGeneratorOptions;
  private readonly workers: Worker[];
  private audited: readonly AuditedWrites[] = [];
  private readonly tellSignal: () => void;
  private readonly tellHurry: () => void;

  constructor(options: WorkerGeneratorOptions) {
    this.options = options;
    const { workers: parts, interrupts, load } = options;
    const stalling = new Map<number, number>();
    this.workers = Array.from({ length: parts }, (_, part) => {
      const task: WorkerTask = {
        cluster: options.cluster,
        addresses: options.addresses,
        credentials: options.credentials,
        load: partOf(load, part, parts),
        seed: options.seed,
        part,
        parts,
        mark: markFrom(randomBytes(8)),
        csvFolder: options.csvFolder === undefined ? undefined : join(options.csvFolder, `worker-${part + 1}`),
        distanceMs: options.distanceMs,
      };
      return new Worker(task, options.onNotice, () => {
        const nowMs = performance.now();
        stalling.set(part, nowMs);
        if (stalling.size === parts && Math.min(...stalling.values()) > nowMs - STALLING_MS) options.onStalling();
      });
    });
    this.tellSignal = () => this.signal('stop');
    this.tellHurry = () => this.signal('hurry');
    interrupts.stop.addEventListener('abort', this.tellSignal, { once: true });
    interrupts.hurry.addEventListener('abort', this.tellHurry, { once: true });
  }

  get audit(): MergedChecks {
    return new MergedChecks(this.audited);
  }

  async open(): Promise<boolean> {
    const answers = await this.all({ call: 'open' });
    return answers.every(({ isOpen }) => isOpen);
  }

  async fill(): Promise<void> {
    if (this.options.load.workload !== undefined) await this.all({ call: 'fill' });
  }

  async warmUp(durationMs: number): Promise<void> {
    await this.all({ call: 'warm-up', durationMs });
  }

  async measure(onSecond: OnSecond): Promise<Generated> {
    const seconds = new MergedSeconds(this.workers.length, onSecond);
    for (const worker of this.workers) worker.onSecond = (row, latencies) => seconds.add(row, latencies);
    const answers = await this.all({ call: 'measure', atMs: machineMs() + START_AFTER_MS });
    const parts = answers.map(({ measured }) => measured!);
    this.audited = parts.map(({ audited }) => audited);
    const offsetMs = machineOffsetMs();
    for (const { fromMs, untilMs } of commonSpans(parts.map(({ stalls }) => stalls))) {
      this.options.onStall({ fromMs: fromMs - offsetMs, untilMs: untilMs - offsetMs });
    }
    return { ...merged(parts, offsetMs), seconds: seconds.finish() };
  }

  /** Rejects with what the first of them fails by; the others are stopped. */
  private async all(call: WorkerCall): Promise<Done[]> {
    try {
      return await Promise.all(this.workers.map((worker) => worker.ask(call)));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private signal(signal: 'stop' | 'hurry'): void {
    for (const worker of this.workers) worker.send({ signal });
  }

  close(): void {
    const { interrupts } = this.options;
    interrupts.stop.removeEventListener('abort', this.tellSignal);
    interrupts.hurry.removeEventListener('abort', this.tellHurry);
    for (const worker of this.workers) worker.close();
  }
}

function partOf(load: LoadSettings, part: number, parts: number): LoadSettings {
  return { ...load, clients: clientsOfPart(load.clients, part, parts) };
}

type Done = Extract<FromWorker, { kind: 'done' }>;

/** One process, which does one thing at a time. */
class Worker {
  onSecond: (row: SecondRow, latencies: string) => void = () => {};
  private readonly name: string;
  private readonly child: ChildProcess;
  private doing = 'starting';
  private settle: { resolve: (done: Done) => void; reject: (error: Error) => void } | undefined;
  private lost: WorkerLostError | undefined;
  private isClosed = false;

  constructor(task: WorkerTask, onNotice: (what: string) => void, onStalling: () => void) {
    this.child = fork(PROGRAM, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.name = `worker ${task.part + 1} of ${task.parts} (process ${this.child.pid})`;
    this.child.on('error', (error) => this.lose(error.message));
    this.child.on('exit', (code, signal) => this.lose(`ended with ${signal ?? `code ${code}`}`));
    this.child.on('message', (message: FromWorker) => {
      switch (message.kind) {
        case 'done':
          this.settle?.resolve(message);
          break;
        case 'failed':
          this.settle?.reject(new Error(message.why));
          break;
        case 'second':
          this.onSecond(message.row, message.latencies);
          break;
        case 'notice':
          onNotice(message.what);
          break;
        case 'stalling':
          onStalling();
      }
    });
    this.send({ begin: task });
  }

  private lose(how: string): void {
    if (this.isClosed) return;
    this.lost = new WorkerLostError(
      `${this.name} ${how} (${this.doing}): the load was not all there, so the run has no figures`,
    );
    this.settle?.reject(this.lost);
  }

  ask(call: WorkerCall): Promise<Done> {
    if (this.lost !== undefined) return Promise.reject(this.lost);
    this.doing = call.call;
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.send(call);
    });
  }

  send(message: ToWorker): void {
    if (this.child.connected) this.child.send(message, () => {});
  }

  close(): void {
    this.isClosed = true;
    this.child.kill('SIGKILL');
  }
}

/** All parts together, but for the seconds. */
function merged(parts: readonly MeasuredPart[], offsetMs: number): Omit<Generated, 'seconds'> {
  const sum = (of: (part: MeasuredPart) => number) => parts.reduce((total, part) => total + of(part), 0);
  const failuresByKind = new Map<FailureKind, number>();
  for (const part of parts) {
    for (const [kind, count] of part.failuresByKind) failuresByKind.set(kind, (failuresByKind.get(kind) ?? 0) + count);
  }
  const services = parts.flatMap(({ service }) => (service === undefined ? [] : decoded(service)));
  return {
    startedAtMs: Math.min(...parts.map(({ startedAtMs }) => startedAtMs)),
    summary: {
      startedMs: Math.min(...parts.map(({ summary }) => summary.startedMs)) - offsetMs,
      issuedUntilMs: Math.max(...parts.map(({ summary }) => summary.issuedUntilMs)) - offsetMs,
      endedMs: Math.max(...parts.map(({ summary }) => summary.endedMs)) - offsetMs,
      issued: sum(({ summary }) => summary.issued),
      completed: sum(({ summary }) => summary.completed),
      failed: sum(({ summary }) => summary.failed),
      dropped: sum(({ summary }) => summary.dropped),
      lagMsMax: Math.max(...parts.map(({ summary }) => summary.lagMsMax)),
    },
    writes: added(parts.map(({ writes }) => decoded(writes))),
    reads: added(parts.map(({ reads }) => decoded(reads))),
    service: services.length === 0 ? undefined : added(services),
    failuresByKind,
    answeredReads: sum(({ answeredReads }) => answeredReads),
    answeredWrites: sum(({ answeredWrites }) => answeredWrites),
    mended: {
      retries: sum(({ mended }) => mended.retries),
      linksLost: sum(({ mended }) => mended.linksLost),
      stalls: sum(({ mended }) => mended.stalls),
      notLeader: sum(({ mended }) => mended.notLeader),
    },
    otherCpuSeconds: sum(({ figures }) => figures.processCpuSeconds),
    figures: parts.map(({ figures: { sentLate, ...figures } }) => ({
      ...figures,
      sentLate: sentLate === undefined ? undefined : decoded(sentLate),
    })),
  };
}

/** Times that are in a span of each list. */
export function commonSpans(lists: readonly (readonly Span[])[]): Span[] {
  const [first = [], ...others] = lists;
  return others.reduce<readonly Span[]>(
    (common, list) =>
      common.flatMap((one) =>
        list.flatMap((other) => {
          const fromMs = Math.max(one.fromMs, other.fromMs);
          const untilMs = Math.min(one.untilMs, other.untilMs);
          return fromMs < untilMs ? [{ fromMs, untilMs }] : [];
        }),
      ),
    first,
  ) as Span[];
}

/** Seconds of all processes as one: their histograms added up, never their percentiles. */
export class MergedSeconds {
  private readonly parts: number;
  private readonly onSecond: OnSecond;
  private readonly seconds = new Map<number, { rows: SecondRow[]; latencies: string[] }>();

  constructor(parts: number, onSecond: OnSecond) {
    this.parts = parts;
    this.onSecond = onSecond;
  }

  /** `latencies`: an encoded histogram of the row's requests. */
  add(row: SecondRow, latencies: string): void {
    const entry = this.seconds.get(row.second) ?? { rows: [], latencies: [] };
    entry.rows.push(row);
    entry.latencies.push(latencies);
    this.seconds.set(row.second, entry);
    if (entry.rows.length < this.parts) return;
    const all = merge(entry.latencies);
    this.onSecond(mergedRow(row.second, entry.rows, all), all);
  }

  /** All of them, none left out. */
  finish(): SecondRow[] {
    const count = Math.max(-1, ...this.seconds.keys()) + 1;
    return Array.from({ length: count }, (_, second) => {
      const { rows = [], latencies = [] } = this.seconds.get(second) ?? {};
      return mergedRow(second, rows, merge(latencies));
    });
  }
}

function merge(latencies: readonly string[]): Histogram {
  const all = latencyHistogram();
  for (const text of latencies) all.add(decoded(text));
  return all;
}

function mergedRow(second: number, rows: readonly SecondRow[], all: Histogram): SecondRow {
  const sum = (of: (row: SecondRow) => number) => rows.reduce((total, row) => total + of(row), 0);
  const any = all.totalCount > 0;
  return {
    second,
    reads: sum(({ reads }) => reads),
    writes: sum(({ writes }) => writes),
    failed: sum(({ failed }) => failed),
    dropped: sum(({ dropped }) => dropped),
    latencyUsP50: any ? all.getValueAtPercentile(50) : 0,
    latencyUsP99: any ? all.getValueAtPercentile(99) : 0,
    latencyUsMax: any ? all.maxValue : 0,
  };
}

import { setTimeout as pause } from 'node:timers/promises';
import { onInterrupt } from '../../cli/interrupts.ts';
import { clientSecurity } from '../../net/endpoints/clientSecurity.ts';
import { IncidentLog } from '../incidents/incidentLog.ts';
import { StallWatch } from '../incidents/stallWatch.ts';
import { systemOf } from '../systems/systemOf.ts';
import type { Generated } from './generator.ts';
import {
  encoded,
  type FromWorker,
  type MeasuredPart,
  machineMs,
  machineOffsetMs,
  type ToWorker,
  type WorkerCall,
  type WorkerTask,
} from './loadWorkerMessages.ts';
import { LocalGenerator } from './localGenerator.ts';

/**
 * A process that makes a part of the load, as `--workers` asks for: it is told what to do by the process that started it, does what that would have
 * done itself, and ends with it. Ctrl-C is that one's to understand.
 */
const STALL_LOOK_MS = 20;

onInterrupt(() => {});
process.on('disconnect', () => process.exit(1));
const stop = new AbortController();
let part: Part | undefined;
process.on('message', (message: ToWorker) => {
  if ('begin' in message) part = new Part(message.begin);
  else if ('signal' in message) {
    stop.abort();
    if (message.signal === 'hurry') part?.close();
  } else void answer(message);
});

async function answer(call: WorkerCall): Promise<void> {
  try {
    tell(await part!.handle(call));
  } catch (error) {
    tell({ kind: 'failed', why: error instanceof Error ? error.message : String(error) });
  }
}

function tell(message: FromWorker): void {
  // Where nobody listens any more, this process is about to end.
  if (process.connected) process.send!(message, () => {});
}

class Part {
  private readonly generator: LocalGenerator;
  private readonly log = new IncidentLog();
  private readonly stalls: StallWatch;

  constructor(task: WorkerTask) {
    const { load, addresses, seed, part: number, parts, mark, csvFolder, distanceMs } = task;
    const client = systemOf(task.cluster, clientSecurity(task.credentials)).newClient(addresses, {
      rpc: load.rpc,
      hasLookups: load.reads > 0,
      onNotice: (what) => tell({ kind: 'notice', what }),
    });
    this.stalls = new StallWatch(this.log, distanceMs, () => performance.now());
    this.generator = new LocalGenerator({
      load,
      client,
      seed,
      part: number,
      parts,
      mark,
      csvFolder,
      sinks: [this.stalls],
      signal: stop.signal,
    });
  }

  async handle(call: WorkerCall): Promise<FromWorker> {
    switch (call.call) {
      case 'open':
        return { kind: 'done', isOpen: await this.generator.open() };
      case 'fill':
        await this.generator.fill();
        break;
      case 'warm-up':
        await this.generator.warmUp(call.durationMs);
        break;
      case 'measure':
        return { kind: 'done', isOpen: true, measured: await this.measure(call.atMs) };
    }
    return { kind: 'done', isOpen: true };
  }

  private async measure(atMs: number): Promise<MeasuredPart> {
    await pause(Math.max(0, atMs - machineMs()));
    const looking = setInterval(() => {
      if (this.stalls.isStalling(performance.now())) tell({ kind: 'stalling' });
    }, STALL_LOOK_MS);
    const generated = await this.generator.measure((row, latencies) => {
      tell({ kind: 'second', row, latencies: encoded(latencies) });
    });
    clearInterval(looking);
    this.stalls.finish();
    return this.partOf(generated);
  }

  private partOf(generated: Generated): MeasuredPart {
    const { writes, reads, service, figures, seconds: _, ...rest } = generated;
    const { summary } = rest;
    const offsetMs = machineOffsetMs();
    const [{ sentLate, ...own }] = figures as [Generated['figures'][number]];
    const { audit } = this.generator;
    audit.compact();
    const { number, key, acked, recorded, ...audited } = audit.writes;
    return {
      ...rest,
      summary: {
        ...summary,
        startedMs: summary.startedMs + offsetMs,
        issuedUntilMs: summary.issuedUntilMs + offsetMs,
        endedMs: summary.endedMs + offsetMs,
      },
      writes: encoded(writes),
      reads: encoded(reads),
      service: service && encoded(service),
      figures: { ...own, sentLate: sentLate && encoded(sentLate) },
      stalls: this.log.since(0).map(({ atMs, untilMs }) => ({
        fromMs: (atMs ?? 0) + offsetMs,
        untilMs: (untilMs ?? atMs ?? 0) + offsetMs,
      })),
      audited: {
        ...audited,
        recorded,
        number: number.slice(0, recorded),
        key: key.slice(0, recorded),
        acked: acked.slice(0, recorded),
      },
    };
  }

  close(): void {
    this.generator.close();
  }
}

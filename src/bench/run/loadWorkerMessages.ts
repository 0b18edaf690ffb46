import { decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { SecondRow } from '../../client/load/latencyRecorder.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import type { LoadSettings, RunSettings } from '../results/schema.ts';
import type { Generated } from './generator.ts';
import type { GeneratorFigures } from './generatorWatch.ts';
import type { AuditedWrites } from './writeChecks.ts';

/** What a process that makes a part of the load has to know. */
export interface WorkerTask {
  readonly cluster: RunSettings['cluster']['kind'];
  readonly addresses: readonly string[];
  /** The files by which one proves to the servers who one is; undefined where nobody has to. */
  readonly credentials: CredentialFiles | undefined;
  /** With the clients of this part. */
  readonly load: LoadSettings;
  readonly seed: number;
  readonly part: number;
  readonly parts: number;
  readonly mark: string;
  readonly csvFolder: string | undefined;
  /** From the servers, one way. */
  readonly distanceMs: number;
}

/** What it is asked to do, one after the other. */
export type WorkerCall =
  | { readonly call: 'open' | 'fill' }
  | { readonly call: 'warm-up'; readonly durationMs: number }
  | { readonly call: 'measure'; readonly atMs: number };

/** `stop`: as Ctrl-C is meant; `hurry`: wait for nothing. */
export type ToWorker = { readonly begin: WorkerTask } | WorkerCall | { readonly signal: 'stop' | 'hurry' };

export type FromWorker =
  | { readonly kind: 'done'; readonly isOpen: boolean; readonly measured?: MeasuredPart }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'second'; readonly row: SecondRow; readonly latencies: string }
  | { readonly kind: 'notice'; readonly what: string }
  | { readonly kind: 'stalling' };

/** As `Generated`, with histograms as text; times are of the machine's clock. */
export interface MeasuredPart extends Omit<Generated, 'writes' | 'reads' | 'service' | 'figures' | 'seconds'> {
  readonly writes: string;
  readonly reads: string;
  readonly service: string | undefined;
  readonly figures: Omit<GeneratorFigures, 'sentLate'> & { readonly sentLate: string | undefined };
  /** When nobody was answered though requests waited. */
  readonly stalls: readonly Span[];
  /** What it followed. */
  readonly audited: AuditedWrites;
}

export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** ms on a clock that all processes of the machine share, and that nobody sets. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** What has to be added to a time of this process' `performance.now()` to have it on that clock. */
export function machineOffsetMs(): number {
  return machineMs() - performance.now();
}

export function encoded(histogram: Histogram): string {
  return encodeIntoCompressedBase64(histogram);
}

export function decoded(text: string): Histogram {
  return decodeFromCompressedBase64(text, 64);
}

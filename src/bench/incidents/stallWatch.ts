import type { LoadSink } from '../../client/load/loadGenerator.ts';
import type { IncidentLog } from './incidentLog.ts';

/** A pause of all clients is a stall from so long on, beside what the distance takes, ms; as scenarios tell of it. */
export const STALL_MS_MIN = 200;
/** Of an insert, one way each: to the leader and back, to the followers and back. */
export const WAYS = 4;

/** Notes times in which requests waited and none was answered. */
export class StallWatch implements LoadSink {
  private readonly log: IncidentLog;
  private readonly stallMsMin: number;
  private pending = 0;
  /** Since when those that wait have seen no answer. */
  private sinceMs = 0;
  /** Nobody has been answered since requests failed last. */
  private isFailing = false;
  private failedMs = 0;
  private readonly nowMs: () => number;

  /** `distanceMs`: what a byte takes one way. `nowMs` is the load's clock. */
  constructor(log: IncidentLog, distanceMs: number, nowMs: () => number) {
    this.log = log;
    this.stallMsMin = STALL_MS_MIN + WAYS * distanceMs;
    this.nowMs = nowMs;
  }

  issued(): void {
    if (this.pending++ === 0 && !this.isFailing) this.sinceMs = this.nowMs();
  }

  completed(_read: boolean, _fromMs: number, endMs: number): void {
    this.pending--;
    this.isFailing = false;
    this.note(endMs);
    this.sinceMs = endMs;
  }

  failed(_read: boolean, _kind: string, _fromMs: number, endMs: number): void {
    this.pending--;
    this.isFailing = true;
    this.failedMs = endMs;
  }

  dropped(): void {}

  /** Whether requests wait so long already that it may become a stall. */
  isStalling(nowMs: number): boolean {
    return (this.pending > 0 || this.isFailing) && nowMs - this.sinceMs > this.stallMsMin / 2;
  }

  /** Nothing more is sent or answered. */
  finish(): void {
    if (this.isFailing) this.note(this.failedMs);
    this.isFailing = false;
  }

  private note(untilMs: number): void {
    this.noteSpan(this.sinceMs, untilMs);
  }

  /** A time in which none of those that waited was answered, where it is long enough. */
  noteSpan(fromMs: number, untilMs: number): void {
    const lastedMs = untilMs - fromMs;
    if (lastedMs < this.stallMsMin) return;
    const what = `no request was answered for ${(lastedMs / 1000).toFixed(2)} s`;
    this.log.add({ kind: 'stall', atMs: fromMs, untilMs, server: null, what });
  }
}

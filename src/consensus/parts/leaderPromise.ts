import type { EngineInit, EngineSettings } from '../contract.ts';

/** For how long servers of these settings promise to elect nobody, ms; 0: they do not. */
export function promiseMs({ readProof, electionTimeoutMs }: EngineSettings): number {
  return readProof === 'lease' ? Math.floor(electionTimeoutMs) : 0;
}

/**
 * What a server promises its leader in answering it, where reads go by a lease (`LeaderLease`): for an election timeout it neither votes
 * nor stands for election, whatever becomes of its term meanwhile, unless that leader itself wants another one. It says so in its
 * answers, and a leader counts nobody who does not: servers of other settings, of earlier versions, or of the original.
 *
 * It counts from a reading of the clock *after* the leader was heard, as the one before may be old. A server that starts may have promised
 * before it went down: it is bound as if it had heard a leader just then, for what it promises now or may have promised before,
 * whichever is longer and whatever its settings are now.
 */
export class LeaderPromise {
  /** How long it is bound by what it promises, ms; 0: it promises nothing. */
  readonly lastsMs: number;
  /** Whether all members read what messages say of promises; builds from before them end a link on which it comes. */
  areRead = true;
  /** How long it is bound from its start. */
  private readonly fromStartMs: number;
  private startMs: number | undefined;
  private heardMs = Number.NEGATIVE_INFINITY;
  private nowMs = Number.NEGATIVE_INFINITY;
  /** It heard a leader, and the clock was not read since. */
  private isHeard = false;

  constructor({ settings, promisedBeforeMs = 0 }: Pick<EngineInit, 'settings' | 'promisedBeforeMs'>) {
    this.lastsMs = promiseMs(settings);
    this.fromStartMs = Math.max(this.lastsMs, promisedBeforeMs);
  }

  /** What answers say of what it promises. Who does not say it is bound all the same, and nobody counts on it. */
  get toldMs(): number | undefined {
    return this.areRead && this.lastsMs > 0 ? this.lastsMs : undefined;
  }

  /** A leader of the present term spoke. */
  heard(): void {
    if (this.lastsMs > 0) this.isHeard = true;
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    this.startMs ??= nowMs;
    if (!this.isHeard) return;
    this.isHeard = false;
    this.heardMs = nowMs;
  }

  /** Whether it may neither vote nor stand. */
  get binds(): boolean {
    return this.isHeard || this.nowMs - this.heardMs < this.lastsMs || this.isBoundByStart;
  }

  private get isBoundByStart(): boolean {
    if (this.fromStartMs === 0) return false;
    return this.startMs === undefined || this.nowMs - this.startMs < this.fromStartMs;
  }
}

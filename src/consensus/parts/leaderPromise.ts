import type { EngineSettings } from '../contract.ts';

/**
 * What a server promises its leader in answering it, where reads go by a lease (`LeaderLease`): for an election timeout it neither votes
 * nor stands for election, whatever becomes of its term meanwhile, unless that leader itself wants another one. It says so in its
 * answers, and a leader counts nobody who does not: servers of other settings, of earlier versions, or of the original.
 *
 * It counts from a reading of the clock *after* the leader was heard, as the one before may be old. A server that starts may have promised
 * before it went down: it is bound as if it had heard a leader just then.
 */
export class LeaderPromise {
  /** How long it is bound, ms; 0: it promises nothing, and is never bound. */
  readonly lastsMs: number;
  /** What its answers say of that. */
  readonly toldMs: number | undefined;
  private heardMs = Number.NEGATIVE_INFINITY;
  private nowMs = Number.NEGATIVE_INFINITY;
  /** It heard a leader, and the clock was not read since. */
  private isHeard = true;

  constructor({ readProof, electionTimeoutMs }: Pick<EngineSettings, 'readProof' | 'electionTimeoutMs'>) {
    this.lastsMs = readProof === 'lease' ? Math.floor(electionTimeoutMs) : 0;
    this.toldMs = this.lastsMs > 0 ? this.lastsMs : undefined;
  }

  /** A leader of the present term spoke. */
  heard(): void {
    this.isHeard = true;
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    if (!this.isHeard) return;
    this.isHeard = false;
    this.heardMs = nowMs;
  }

  /** Whether it may neither vote nor stand. */
  get binds(): boolean {
    return this.lastsMs > 0 && (this.isHeard || this.nowMs - this.heardMs < this.lastsMs);
  }
}

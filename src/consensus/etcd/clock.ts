import type { EngineSettings } from '../contract.ts';

/** Ticks in an election timeout at least, so that candidates' random timeouts fall apart. */
const ELECTION_TICKS_MIN = 10;

/** Turns the host's ms into the node's ticks. */
export class TickClock {
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  private tickedMs: number;

  constructor({ heartbeatMs, electionTimeoutMs }: EngineSettings, nowMs: number) {
    this.tickMs = Math.min(heartbeatMs, electionTimeoutMs / ELECTION_TICKS_MIN);
    this.heartbeatTicks = Math.max(1, Math.floor(heartbeatMs / this.tickMs));
    this.electionTicks = Math.max(this.heartbeatTicks + 1, Math.ceil(electionTimeoutMs / this.tickMs));
    this.tickedMs = nowMs;
  }

  /** How many ticks have passed since the last call; of more than an election timeout, as many as make one. */
  advance(nowMs: number): number {
    const elapsed = Math.floor((nowMs - this.tickedMs) / this.tickMs);
    if (elapsed > this.electionTicks) {
      this.tickedMs = nowMs;
      return this.electionTicks;
    }
    this.tickedMs += elapsed * this.tickMs;
    return elapsed;
  }
}

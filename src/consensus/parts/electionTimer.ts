/** A tick that comes this part of an election timeout after the one before shows that the host did not run. */
const SLEPT = 0.5;

/**
 * One rule for a host that slept, in every engine. What came meanwhile, heartbeats, answers, finished writes, waits behind the tick
 * that wakes it. So this tick decides nothing, and nobody is declared gone before as long again has passed. The one after it
 * decides, however late: a host whose every tick is late still finds out who is gone.
 */
export class HostSleep {
  /** What whoever is waited for gets from now on, at least, ms. */
  readonly graceMs: number;
  private tickedMs: number;
  private slept = false;

  constructor(electionTimeoutMs: number, nowMs: number) {
    this.graceMs = SLEPT * electionTimeoutMs;
    this.tickedMs = nowMs;
  }

  /** A tick came; whether it decides nothing. */
  tick(nowMs: number): boolean {
    this.slept = !this.slept && nowMs - this.tickedMs >= this.graceMs;
    this.tickedMs = nowMs;
    return this.slept;
  }
}

/** When a server that hears nothing of a leader stands for election (Raft §5.2). */
export class ElectionTimer {
  private readonly electionTimeoutMs: number;
  private readonly random: () => number;
  private readonly sleep: HostSleep;
  private dueMs = 0;

  constructor(electionTimeoutMs: number, random: () => number, nowMs: number) {
    this.electionTimeoutMs = electionTimeoutMs;
    this.random = random;
    this.sleep = new HostSleep(electionTimeoutMs, nowMs);
    this.restart(nowMs);
  }

  /** See `HostSleep`. */
  get graceMs(): number {
    return this.sleep.graceMs;
  }

  /** Runs out between one and two election timeouts from now, uniformly. */
  restart(nowMs: number): void {
    this.dueMs = nowMs + this.electionTimeoutMs * (1 + this.random());
  }

  /** A tick came; whether the host slept, so that it decides nothing. */
  tick(nowMs: number): boolean {
    if (!this.sleep.tick(nowMs)) return false;
    this.dueMs = Math.max(this.dueMs, nowMs + this.graceMs);
    return true;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.dueMs;
  }
}

import { formatDuration } from '../../goflags/goValues.ts';
import type { PlannedRun, Rounds } from './plan.ts';

/** To start servers, open sessions, check what was acknowledged, and stop, on a machine that has nothing else to do. */
const AROUND_MEASUREMENT_MS = 4000;

/** How much of a series is done, and how long the rest may take: by what was planned, then by what it took so far. */
export class TimeLeft {
  private readonly runs: readonly PlannedRun[];
  private readonly rounds: Rounds;
  private done = 0;
  private measured = 0;
  private tookMs = 0;

  constructor(runs: readonly PlannedRun[], rounds: Rounds) {
    this.runs = runs;
    this.rounds = rounds;
  }

  /** All measurements of the series; undefined where its precision decides. */
  get total(): number | undefined {
    return this.rounds.kind === 'fixed' ? this.rounds.count * this.runs.length : undefined;
  }

  /** Of the rest, ms; undefined where nobody can tell. */
  get restMs(): number | undefined {
    if (this.total === undefined) return undefined;
    const eachMs = this.measured > 0 ? this.tookMs / this.measured : this.plannedMs() / this.runs.length;
    return (this.total - this.done) * eachMs;
  }

  took(ms: number): void {
    this.done++;
    this.measured++;
    this.tookMs += ms;
  }

  /** It is there already. */
  skip(): void {
    this.done++;
  }

  /** `grid-etcd 2/3` or, of many, `grid-etcd 2/3 (17 of 54, 9m left)`. */
  title(name: string, round: number): string {
    if (this.rounds.kind === 'precision') return `${name} ${round + 1}`;
    const each = this.rounds.count > 1 ? `${name} ${round + 1}/${this.rounds.count}` : name;
    return this.total! > 2 ? `${each} (${this.done + 1} of ${this.total}, ${roughly(this.restMs!)} left)` : each;
  }

  /** Of one round. */
  private plannedMs(): number {
    return (
      this.runs.reduce((sum, { settings }) => sum + settings.load.timeMs + settings.load.warmupMs, 0) +
      this.runs.length * AROUND_MEASUREMENT_MS
    );
  }
}

/** To the second below two minutes, else to the minute. */
export function roughly(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 120 ? `${seconds}s` : formatDuration(Math.round(seconds / 60) * 60_000).replace(/m0s$/, 'm');
}

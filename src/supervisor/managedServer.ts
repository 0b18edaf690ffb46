import { printable } from '../cli/printable.ts';
import { ExitCode, type Notice } from '../wire/supervision.ts';
import type { StartFrom } from './clusterPlan.ts';
import type { ClusterEventListener } from './events.ts';
import { guardPaused } from './process/pauseGuard.ts';
import { type ProcessExit, type ServerProcess, within } from './process/serverProcess.ts';
import { planRestart, type RestartPolicy } from './restartPolicy.ts';

/** Of a server's words in a line of ours, characters. */
const REFUSAL_LENGTH_MAX = 300;

export type ServerState = 'running' | 'paused' | 'restarting' | 'stopped';

/** How long a server is given to end after each signal of a stop, ms. */
export interface StopGrace {
  /** After SIGINT, on which a server writes its CSV files. */
  readonly interruptMs: number;
  /** After SIGTERM. SIGKILL follows. */
  readonly terminateMs: number;
}

export const defaultStopGrace: StopGrace = { interruptMs: 5000, terminateMs: 2000 };

export interface ManagedServerOptions {
  readonly id: number;
  readonly policy: RestartPolicy;
  /** Whether a crash now is to be followed by a restart; asked at each. */
  readonly mayRestart: () => boolean;
  readonly grace: StopGrace;
  readonly launch: (from: StartFrom, more: readonly string[]) => ServerProcess;
  readonly onEvent: ClusterEventListener;
  /** Monotonic, ms. */
  readonly nowMs: () => number;
}

interface Running {
  readonly process: ServerProcess;
  readonly startedMs: number;
  /** Resolves once this object has taken note of the end. */
  readonly settled: Promise<ProcessExit>;
  resume: (() => void) | undefined;
  endsOnPurpose: boolean;
  restartsAfterCrash: boolean;
}

/** One server of a cluster through all the processes that it is in turn: it starts again after a crash, later each time. */
export class ManagedServer {
  private readonly options: ManagedServerOptions;
  private running: Running | undefined;
  private restartTimer: NodeJS.Timeout | undefined;
  private restartAtMs = 0;
  private crashes = 0;
  private restartCount = 0;
  private launches = 0;
  private latestExit: ProcessExit | undefined;
  private isHeld = false;
  private lastNotice: Notice | undefined;

  constructor(options: ManagedServerOptions) {
    this.options = options;
  }

  get id(): number {
    return this.options.id;
  }

  get pid(): number | undefined {
    return this.running?.process.pid;
  }

  get state(): ServerState {
    if (this.running !== undefined) return this.running.resume === undefined ? 'running' : 'paused';
    return this.restartTimer === undefined ? 'stopped' : 'restarting';
  }

  /** ms until it starts again, where it waits for that. */
  get restartInMs(): number | undefined {
    if (this.restartTimer === undefined) return undefined;
    return Math.max(0, this.restartAtMs - this.options.nowMs());
  }

  /** How often it was started after the first time. */
  get restarts(): number {
    return this.restartCount;
  }

  /** It is down because that was asked for, and stays so until somebody asks for it to start. */
  get held(): boolean {
    return this.isHeld;
  }

  get lastExit(): ProcessExit | undefined {
    return this.latestExit;
  }

  /** What its process told us last, or where none runs the one before. */
  get notice(): Notice | undefined {
    return this.running === undefined ? this.lastNotice : this.running.process.notice();
  }

  /** Resolves when the process that runs now ends; never where none does. */
  get ended(): Promise<ProcessExit> {
    return this.running?.settled ?? new Promise(() => {});
  }

  /** Starts it, where it does not run. From the second time on it never starts from nothing, but continues from its data. `more` are flags of this start alone. */
  start(wanted: StartFrom, more: readonly string[] = []): void {
    this.isHeld = false;
    this.cancelRestart();
    if (this.running !== undefined) return;
    const from = wanted === 'nothing' && this.launches > 0 ? 'data' : wanted;
    if (this.launches > 0) this.restartCount++;
    this.launches++;
    const process = this.options.launch(from, more);
    const running: Running = {
      process,
      startedMs: this.options.nowMs(),
      settled: process.exited.then((exit) => {
        this.noteEnd(running, exit);
        return exit;
      }),
      resume: undefined,
      endsOnPurpose: false,
      restartsAfterCrash: true,
    };
    this.running = running;
    if (process.pid !== undefined) {
      this.options.onEvent({ type: 'started', id: this.id, pid: process.pid, from });
    }
  }

  private noteEnd(running: Running, exit: ProcessExit): void {
    running.resume?.();
    this.running = undefined;
    this.latestExit = exit;
    this.lastNotice = running.process.notice();
    const { id, policy, mayRestart, onEvent, nowMs } = this.options;
    const pid = running.process.pid;
    // A server that ends with 0 was asked to, by us or by somebody else.
    if (running.endsOnPurpose || exit.code === 0) {
      onEvent({ type: 'ended', id, pid, exit });
      return;
    }
    if (exit.code === ExitCode.RefusedData) {
      // It would end in the same way again, until somebody has seen to its data.
      onEvent({ type: 'refused', id, pid, why: refusalIn(this.lastNotice) });
      return;
    }
    onEvent({ type: 'crashed', id, pid, exit });
    if (!policy.enabled || !running.restartsAfterCrash || !mayRestart()) return;
    const plan = planRestart(policy, this.crashes, nowMs() - running.startedMs);
    this.crashes = plan.crashes;
    this.restartAtMs = nowMs() + plan.delayMs;
    this.restartTimer = setTimeout(() => this.start('data'), plan.delayMs);
    onEvent({ type: 'restarting', id, delayMs: plan.delayMs, crashes: plan.crashes });
  }

  private cancelRestart(): void {
    clearTimeout(this.restartTimer);
    this.restartTimer = undefined;
  }

  /**
   * Starts it from its data, where it is down. A process that was ended not to start again may not be gone yet: then it starts
   * once that one is, unless it was stopped meanwhile.
   */
  startAgain(): void {
    const { running } = this;
    if (running === undefined || running.restartsAfterCrash) {
      this.start('data');
      return;
    }
    void running.settled.then(() => {
      if (!running.endsOnPurpose) this.start('data');
    });
  }

  /** Sends a signal; false where it does not run. An end that follows is a crash, which `restart: false` leaves at that. */
  signal(signal: NodeJS.Signals, { restart = true }: { readonly restart?: boolean } = {}): boolean {
    const running = this.running;
    if (running?.process.pid === undefined) return false;
    running.restartsAfterCrash = restart;
    if (!running.process.signal(signal)) return false;
    this.options.onEvent({ type: 'signalled', id: this.id, pid: running.process.pid, signal });
    return true;
  }

  /** Stops it where it stands (SIGSTOP); false where it does not run. */
  pause(): boolean {
    const running = this.running;
    if (running?.process.pid === undefined || running.resume !== undefined) return false;
    const { process } = running;
    const pid = process.pid!;
    const release = guardPaused(pid);
    running.resume = () => {
      running.resume = undefined;
      process.signal('SIGCONT');
      release();
    };
    if (!process.signal('SIGSTOP')) return false;
    this.options.onEvent({ type: 'paused', id: this.id, pid });
    return true;
  }

  /** Lets a paused one run on; false where it is not paused. */
  resume(): boolean {
    const running = this.running;
    if (running?.resume === undefined) return false;
    running.resume();
    this.options.onEvent({ type: 'resumed', id: this.id, pid: running.process.pid! });
    return true;
  }

  /** As `stop`; it is `held` from then on. */
  async hold(): Promise<void> {
    this.isHeld = true;
    await this.stop();
  }

  /** Ends it for good: SIGINT, then SIGTERM, then SIGKILL. Resolves once it has ended. */
  async stop(): Promise<void> {
    this.cancelRestart();
    const running = this.running;
    if (running === undefined) return;
    running.endsOnPurpose = true;
    running.resume?.();
    running.process.signal('SIGINT');
    if (await within(running.settled, this.options.grace.interruptMs)) return;
    running.process.signal('SIGTERM');
    if (await within(running.settled, this.options.grace.terminateMs)) return;
    running.process.signal('SIGKILL');
    await running.settled;
  }

  /** Ends it at once, for good. Resolves once it has ended. */
  async stopNow(): Promise<void> {
    this.cancelRestart();
    const running = this.running;
    if (running === undefined) return;
    running.endsOnPurpose = true;
    running.process.signal('SIGKILL');
    await running.settled;
  }
}

/** Why it refused its data, for people. */
function refusalIn(notice: Notice | undefined): string {
  return notice?.kind === 'refuses-data' ? printable(notice.why, REFUSAL_LENGTH_MAX) : 'its log says why';
}

import type { LoadSink } from '../../client/load/loadGenerator.ts';
import { stepOf } from '../../scenarios/file/parse.ts';
import type { FileStep } from '../../scenarios/file/schema.ts';
import { type Happening, since } from '../../scenarios/happenings.ts';
import { detectedMs, findFault, measureCluster } from '../../scenarios/measure.ts';
import type { ServerSample } from '../../scenarios/samples.ts';
import type { Step } from '../../scenarios/scenario.ts';
import { StepPlayer } from '../../scenarios/stepPlayer.ts';
import type { PlayedCluster } from '../../supervisor/play/playedCluster.ts';
import { RealStage } from '../../supervisor/play/realStage.ts';
import type { IncidentLog, OpenIncident } from '../incidents/incidentLog.ts';
import type { Recovery, RunSettings } from '../results/schema.ts';
import { RecoveryWatch } from './recoveryWatch.ts';

/** There is nobody who could do what the schedule says. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
}

/** Does the steps of a schedule while a load runs, of which it is a sink, and measures how the cluster gets over them. */
export class ScheduleRun implements LoadSink {
  private readonly steps: readonly Step[];
  private readonly cluster: PlayedCluster;
  private readonly stage: RealStage;
  private readonly player: StepPlayer;
  private readonly log: IncidentLog;
  private readonly stirred: () => void;
  private readonly watch: RecoveryWatch;
  private readonly happenings: Happening[] = [];
  private readonly timers: (() => void)[] = [];
  private readonly open = new Map<number, OpenIncident>();
  private startedMs: number | undefined;
  private isOver = false;

  /** `distanceMs`: what a byte takes one way. `stirred` is called whenever something has been done. */
  constructor(
    { steps }: NonNullable<RunSettings['schedule']>,
    cluster: PlayedCluster,
    log: IncidentLog,
    distanceMs: number,
    stirred: () => void,
  ) {
    this.steps = steps.map((step) => stepOf(step as FileStep));
    this.cluster = cluster;
    this.stage = new RealStage(cluster);
    this.log = log;
    this.stirred = stirred;
    this.watch = new RecoveryWatch(distanceMs);
    this.player = new StepPlayer(this.stage, {
      note: (happening) => this.note(happening),
      // A schedule has no such step.
      changeLoad: () => {},
      lost: (why) => this.notice(`the servers cannot be asked how they are: ${why}`),
      isOver: () => this.isOver,
    });
  }

  started(nowMs: number): void {
    this.startedMs = nowMs;
    this.watch.started(nowMs);
    for (const [number, step] of this.steps.entries()) {
      this.timers.push(
        this.stage.after(step.atMs, () => {
          this.stirred();
          this.player.fire(number, step);
        }),
      );
    }
  }

  completed(read: boolean, fromMs: number, endMs: number): void {
    this.watch.completed(read, fromMs, endMs);
  }

  failed(): void {
    this.watch.failed();
  }

  dropped(count: number): void {
    this.watch.dropped(count);
  }

  /** All servers as they said last that they are. */
  seen(atMs: number, askedMs: number, servers: readonly ServerSample[]): void {
    if (this.startedMs !== undefined && !this.isOver) this.keep({ kind: 'sample', atMs, askedMs, servers });
  }

  private note(happening: Happening): void {
    if (this.isOver) return;
    this.keep(happening);
    this.stirred();
    const { atMs } = happening;
    switch (happening.kind) {
      case 'step': {
        const { step, what, servers, disturbs } = happening;
        if (disturbs) this.watch.faultAt(atMs);
        // Faults that have an end are told by the cluster, with it.
        const { action } = this.steps[step]!;
        if (action.kind === 'choose' || (action.kind === 'fault' && action.fault.kind !== 'kill')) return;
        const server = servers.length === 1 ? servers[0]! : null;
        this.open.set(step, this.log.add({ kind: 'step', atMs, server, what }));
        return;
      }
      case 'step-over':
        this.open.get(happening.step)?.end(atMs);
        return;
      case 'step-failed':
        this.notice(`${happening.what} did not come about: ${happening.why}`);
    }
  }

  private keep(happening: Happening): void {
    this.happenings.push(since(happening, this.startedMs!));
  }

  private notice(what: string): void {
    this.log.add({ kind: 'notice', atMs: this.stage.nowMs(), server: null, what });
  }

  /** Begins nothing more, and undoes the faults that are left. Resolves with what became of the cluster until `untilMs`; undefined where nothing was done to it. */
  async end(untilMs: number): Promise<Recovery | undefined> {
    for (const callOff of this.timers) callOff();
    this.isOver = true;
    await this.cluster.heal();
    const fault = findFault(this.happenings);
    const load = this.watch.result(untilMs);
    if (fault === undefined || load === undefined) return undefined;
    const servers = measureCluster(this.happenings, untilMs - this.startedMs!);
    const rounded = (ms: number) => Math.round(ms * 10) / 10;
    const maybe = (ms: number | null) => (ms === null ? null : rounded(ms));
    return {
      faultAtMs: rounded(fault.atMs),
      detectMs: maybe(detectedMs(this.happenings)),
      successorMs: maybe(servers.successorMs),
      firstWriteMs: rounded(load.firstWriteMs),
      gapMs: rounded(load.gapMs),
      leaderlessMs: rounded(servers.leaderlessMs),
      fullRateMs: maybe(load.fullRateMs),
      isFullRateReached: load.isFullRateReached,
      ratePerSecondBefore: rounded(load.ratePerSecondBefore),
      catchUpMs: maybe(servers.catchUpMs),
      operatorMs: maybe(servers.operatorMs),
      failed: load.failed,
      slow: load.slow,
    };
  }

  close(): void {
    this.isOver = true;
    for (const callOff of this.timers) callOff();
    this.stage.close();
  }
}

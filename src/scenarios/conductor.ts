import { type Happening, since } from './happenings.ts';
import { findLeader, type ServerSample } from './samples.ts';
import type { Scenario } from './scenario.ts';
import { StepPlayer, type StepStage } from './stepPlayer.ts';
import { type OpenClient, type PlayClock, Writers } from './writers.ts';

/** A cluster that can be put through a scenario, and its clients. */
export interface Stage extends StepStage, PlayClock {
  readonly openClient: OpenClient;
}

/** How often servers are asked how they are, ms. */
export const SAMPLE_MS = 10;
/** Writes of each client before the play begins: it has found the leader then. */
const WARM_UP_WRITES = 20;
const READY_MS_MAX = 60_000;

/** Plays a scenario on a stage: makes its load, fires its steps in their time, and notes what happens. */
export class Conductor {
  readonly happenings: Happening[] = [];
  readonly writers: Writers;
  /** Why the play did not come about, or was broken off. */
  problem: string | undefined;
  isOver = false;
  private readonly scenario: Scenario;
  private readonly stage: Stage;
  private readonly told: (happening: Happening) => void;
  private readonly player: StepPlayer;
  private readonly pending = new Set<() => void>();
  private readonly ended: () => void;
  /** How late each look came, ms: as late as anything that this process is to do. */
  readonly latesMs: number[] = [];
  private startedMs = 0;
  /** When the play began, by the stage's clock; undefined while it has not. */
  private beganMs: number | undefined;

  /** `told` hears of each happening at once, `ended` once that the play is over. */
  constructor(scenario: Scenario, stage: Stage, told: (happening: Happening) => void, ended: () => void) {
    this.scenario = scenario;
    this.stage = stage;
    this.told = told;
    this.ended = ended;
    this.writers = new Writers(
      scenario.load,
      stage,
      (number, opened) => stage.openClient(number, opened),
      (happening) => this.note(happening),
    );
    this.player = new StepPlayer(stage, {
      note: (happening) => this.note(happening),
      changeLoad: (change) => this.writers.change(change),
      lost: this.lost,
      isOver: () => this.isOver,
    });
  }

  start(): void {
    this.startedMs = this.stage.nowMs();
    this.sample();
  }

  /** Ends it before its time. */
  breakOff(why: string): void {
    if (this.isOver) return;
    this.problem = why;
    this.end();
  }

  private readonly lost = (why: string): void => this.breakOff(why);

  private end(): void {
    this.isOver = true;
    for (const callOff of this.pending) callOff();
    this.ended();
  }

  private after(delayMs: number, run: () => void): void {
    const callOff = this.stage.after(delayMs, () => {
      this.pending.delete(callOff);
      run();
    });
    this.pending.add(callOff);
  }

  /** By the play's clock; what was before it began is not noted. */
  private note(happening: Happening): void {
    if (this.beganMs === undefined || this.isOver) return;
    const noted = since(happening, this.beganMs);
    this.happenings.push(noted);
    this.told(noted);
  }

  private sample(): void {
    const askedMs = this.stage.nowMs();
    this.stage.look((servers) => {
      if (this.isOver) return;
      const nowMs = this.stage.nowMs();
      if (this.beganMs === undefined) this.beginWhenServed(servers, nowMs);
      this.note({ kind: 'sample', atMs: nowMs, askedMs, servers });
      if (this.isOver) return;
      const waitMs = Math.max(0, askedMs + SAMPLE_MS - nowMs);
      this.after(waitMs, () => {
        // Timers go by whole milliseconds.
        this.latesMs.push(Math.max(0, this.stage.nowMs() - nowMs - Math.ceil(waitMs)));
        this.sample();
      });
    }, this.lost);
  }

  private beginWhenServed(servers: readonly ServerSample[], nowMs: number): void {
    const { members } = this.scenario.cluster;
    const answer = (id: number) => servers.find((server) => server.id === id)?.term !== undefined;
    if (findLeader(servers) !== undefined && members.every(answer) && this.writers.servedLeast >= WARM_UP_WRITES) {
      this.begin(nowMs);
    } else if (nowMs - this.startedMs > READY_MS_MAX) {
      this.breakOff(`the cluster did not serve all clients within ${READY_MS_MAX / 1000} s`);
    }
  }

  private begin(nowMs: number): void {
    this.beganMs = nowMs;
    for (const [number, step] of this.scenario.steps.entries())
      this.after(step.atMs, () => this.player.fire(number, step));
    this.after(this.scenario.lastsMs, () => this.end());
  }
}

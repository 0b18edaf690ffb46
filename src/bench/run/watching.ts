import { performance } from 'node:perf_hooks';
import type { LoadSink } from '../../client/load/loadGenerator.ts';
import { durationMs } from '../../yaml/values.ts';
import { IncidentLog } from '../incidents/incidentLog.ts';
import { LeaderWatch } from '../incidents/leaderWatch.ts';
import { StallWatch } from '../incidents/stallWatch.ts';
import { StatusPoll } from '../incidents/statusPoll.ts';
import { SupervisorEvents } from '../incidents/supervisorEvents.ts';
import type { Incident, RunSettings } from '../results/schema.ts';
import { ScheduleError, ScheduleRun } from './scheduleRun.ts';
import type { Target } from './target.ts';

/** How often servers are asked how they are while all is well, ms: a question costs both ends together some 2 ms of a processor that is idle. */
const CALM_MS = 500;
/** The same where something is to be done to them on purpose, and what it was like before is to be known better. */
const SCHEDULED_MS = 100;
/** While nobody is answered, and for some time after that and after each step of a schedule: no time of a recovery is known better. */
const ALERT_MS = 20;
const ALERT_AFTER_STALL_MS = 1000;
const ALERT_AFTER_STEP_MS = 10_000;
/** How often it is looked whether anybody is answered. */
const LOOK_MS = 20;

/** From the servers to everybody, one way, ms. */
export function distanceMsOf(cluster: RunSettings['cluster']): number {
  return cluster.kind === 'own' && cluster.distance !== undefined ? durationMs(cluster.distance) : 0;
}

/** Watches servers and clients for what happens to them while they are measured. */
export class Watching {
  private readonly stalls: StallWatch;
  /** Does what is done to the servers on purpose. */
  readonly schedule: ScheduleRun | undefined;
  private readonly log = new IncidentLog();
  private readonly poll: StatusPoll;
  private readonly endFollowing: () => void;
  private readonly looking: NodeJS.Timeout;
  private alertUntilMs = 0;
  private isClosed = false;

  /** Throws ScheduleError where nobody can do what the schedule says. */
  constructor(target: Target, { cluster, schedule }: RunSettings) {
    const distanceMs = distanceMsOf(cluster);
    const { played } = target;
    if (schedule !== undefined && played === undefined) {
      throw new ScheduleError(
        "--scenario: expected servers that rkv-cluster of this user runs on this machine, or the bench's own: nobody else can do to them what it says",
      );
    }
    this.schedule =
      schedule === undefined
        ? undefined
        : new ScheduleRun(schedule, played!, this.log, distanceMs, () => this.beAlert(ALERT_AFTER_STEP_MS));
    this.stalls = new StallWatch(this.log, distanceMs, () => performance.now());
    const leaders = new LeaderWatch(this.log);
    const events = new SupervisorEvents(this.log, leaders);
    // Events have the machine's clock, the load has another.
    const epochMs = Date.now() - performance.now();
    this.endFollowing = target.follow((event) => events.happened(event, Date.parse(event.time) - epochMs));
    const calmMs = schedule === undefined ? CALM_MS : SCHEDULED_MS;
    this.poll = new StatusPoll(
      target.addresses.map((address) => target.system.newAsker(address)),
      () => (performance.now() < this.alertUntilMs ? ALERT_MS : calmMs),
      (atMs, askedMs, servers) => {
        leaders.look(atMs, servers);
        this.schedule?.seen(atMs, askedMs, servers);
      },
    );
    this.looking = setInterval(() => {
      if (this.stalls.isStalling(performance.now())) this.beAlert(ALERT_AFTER_STALL_MS);
    }, LOOK_MS);
  }

  /** Nobody is answered, as processes that make load elsewhere see it. */
  stalling(): void {
    this.beAlert(ALERT_AFTER_STALL_MS);
  }

  /** So it was, of the load's clock. */
  stalled(fromMs: number, untilMs: number): void {
    this.stalls.noteSpan(fromMs, untilMs);
  }

  private beAlert(forMs: number): void {
    const nowMs = performance.now();
    const wasAlert = nowMs < this.alertUntilMs;
    this.alertUntilMs = Math.max(this.alertUntilMs, nowMs + forMs);
    if (!wasAlert && !this.isClosed) this.poll.hurry();
  }

  /** What the client did otherwise than it was asked to. */
  notice(what: string): void {
    this.log.add({ kind: 'notice', atMs: performance.now(), server: null, what });
  }

  /** What its load is told to. */
  get sinks(): LoadSink[] {
    return this.schedule === undefined ? [this.stalls] : [this.stalls, this.schedule];
  }

  /** Looks no more. What happened, counted from `startedMs` of the load's clock. */
  end(startedMs: number): Incident[] {
    this.close();
    this.stalls.finish();
    return this.log.since(startedMs);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.looking);
    this.poll.close();
    this.schedule?.close();
    this.endFollowing();
  }
}

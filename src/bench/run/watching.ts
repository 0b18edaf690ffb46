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

/** How often servers are asked how they are: three of them cost 0.9 % of a core then, ms. */
const POLL_MS = 100;
/** Where recovery is measured, which is seen no finer than this. */
const SCHEDULE_POLL_MS = 20;

/** Watches servers and clients for what happens to them while they are measured. */
export class Watching {
  private readonly stalls: StallWatch;
  /** Does what is done to the servers on purpose. */
  readonly schedule: ScheduleRun | undefined;
  private readonly log = new IncidentLog();
  private readonly poll: StatusPoll;
  private readonly endFollowing: () => void;
  private isClosed = false;

  /** Throws ScheduleError where nobody can do what the schedule says. */
  constructor(target: Target, { cluster, schedule }: RunSettings) {
    const distanceMs = cluster.kind === 'own' && cluster.distance !== undefined ? durationMs(cluster.distance) : 0;
    const { played } = target;
    if (schedule !== undefined && played === undefined) {
      throw new ScheduleError(
        "--scenario: expected servers that rkv-cluster of this user runs on this machine, or the bench's own: nobody else can do to them what it says",
      );
    }
    this.schedule = schedule === undefined ? undefined : new ScheduleRun(schedule, played!, this.log, distanceMs);
    this.stalls = new StallWatch(this.log, distanceMs, () => performance.now());
    const leaders = new LeaderWatch(this.log);
    const events = new SupervisorEvents(this.log, leaders);
    // Events have the machine's clock, the load has another.
    const epochMs = Date.now() - performance.now();
    this.endFollowing = target.follow((event) => events.happened(event, Date.parse(event.time) - epochMs));
    const intervalMs = schedule === undefined ? POLL_MS : SCHEDULE_POLL_MS;
    this.poll = new StatusPoll(target.addresses, intervalMs, (atMs, askedMs, servers) => {
      leaders.look(atMs, servers);
      this.schedule?.seen(atMs, askedMs, servers);
    });
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
    this.poll.close();
    this.schedule?.close();
    this.endFollowing();
  }
}

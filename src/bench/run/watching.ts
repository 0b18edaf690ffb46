import { performance } from 'node:perf_hooks';
import { IncidentLog } from '../incidents/incidentLog.ts';
import { LeaderWatch } from '../incidents/leaderWatch.ts';
import { StallWatch } from '../incidents/stallWatch.ts';
import { StatusPoll } from '../incidents/statusPoll.ts';
import { SupervisorEvents } from '../incidents/supervisorEvents.ts';
import type { Incident } from '../results/schema.ts';
import type { Target } from './target.ts';

/** How often servers are asked how they are: three of them cost 0.9 % of a core then, ms. */
const POLL_MS = 100;

/** Watches servers and clients for what happens to them while they are measured. */
export class Watching {
  readonly stalls: StallWatch;
  private readonly log = new IncidentLog();
  private readonly poll: StatusPoll;
  private readonly endFollowing: () => void;
  private isClosed = false;

  constructor(target: Target, distanceMs: number) {
    this.stalls = new StallWatch(this.log, distanceMs, () => performance.now());
    const leaders = new LeaderWatch(this.log);
    const events = new SupervisorEvents(this.log, leaders);
    // Events have the machine's clock, the load has another.
    const epochMs = Date.now() - performance.now();
    this.endFollowing = target.follow((event) => events.happened(event, Date.parse(event.time) - epochMs));
    this.poll = new StatusPoll(target.addresses, POLL_MS, (atMs, _askedMs, servers) => leaders.look(atMs, servers));
  }

  /** What the client did otherwise than it was asked to. */
  notice(what: string): void {
    this.log.add({ kind: 'notice', atMs: performance.now(), server: null, what });
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
    this.endFollowing();
  }
}

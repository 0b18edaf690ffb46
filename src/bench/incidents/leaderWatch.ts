import { findServingLeader, type ServerSample } from '../../scenarios/samples.ts';
import type { IncidentLog, OpenIncident } from './incidentLog.ts';

/** What a server says of itself, and which process says it. */
export interface WatchedServer extends ServerSample {
  /** Undefined where it does not answer. */
  readonly pid: number | undefined;
}

interface Known {
  pid: number;
  /** When it answered last. */
  seenMs: number;
  /** The last time that it was away; another supervisor's word on why comes when that is over. */
  away: Away | undefined;
  /** That process is known to be over. */
  hasEnded: boolean;
}

interface Away {
  readonly incident: OpenIncident;
  readonly fromMs: number;
  /** Undefined while it is away. */
  untilMs: number | undefined;
}

/** By so much a supervisor's clock and the questions may disagree on when a server went, ms. */
const DISAGREEMENT_MS = 1000;

/** Notes elections, changes of leader, times without one, and servers that are away or were started anew, from what servers say of themselves. */
export class LeaderWatch {
  private readonly log: IncidentLog;
  private readonly servers = new Map<number, Known>();
  private term: number | undefined;
  /** The last one that led, and its term. */
  private leader: ServerSample | undefined;
  private leaderless: OpenIncident | undefined;

  constructor(log: IncidentLog) {
    this.log = log;
  }

  /** Of all servers at one moment. The first look says how things are, and is no incident. */
  look(atMs: number, servers: readonly WatchedServer[]): void {
    for (const server of servers) this.lookAtProcess(atMs, server);
    this.lookAtTerms(atMs, servers);
    this.lookAtLeader(atMs, servers);
  }

  /** Its process has ended; that is known sooner and better than from its silence. */
  ended(atMs: number, id: number, what: string): void {
    const known = this.servers.get(id) ?? { pid: 0, seenMs: atMs, away: undefined, hasEnded: true };
    this.servers.set(id, known);
    const { away } = known;
    if (away?.untilMs === undefined) known.hasEnded = true;
    const isKnown =
      away !== undefined &&
      (away.untilMs === undefined || (atMs >= away.fromMs - DISAGREEMENT_MS && atMs <= away.untilMs));
    if (isKnown) away.incident.what = what;
    else known.away = this.beginAway(atMs, id, what);
  }

  private beginAway(atMs: number, id: number, what: string): Away {
    const incident = this.log.add({ kind: 'down', atMs, server: id, what });
    return { incident, fromMs: atMs, untilMs: undefined };
  }

  private lookAtProcess(atMs: number, { id, pid }: WatchedServer): void {
    const known = this.servers.get(id);
    if (pid === undefined) {
      if (known === undefined) return;
      if (!isAway(known)) known.away = this.beginAway(atMs, id, `server ${id} does not answer`);
      return;
    }
    if (known === undefined) {
      this.servers.set(id, { pid, seenMs: atMs, away: undefined, hasEnded: false });
      return;
    }
    if (isAway(known)) {
      // What was asked before its end may be answered after it was told.
      if (known.hasEnded && known.pid === pid) return;
      known.away!.incident.end(atMs);
      known.away!.untilMs = atMs;
    } else if (known.pid !== pid) {
      const what = `server ${id} was started again`;
      this.log.add({ kind: 'down', atMs: known.seenMs, untilMs: atMs, server: id, what });
    }
    known.pid = pid;
    known.hasEnded = false;
    known.seenMs = atMs;
  }

  private lookAtTerms(atMs: number, servers: readonly WatchedServer[]): void {
    const highest = Math.max(...servers.map(({ term }) => term ?? 0), 0);
    const before = this.term ?? highest;
    if (highest > before) {
      const what =
        highest === before + 1 ? `an election: term ${highest}` : `elections: terms ${before + 1} to ${highest}`;
      this.log.add({ kind: 'election', atMs, server: null, what });
    }
    if (highest > 0) this.term = Math.max(before, highest);
  }

  private lookAtLeader(atMs: number, servers: readonly WatchedServer[]): void {
    const found = findServingLeader(servers);
    if (found === undefined) {
      if (this.leader !== undefined && this.leaderless === undefined) {
        this.leaderless = this.log.add({ kind: 'leaderless', atMs, server: null, what: 'no server led' });
      }
      return;
    }
    this.leaderless?.end(atMs);
    this.leaderless = undefined;
    const { leader: before } = this;
    if (before !== undefined && (before.id !== found.id || before.term !== found.term)) {
      const what = `server ${found.id} leads in term ${found.term} (before: server ${before.id}, term ${before.term})`;
      this.log.add({ kind: 'leader', atMs, server: found.id, what });
    }
    this.leader = found;
  }
}

function isAway({ away }: Known): boolean {
  return away !== undefined && away.untilMs === undefined;
}

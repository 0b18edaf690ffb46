import { type NodeId, Role } from '../consensus/contract.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { VirtualServer } from './virtualServer.ts';

/** In election timeouts: the others serve within so many, however long the leader stays deaf. */
const SERVED_WITHIN = 3;
/** A vote that was split costs another wait, which is random in one to two. */
const SPLIT_VOTE_COSTS = 2;
/** Who stands first may be refused where a slower clock says that the leader was heard just now: that costs another wait as well. */
const SLOW_CLOCK_COSTS = 2;
/** Under checkQuorum a leader that hears nothing steps down within so many. */
const STOPS_WITHIN = 3;
/** So long the leader stays deaf. */
const LASTS = 8;
/** Messages and disk writes of one election, generously. */
const ELECTION_HOPS = 10;

/**
 * Makes the leader of a cluster that is otherwise well deaf: what it sends arrives, what the others send it does not. Judges
 * that the others serve while that lasts, and that the leader steps down by itself in time where checkQuorum says so, and not where it does not.
 */
export class DeafLeader {
  readonly id: NodeId;
  readonly term: number;
  private readonly around: Surroundings;
  private readonly servers: readonly VirtualServer[];
  private readonly sinceUs: number;
  private readonly mendNetwork: () => void;
  private isServed = false;
  /** Who stood in each term since then. */
  private readonly candidates = new Map<number, Set<NodeId>>();

  /** undefined where nobody leads whose loss the others could make up for. */
  static of(around: Surroundings, servers: readonly VirtualServer[]): DeafLeader | undefined {
    let leader: { id: NodeId; term: number } | undefined;
    for (const { id } of servers) {
      const { role, term, isRunning, configuration } = around.judge.server(id);
      if (role !== Role.Leader || !isRunning || term <= (leader?.term ?? 0)) continue;
      const canSpareIt = configuration !== undefined && configuration.voters.length >= 3;
      leader = canSpareIt && configuration.outgoing.length === 0 ? { id, term } : undefined;
    }
    return leader === undefined ? undefined : new DeafLeader(around, servers, leader.id, leader.term);
  }

  private constructor(around: Surroundings, servers: readonly VirtualServer[], id: NodeId, term: number) {
    this.around = around;
    this.servers = servers;
    this.id = id;
    this.term = term;
    this.sinceUs = around.timeline.nowUs;
    const others = servers.map((server) => server.id).filter((other) => other !== id);
    const pairs = others.map((other): [number, number] => [other, id]);
    this.mendNetwork = around.network.cut({ kind: 'one-way partition', pairs });
    around.census.count('deaf leader');
    around.trace.note('nemesis', 'deaf leader', () => `server ${id} of term ${term}`);
  }

  /** Whether it was deaf for long enough. Throws InvariantViolation where the others do not serve in time. */
  isOver(): boolean {
    const { timeline, judge, plan } = this.around;
    const timeoutUs = plan.settings.electionTimeoutMs * 1000;
    this.noteCandidates();
    this.checkStopped(timeoutUs);
    // Committed in a later term: somebody else leads, and a majority hears him.
    this.isServed ||= judge.committed.lastBefore(this.term + 1) < judge.committed.length;
    if (!this.isServed && timeline.nowUs > this.deadlineUs) {
      const waitedS = (timeline.nowUs - this.sinceUs) / 1e6;
      throw new InvariantViolation(
        'liveness',
        `server ${this.id} leads term ${this.term} and hears nothing; nobody else served within ${waitedS} s`,
      );
    }
    return this.isServed && timeline.nowUs >= this.sinceUs + LASTS * timeoutUs;
  }

  /** Throws InvariantViolation where it leads on though it hears no quorum, and was told to step down then. */
  private checkStopped(timeoutUs: number): void {
    const { timeline, judge, plan } = this.around;
    const { role, term } = judge.server(this.id);
    const leads = role === Role.Leader && term === this.term;
    if (!leads || !plan.settings.checkQuorum || timeline.nowUs <= this.sinceUs + STOPS_WITHIN * timeoutUs) return;
    throw new InvariantViolation(
      'liveness',
      `server ${this.id} leads term ${term} under checkQuorum and has heard nothing for ${STOPS_WITHIN} election timeouts`,
    );
  }

  private noteCandidates(): void {
    for (const { id } of this.servers) {
      const { role, term } = this.around.judge.server(id);
      if (role !== Role.Candidate) continue;
      const candidates = this.candidates.get(term);
      if (candidates === undefined) this.candidates.set(term, new Set([id]));
      else candidates.add(id);
    }
  }

  private get deadlineUs(): number {
    const { settings, network, disk, clockRates } = this.around.plan;
    const others = clockRates.filter((_, at) => at + 1 !== this.id);
    const slowClocks = Math.min(...others) < Math.max(...others) ? SLOW_CLOCK_COSTS : 0;
    const splitVotes = [...this.candidates.values()].filter(({ size }) => size > 1).length;
    const timeoutUs = settings.electionTimeoutMs * 1000;
    const hopUs = network.delayMinUs + network.delayMeanUs + disk.syncMinUs + disk.syncMeanUs;
    return (
      this.sinceUs + (SERVED_WITHIN + SPLIT_VOTE_COSTS * splitVotes + slowClocks) * timeoutUs + ELECTION_HOPS * hopUs
    );
  }

  /** Throws InvariantViolation where it stepped down by itself. */
  mend(): void {
    const { judge, plan, trace } = this.around;
    const { role, term } = judge.server(this.id);
    const stepped = role !== Role.Leader || term !== this.term;
    if (stepped && !plan.settings.checkQuorum) {
      throw new InvariantViolation(
        'liveness',
        `server ${this.id}, which heard nothing, stepped down without checkQuorum`,
      );
    }
    this.mendNetwork();
    trace.note('nemesis', 'deaf leader hears', () => `server ${this.id}`);
  }
}

import { ChangeType, type MembershipChange, type NodeId, RejectReason, Role } from '../consensus/contract.ts';
import type { RequestResult } from '../server/host/outcomes.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { VirtualServer } from './virtualServer.ts';

/** So many requests, one after the other. */
const REQUESTS = 5;
/** Within so many election timeouts of the request it is done or refused, unless its leader went. */
const ANSWERED_WITHIN = 12;

/** Reasons that speak of who does not answer. */
export const UNANSWERED: ReadonlySet<RejectReason> = new Set([
  RejectReason.NoQuorum,
  RejectReason.TargetUnreachable,
  RejectReason.NotCaughtUp,
  RejectReason.NoSuccessor,
]);

interface Request {
  readonly at: NodeId;
  readonly term: number;
  readonly what: string;
  readonly deadlineUs: number;
  isAnswered: boolean;
}

/**
 * A minority of an otherwise well cluster is gone, and its operator asks for changes that involve the gone, and servers that never
 * were: adding them, removing those whom the others need, handing leadership to them. Judges that what was done can go on, that
 * every request is answered, and that nobody is told to take over who is not there.
 */
export class DeadServers {
  private readonly around: Surroundings;
  private readonly servers: readonly VirtualServer[];
  private readonly random: Random;
  private readonly gone: VirtualServer[] = [];
  private requests = 0;
  private request: Request | undefined;
  private nextUs: number;
  private violation: InvariantViolation | undefined;

  constructor(around: Surroundings, servers: readonly VirtualServer[]) {
    this.around = around;
    this.servers = servers;
    this.random = around.random.fork('dead servers');
    for (const server of this.victims()) {
      server.stop();
      server.staysAway = true;
      this.gone.push(server);
    }
    around.census.count('servers that stay away');
    around.trace.note('nemesis', 'gone', () => this.gone.map(({ id }) => id).join(' ') || 'nobody');
    // Until then a gone server may still be heard.
    this.nextUs = around.network.allArrivedUs;
  }

  /** Less than half of the voters, the first one being who would be chosen of equals; and some that do not vote. */
  private victims(): VirtualServer[] {
    const leader = this.leader();
    const voters = leader?.status()?.configuration.voters ?? [];
    const others = this.servers.filter(({ id, isRunning }) => isRunning && id !== leader?.id);
    const followers = others.filter(({ id }) => voters.includes(id));
    const outsiders = others.filter(({ id }) => !voters.includes(id));
    const spared = this.random.int(Math.ceil(voters.length / 2));
    const count = Math.max(0, Math.ceil(voters.length / 2) - 1 - (voters.length > 3 ? spared : 0));
    return [...followers.slice(0, count), ...outsiders.filter(() => this.random.chance(0.5))];
  }

  /** Throws InvariantViolation. */
  isOver(): boolean {
    const { timeline, judge } = this.around;
    if (this.violation !== undefined) throw this.violation;
    if (timeline.nowUs < this.nextUs) return false;
    if (this.request === undefined) {
      if (this.requests === 0) for (const { id } of this.gone) judge.gone.add(id);
      if (this.requests === REQUESTS) return true;
      this.ask();
      return false;
    }
    const { at, term, what, deadlineUs, isAnswered } = this.request;
    const asked = judge.server(at);
    const leads = asked.isRunning && asked.role === Role.Leader && asked.term === term;
    if (!isAnswered && leads) {
      if (timeline.nowUs <= deadlineUs) return false;
      throw new InvariantViolation('liveness', `server ${at} leads, and neither does nor refuses: ${what}`);
    }
    this.request = undefined;
    this.nextUs = timeline.nowUs + this.timeoutUs;
    return false;
  }

  revive(): void {
    for (const server of this.gone) {
      this.around.judge.gone.delete(server.id);
      server.staysAway = false;
      server.start();
    }
    this.around.trace.note('nemesis', 'back', () => this.gone.map(({ id }) => id).join(' '));
  }

  private get timeoutUs(): number {
    return this.around.plan.settings.electionTimeoutMs * 1000;
  }

  private leader(): VirtualServer | undefined {
    let leader: VirtualServer | undefined;
    for (const server of this.servers) {
      const { isRunning, role, term } = this.around.judge.server(server.id);
      if (!isRunning || role !== Role.Leader) continue;
      if (leader === undefined || term > this.around.judge.server(leader.id).term) leader = server;
    }
    return leader;
  }

  private ask(): void {
    this.requests++;
    const leader = this.leader();
    const status = leader?.status();
    if (leader === undefined || status === undefined) {
      this.nextUs = this.around.timeline.nowUs + this.timeoutUs;
      return;
    }
    const absent = [...this.gone.map(({ id }) => id), this.around.plan.serverCount + 1];
    const isTransfer = this.requests === 1 || this.random.chance(0.4);
    const to = this.requests === 1 || this.random.chance(0.4) ? 0 : this.random.pick(absent);
    const change = this.drawChange(status.configuration.voters, absent);
    const deadlineUs = this.around.timeline.nowUs + ANSWERED_WITHIN * this.timeoutUs;
    const what = isTransfer ? `transfer to ${to || 'anyone'}` : `${change.type} ${change.id}`;
    const request: Request = { at: leader.id, term: status.term, what, deadlineUs, isAnswered: false };
    this.request = request;
    this.around.trace.note('operator', 'asks', () => `server ${leader.id}: ${what}`);
    const answered = (result: RequestResult) => {
      request.isAnswered = true;
      this.around.trace.note('operator', 'hears', () => `${what}: ${result.ok ? 'done' : result.reason}`);
      if (!result.ok && UNANSWERED.has(result.reason)) {
        this.around.census.count(isTransfer ? 'transfer refused: no answer' : 'change refused: no answer');
      }
      if (result.ok && !isTransfer) this.judgeDone(leader, change);
    };
    if (isTransfer) leader.transferLeadership(to, answered);
    else leader.reconfigure(change, answered);
  }

  private drawChange(voters: readonly NodeId[], absent: readonly NodeId[]): MembershipChange {
    const outside = absent.filter((id) => !voters.includes(id));
    if (this.random.chance(0.5)) return { type: ChangeType.AddVoter, id: this.random.pick(outside) };
    return { type: ChangeType.Remove, id: this.random.pick(voters) };
  }

  /** Whoever was added is there, and enough are left to go on. */
  private judgeDone(leader: VirtualServer, { type, id }: MembershipChange): void {
    const isThere = (of: NodeId) => this.servers.some((server) => server.id === of && server.isRunning);
    const voters = leader.status()?.configuration.voters ?? [];
    const fail = (what: string) => {
      this.violation ??= new InvariantViolation('able to commit', `server ${leader.id}: ${what}`);
    };
    if (type === ChangeType.AddVoter && !isThere(id)) fail(`adds server ${id}, which is not there`);
    if (2 * voters.filter(isThere).length <= voters.length) fail(`leaves voters ${voters.join()} without a majority`);
    if (voters.includes(id) !== (type === ChangeType.AddVoter))
      fail(`says done: ${type} ${id}; voters ${voters.join()}`);
  }
}

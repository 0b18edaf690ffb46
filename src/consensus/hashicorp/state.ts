import { type EngineInit, type NodeId, Role, type Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { Handover } from '../membership/handover.ts';
import { ElectionTimer } from '../parts/electionTimer.ts';
import { ServerCore } from '../parts/serverCore.ts';
import { Delivery } from './delivery.ts';
import { type Limits, limitsOf } from './limits.ts';
import { applyChange } from './membership.ts';
import type { HashicorpMessage } from './messages.ts';
import { Outbox } from './outbox.ts';
import { Requests } from './requests.ts';

/** What a server is in every role. */
export class ServerState extends ServerCore {
  readonly limits: Limits;
  readonly outbox = new Outbox();
  readonly handover = new Handover(this.outbox);
  readonly requests = new Requests(this.outbox);
  readonly delivery: Delivery;
  readonly electionTimer: ElectionTimer;
  role: Role = Role.Follower;
  leader: NodeId = 0;
  /** As leader: no quorum answers, so it keeps nobody from being elected. */
  silent = false;
  /** When a leader was last heard from, ms. */
  leaderHeardMs = Number.NEGATIVE_INFINITY;

  constructor(init: EngineInit) {
    super(init, applyChange);
    this.limits = limitsOf(init.settings);
    this.delivery = new Delivery(init.appliedIndex);
    this.electionTimer = new ElectionTimer(init.settings.electionTimeoutMs, init.random, init.nowMs);
    this.refreshRole();
  }

  /**
   * Whether this server may stand for election: as a voter, and also while the entry that takes its vote away is not
   * known to be committed, since the others may need just its log to commit that entry (thesis §4.2.2).
   */
  get mayStand(): boolean {
    return this.isVoter || this.configurations.at(this.commitIndex).voters.includes(this.id);
  }

  /** The disk has owed an answer for longer than this engine lets a leader or candidate wait. */
  get diskStalled(): boolean {
    return this.writes.stalledMs(this.nowMs) > this.limits.diskStallMs;
  }

  resetElectionTimer(): void {
    this.electionTimer.restart(this.nowMs);
  }

  /** A follower's role: whether it may become leader depends on the configuration. */
  refreshRole(): void {
    if (this.role === Role.Leader) return;
    if (!this.mayStand) this.role = Role.Passive;
    else if (this.role === Role.Passive) this.role = Role.Follower;
  }

  /** Says `message`, which reveals the current term but promises nothing else: at once if the term is on disk. */
  reply(to: NodeId, message: HashicorpMessage): void {
    if (this.writes.durableTerm === this.term) this.outbox.send(to, message);
    else this.outbox.sendAfterPersist(to, message);
  }

  override append(entries: readonly Entry[]): void {
    const before = this.configuration;
    super.append(entries);
    if (this.configuration !== before) this.refreshRole();
  }

  override truncateFrom(index: number): void {
    super.truncateFrom(index);
    this.refreshRole();
  }

  override install(snapshot: Snapshot): void {
    super.install(snapshot);
    this.requests.forgetUpTo(snapshot.index);
    this.delivery.install(snapshot);
    this.refreshRole();
  }

  /** Everything up to `index` is committed. */
  commitTo(index: number): void {
    if (index <= this.commitIndex) return;
    const before = this.commitIndex;
    this.commitIndex = index;
    if (this.configurations.at(index) !== this.configurations.at(before)) this.refreshRole();
    this.requests.commit(index, this.log, this.leader);
  }
}

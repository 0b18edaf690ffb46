import { type MembershipChange, type NodeId, type PeerStatus, type ProposalBatch, RejectReason } from '../contract.ts';
import { Entry, EntryType, noopEntry } from '../entry.ts';
import { configurationAfter } from '../membership/changes.ts';
import { type LeaderView, successor } from '../membership/leaderView.ts';
import { Preparations, type Preparing } from '../membership/preparations.ts';
import { Audience } from '../parts/audience.ts';
import { CommitmentTracker } from './commitment.ts';
import { Dispatcher } from './dispatcher.ts';
import { HeartbeatRounds } from './heartbeatRounds.ts';
import { PENDING_READS_MAX } from './limits.ts';
import { encodeConfiguration, members } from './membership.ts';
import type { AppendReply, HeartbeatReply, SnapshotReply } from './messages.ts';
import { ReadQueue } from './reads.ts';
import { Replicator } from './replication.ts';
import type { ServerState } from './state.ts';

/** A removed server that is still to learn of its removal. */
interface Farewell {
  readonly index: number;
  readonly deadlineMs: number;
}

/** Everything that a server is only while it leads, from its election to its step-down. */
export class Leadership implements Preparing {
  private readonly state: ServerState;
  private readonly stepDown: () => void;
  private readonly tracker: CommitmentTracker;
  private readonly dispatcher: Dispatcher;
  private readonly rounds: HeartbeatRounds;
  private readonly reads = new ReadQueue();
  /** Ascending by id. */
  private replicators: Replicator[] = [];
  private readonly farewells = new Map<NodeId, Farewell>();
  /** The first entry of the term. While it is not committed, neither reads nor changes are served (thesis §6.4, §4.1). */
  private readonly firstOfTerm: number;
  readonly preparations: Preparations;
  private readonly sinceMs: number;
  private heartbeatDueMs: number;
  private leaseGraceUntilMs = 0;
  private readonly audience: Audience;

  /** `stepDown` ends this leadership and calls `abandon`. */
  constructor(state: ServerState, stepDown: () => void) {
    this.state = state;
    this.stepDown = stepDown;
    this.preparations = new Preparations(this, state.outbox, state.handover);
    this.sinceMs = state.nowMs;
    this.dispatcher = new Dispatcher(state);
    this.rounds = new HeartbeatRounds(state.id);
    this.audience = new Audience(state.id, state.limits, state.nowMs);
    this.firstOfTerm = state.log.lastIndex + 1;
    this.heartbeatDueMs = state.nowMs;
    this.tracker = new CommitmentTracker(state.configuration.voters, this.firstOfTerm);
    this.tracker.match(state.id, state.writes.durableIndex);
    for (const id of members(state.configuration)) this.startReplication(id);
    state.append([noopEntry(this.firstOfTerm, state.term)]);
    this.heartbeatIfDue();
  }

  tick(): void {
    const { state } = this;
    if (this.leaseExpired() || state.diskStalled) {
      this.stepDown();
      return;
    }
    this.audience.tick(state.nowMs, state.configuration);
    this.noticeAudience();
    this.heartbeatIfDue();
    for (const replicator of this.replicators) replicator.tick();
    this.dispatcher.expire();
    this.endFarewells();
  }

  /** The host slept. Answers to what was sent before come too late for the lease; those to a new heartbeat get a little time. */
  woke(graceMs: number): void {
    const { nowMs } = this.state;
    this.leaseGraceUntilMs = nowMs + graceMs;
    this.audience.woke(nowMs);
    this.heartbeatIfDue();
  }

  private leaseExpired(): boolean {
    const { nowMs, configuration, limits } = this.state;
    if (!limits.checkQuorum || nowMs < this.leaseGraceUntilMs) return false;
    return nowMs - this.rounds.leaseStartMs(configuration.voters, nowMs) >= limits.leaseMs;
  }

  /** `from` answered a message of this leader's. */
  heard(from: NodeId): void {
    const { state } = this;
    this.audience.answered(from, state.nowMs, state.configuration);
    this.noticeAudience();
  }

  private noticeAudience(): void {
    const { state, audience } = this;
    state.silent = audience.isSilent;
    state.leader = audience.isAlone ? 0 : state.id;
    if (audience.isAlone) this.refuseClients();
  }

  /** Pre-vote requests, which everybody answers and which disturb nobody. */
  private ask(): void {
    const { state } = this;
    const { lastIndex, lastTerm } = state.log;
    for (const id of this.audience.toBeAsked(state.nowMs, state.configuration)) {
      state.outbox.send(id, {
        type: 'vote',
        term: state.term + 1,
        preVote: true,
        transfer: false,
        lastIndex,
        lastTerm,
      });
    }
  }

  private heartbeatIfDue(): void {
    const { state } = this;
    this.ask();
    if (state.silent || state.nowMs < this.heartbeatDueMs) return;
    this.heartbeatDueMs = state.nowMs + state.limits.heartbeatMs;
    this.beginRound();
  }

  propose(batch: ProposalBatch): void {
    const { token, commands } = batch;
    const { outbox, leader, handover } = this.state;
    if (this.audience.isAlone) outbox.reject(token, 0, commands.length, RejectReason.NotLeader, leader);
    else if (handover.isOpen) outbox.reject(token, 0, commands.length, RejectReason.Transferring, leader);
    else this.dispatcher.propose(batch);
  }

  read(token: number): void {
    if (this.audience.isAlone) this.state.outbox.readFailed(token, RejectReason.NotLeader, this.state.leader);
    else if (this.reads.size < PENDING_READS_MAX) this.reads.add(token, this.state.commitIndex);
    else this.state.outbox.readFailed(token, RejectReason.Overloaded, this.state.id);
  }

  reconfigure(change: MembershipChange, token: number): void {
    const after = configurationAfter(this.state.configuration, change);
    this.preparations.change(change, token, after && [after]);
  }

  get isChangeInLog(): boolean {
    return this.state.isChangeInLog;
  }

  get mayChange(): boolean {
    return this.state.commitIndex >= this.firstOfTerm;
  }

  get isAllHandedOut(): boolean {
    return this.state.delivery.index >= this.state.commitIndex;
  }

  stage(id: NodeId): void {
    if (!members(this.state.configuration).includes(id)) this.startReplication(id);
  }

  unstage(id: NodeId): void {
    if (members(this.state.configuration).includes(id)) return;
    this.replicators = this.replicators.filter((one) => one.peer !== id);
    this.tracker.forget(id);
    this.rounds.forget(id);
  }

  appendMark(): number {
    const { state } = this;
    const index = state.log.lastIndex + 1;
    state.append([noopEntry(index, state.term)]);
    return index;
  }

  appendChange(change: MembershipChange, token: number): void {
    const { state } = this;
    const index = state.log.lastIndex + 1;
    const data = encodeConfiguration(configurationAfter(state.configuration, change)!);
    state.append([new Entry(index, state.term, EntryType.Reconf, data)]);
    state.requests.add({ token, index, term: state.term });
    this.followConfiguration(index);
    this.commit();
  }

  get view(): LeaderView {
    const { id, nowMs, log, limits } = this.state;
    const { electionTimeoutMs } = limits;
    const { sinceMs } = this;
    const peer = (of: NodeId) => (this.farewells.has(of) ? undefined : this.replicator(of));
    return { id, nowMs, sinceMs, electionTimeoutMs, lastIndex: log.lastIndex, peer };
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[]): void {
    this.preparations.transfer({ to, token, unable }, this.state.configuration.voters);
  }

  appendReplied(from: NodeId, reply: AppendReply): void {
    this.heard(from);
    const replicator = this.replicator(from);
    if (replicator?.appendReplied(reply)) this.matched(replicator);
  }

  snapshotReplied(from: NodeId, reply: SnapshotReply): void {
    this.heard(from);
    const replicator = this.replicator(from);
    if (replicator?.snapshotReplied(reply)) this.matched(replicator);
  }

  heartbeatReplied(from: NodeId, reply: HeartbeatReply): void {
    this.heard(from);
    const replicator = this.replicator(from);
    if (replicator === undefined || !this.rounds.answered(from, reply.round)) return;
    if (replicator.heartbeatAnswered(reply)) this.matched(replicator);
    this.releaseReads();
  }

  /** The leader counts itself when its own write is durable, and not before. */
  ownWriteDurable(): void {
    this.tracker.match(this.state.id, this.state.writes.durableIndex);
    this.commit();
  }

  /** Once a turn: what queued is appended, and everything that may be sent is. */
  flush(): void {
    if (!this.state.handover.isOpen) this.dispatcher.dispatch();
    this.preparations.advance();
    if (!this.state.silent && this.reads.wantsRound(this.state.nowMs)) this.beginRound();
    this.releaseReads();
    if (!this.state.silent) for (const replicator of this.replicators) replicator.pump();
    const target = this.state.handover.toBeTold(this);
    if (target !== 0) this.tellToStand(target);
  }

  /** Leadership is over. */
  abandon(): void {
    this.state.silent = false;
    this.refuseClients();
    this.preparations.abandon(this.state.leader);
  }

  /** What is neither in the log nor answered is certainly not done here. */
  private refuseClients(): void {
    const { outbox, leader } = this.state;
    this.dispatcher.abandon();
    for (const token of this.reads.abandon()) outbox.readFailed(token, RejectReason.NotLeader, leader);
  }

  peers(): PeerStatus[] {
    const present = this.replicators.filter(({ peer }) => !this.farewells.has(peer));
    return present.map((one) => ({
      id: one.peer,
      matchIndex: one.matchIndex,
      nextIndex: one.nextIndex,
      state: one.state,
      lastHeardMs: one.lastHeardMs,
    }));
  }

  private replicator(id: NodeId): Replicator | undefined {
    return this.replicators.find((one) => one.peer === id);
  }

  private beginRound(): void {
    const { state } = this;
    const round = this.rounds.begin(state.nowMs, state.nowMs - state.limits.leaseMs);
    for (const { peer } of this.replicators)
      state.outbox.sendFirst(peer, { type: 'heartbeat', term: state.term, round });
    this.reads.roundBegan(round, state.nowMs);
  }

  private releaseReads(): void {
    const { state } = this;
    if (this.reads.size === 0 || state.commitIndex < this.firstOfTerm) return;
    const round = this.rounds.verifiedRound(state.configuration.voters);
    for (const { token, index } of this.reads.verified(round, this.firstOfTerm))
      state.outbox.reads.push({ token, ok: true, index });
  }

  private matched(replicator: Replicator): void {
    if (this.farewells.has(replicator.peer)) return;
    this.tracker.match(replicator.peer, replicator.matchIndex);
    this.commit();
  }

  private commit(): void {
    const { state, tracker } = this;
    if (tracker.commitIndex <= state.commitIndex) return;
    const isFirst = state.commitIndex < this.firstOfTerm;
    state.commitTo(tracker.commitIndex);
    if (!state.isChangeInLog && !state.isVoter) {
      this.leave();
      return;
    }
    if (isFirst) this.releaseReads();
  }

  /** This server led its own removal or demotion to the end (thesis §4.2.2): the others hear of the commit, one takes over. */
  private leave(): void {
    for (const replicator of this.replicators) replicator.pump(true);
    const next = successor(this.view, this.state.configuration.voters);
    if (next !== 0) this.tellToStand(next);
    this.stepDown();
  }

  private tellToStand(to: NodeId): void {
    const { outbox, term } = this.state;
    outbox.send(to, { type: 'timeout-now', term });
  }

  private startReplication(id: NodeId): void {
    if (id === this.state.id) return;
    this.farewells.delete(id);
    const others = this.replicators.filter((one) => one.peer !== id);
    this.replicators = [...others, new Replicator(id, this.state, this.rounds)].sort((a, b) => a.peer - b.peer);
    this.tracker.forget(id);
    this.rounds.grace(id, this.state.nowMs);
  }

  /** The configuration that entry `index` brought is in force from now on. */
  private followConfiguration(index: number): void {
    const { state } = this;
    const present = members(state.configuration);
    for (const { peer } of this.replicators) {
      if (present.includes(peer) || this.farewells.has(peer)) continue;
      this.farewells.set(peer, { index, deadlineMs: state.nowMs + state.limits.farewellMs });
      this.tracker.forget(peer);
      this.rounds.forget(peer);
    }
    for (const id of present) {
      if (this.replicator(id) === undefined || this.farewells.has(id)) this.startReplication(id);
    }
    this.tracker.setVoters(state.configuration.voters);
  }

  private endFarewells(): void {
    for (const [id, { index, deadlineMs }] of this.farewells) {
      const replicator = this.replicator(id);
      if (replicator !== undefined && !replicator.knows(index) && this.state.nowMs < deadlineMs) continue;
      this.farewells.delete(id);
      this.rounds.forget(id);
      this.replicators = this.replicators.filter((one) => one.peer !== id);
    }
  }
}

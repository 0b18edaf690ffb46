import { type MembershipChange, type NodeId, type PeerStatus, RejectReason, type Snapshot } from '../contract.ts';
import { Entry, EntryType, noopEntry } from '../entry.ts';
import { configurationAfter } from '../membership/changes.ts';
import type { PeerView } from '../membership/leaderView.ts';
import { LeaderCore } from '../parts/leaderCore.ts';
import { CommitmentTracker } from './commitment.ts';
import { HeartbeatRounds } from './heartbeatRounds.ts';
import { encodeConfiguration, members } from './membership.ts';
import type {
  AppendReply,
  HashicorpMessage,
  HeartbeatReply,
  SnapshotReply,
  TimeoutNow,
  VoteRequest,
} from './messages.ts';
import { ReadQueue } from './reads.ts';
import { Replicator } from './replication.ts';
import type { ServerState } from './state.ts';

/** A removed server that is still to learn of its removal. */
interface Farewell {
  readonly index: number;
  readonly deadlineMs: number;
}

/** Everything that a server is only while it leads, from its election to its step-down. */
export class Leader extends LeaderCore<HashicorpMessage, ServerState> {
  private readonly stepDown: () => void;
  private readonly tracker: CommitmentTracker;
  private readonly rounds: HeartbeatRounds;
  private readonly reads = new ReadQueue();
  /** Ascending by id. */
  private replicators: Replicator[] = [];
  private readonly farewells = new Map<NodeId, Farewell>();
  private heartbeatDueMs: number;
  private leaseGraceUntilMs = 0;

  /** `stepDown` ends this leadership and calls `stop`. */
  constructor(state: ServerState, stepDown: () => void) {
    super(state);
    this.stepDown = stepDown;
    this.rounds = new HeartbeatRounds(state.id);
    this.heartbeatDueMs = state.nowMs;
    this.tracker = new CommitmentTracker(state.configuration.voters, this.startIndex);
    this.tracker.match(state.id, state.writes.durableIndex);
    for (const id of members(state.configuration)) this.startReplication(id);
    state.append([noopEntry(this.startIndex, state.term)]);
    this.heartbeatIfDue();
  }

  override tick(): void {
    const { state } = this;
    if (this.leaseExpired() || state.diskStalled) {
      this.stepDown();
      return;
    }
    this.countAudience();
    this.heartbeatIfDue();
    for (const replicator of this.replicators) replicator.tick();
    this.queue.expire(state.nowMs - state.limits.enqueueTimeoutMs, RejectReason.Timeout, state.id);
    this.endFarewells();
  }

  /** Answers to what was sent before come too late for the lease; those to a new heartbeat get a little time. */
  override woke(graceMs: number): void {
    const { nowMs } = this.state;
    this.leaseGraceUntilMs = nowMs + graceMs;
    this.audience.woke(nowMs);
    this.lease.woke(nowMs);
    this.heartbeatIfDue();
  }

  private leaseExpired(): boolean {
    const { nowMs, configuration, limits, settings } = this.state;
    if (!settings.checkQuorum || nowMs < this.leaseGraceUntilMs) return false;
    return nowMs - this.rounds.leaseStartMs(configuration.voters, nowMs) >= limits.leaseMs;
  }

  protected override question(): VoteRequest {
    const { term, log } = this.state;
    const { lastIndex, lastTerm } = log;
    return { type: 'vote', term: term + 1, preVote: true, transfer: false, lastIndex, lastTerm };
  }

  protected override order(): TimeoutNow {
    return { type: 'timeout-now', term: this.state.term };
  }

  private heartbeatIfDue(): void {
    const { state } = this;
    this.ask();
    if (this.isSilent || state.nowMs < this.heartbeatDueMs) return;
    this.heartbeatDueMs = state.nowMs + state.settings.heartbeatMs;
    this.beginRound();
  }

  protected override takeRead(token: number): void {
    this.reads.add(token, this.state.commitIndex);
  }

  protected override abandonReads(): readonly number[] {
    return this.reads.abandon();
  }

  override reconfigure(change: MembershipChange, token: number): void {
    const after = configurationAfter(this.state.configuration, change);
    this.preparations.change(change, token, after && [after]);
  }

  override stage(id: NodeId): void {
    if (!members(this.state.configuration).includes(id)) this.startReplication(id);
  }

  override unstage(id: NodeId): void {
    if (members(this.state.configuration).includes(id)) return;
    this.replicators = this.replicators.filter((one) => one.peer !== id);
    this.tracker.forget(id);
    this.rounds.forget(id);
  }

  override appendChange(change: MembershipChange, token: number): void {
    const { state } = this;
    const index = state.log.lastIndex + 1;
    const data = encodeConfiguration(configurationAfter(state.configuration, change)!);
    state.append([new Entry(index, state.term, EntryType.Reconf, data)]);
    state.requests.add({ token, index, term: state.term });
    this.followConfiguration(index);
    this.commit();
  }

  protected override peer(id: NodeId): PeerView | undefined {
    return this.farewells.has(id) ? undefined : this.replicator(id);
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
    this.notePromise(from, reply);
    if (replicator.heartbeatAnswered(reply)) this.matched(replicator);
    this.releaseReads();
  }

  /** It counts from when the round began that is answered. */
  private notePromise(from: NodeId, { round, promisedMs = 0 }: HeartbeatReply): void {
    const startMs = this.rounds.startMs(round);
    if (startMs !== undefined) this.lease.promised(from, startMs, promisedMs);
  }

  /** The leader counts itself when its own write is durable, and not before. */
  override ownWriteDurable(): void {
    this.tracker.match(this.state.id, this.state.writes.durableIndex);
    this.commit();
  }

  override pump(): void {
    this.appendQueued();
    this.preparations.advance();
    this.answerLeased();
    if (!this.isSilent && this.reads.wantsRound(this.state.nowMs)) this.beginRound();
    this.releaseReads();
    if (!this.isSilent) for (const replicator of this.replicators) replicator.pump();
    this.handOver();
  }

  override sending(): Snapshot[] {
    return this.replicators.flatMap(({ sending }) => sending ?? []);
  }

  override peerStatus(): PeerStatus[] {
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
    for (const { peer } of this.replicators) state.out.sendFirst(peer, { type: 'heartbeat', term: state.term, round });
    this.reads.roundBegan(round, state.nowMs);
  }

  private releaseReads(): void {
    const { state } = this;
    if (this.reads.isEmpty || state.commitIndex < this.startIndex) return;
    const round = this.rounds.verifiedRound(state.configuration.voters);
    for (const { token, index } of this.reads.verified(round, this.startIndex))
      state.out.reads.push({ token, ok: true, index });
  }

  private matched(replicator: Replicator): void {
    if (this.farewells.has(replicator.peer)) return;
    this.tracker.match(replicator.peer, replicator.matchIndex);
    this.commit();
  }

  private commit(): void {
    const { state, tracker } = this;
    if (tracker.commitIndex <= state.commitIndex) return;
    const isFirst = state.commitIndex < this.startIndex;
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
    this.nameSuccessor();
    this.stepDown();
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

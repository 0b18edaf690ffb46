import {
  type MembershipChange,
  type NodeId,
  type PeerStatus,
  type ProposalBatch,
  RejectReason,
  type Snapshot,
} from '../contract.ts';
import { noopEntry } from '../entry.ts';
import { type LeaderView, type PeerView, successor } from '../membership/leaderView.ts';
import { Preparations, type Preparing } from '../membership/preparations.ts';
import { Audience } from './audience.ts';
import { CommandQueue } from './commandQueue.ts';
import { LeaderLease } from './leaderLease.ts';
import type { ServerCore } from './serverCore.ts';

/** What a server over a `ServerCore` is only while it leads, but for how it replicates, commits and proves reads. */
export abstract class LeaderCore<M, S extends ServerCore<M>> implements Preparing {
  readonly preparations: Preparations;
  readonly lease: LeaderLease;
  protected readonly state: S;
  protected readonly audience: Audience;
  protected readonly queue: CommandQueue;
  /** The first entry of the term. While it is not committed, neither reads nor changes are served (thesis §6.4, §4.1). */
  protected readonly startIndex: number;
  private readonly sinceMs: number;
  /** Reads that are answered in this turn where the lease holds, and otherwise proven as the engine's way is. */
  private fresh: number[] = [];

  constructor(state: S) {
    this.state = state;
    this.sinceMs = state.nowMs;
    this.startIndex = state.log.lastIndex + 1;
    this.preparations = new Preparations(this, state.out, state.handover);
    this.audience = new Audience(state.id, state.settings, state.nowMs);
    this.lease = new LeaderLease(state.id, state.settings);
    this.queue = new CommandQueue(state.out);
  }

  abstract tick(): void;
  /** The host slept. */
  abstract woke(graceMs: number): void;
  abstract ownWriteDurable(): void;
  /** Once a turn: what queued is appended, and everything that may be sent is. */
  abstract pump(): void;
  abstract reconfigure(change: MembershipChange, token: number): void;
  abstract peerStatus(): PeerStatus[];
  /** The snapshots that are on their way. */
  abstract sending(): Snapshot[];
  abstract stage(id: NodeId): void;
  abstract unstage(id: NodeId): void;
  abstract appendChange(change: MembershipChange, token: number): void;
  protected abstract takeRead(token: number): void;
  /** The reads that are not answered, which are no longer this leader's. */
  protected abstract abandonReads(): readonly number[];
  protected abstract peer(id: NodeId): PeerView | undefined;
  /** A request for a pre-vote, and the order to stand for election. */
  protected abstract question(): M;
  protected abstract order(): M;

  /** No quorum answers: it keeps nobody from being elected. */
  get isSilent(): boolean {
    return this.audience.isSilent;
  }

  /** Silent for so long that another may lead. */
  get isAlone(): boolean {
    return this.audience.isAlone;
  }

  get isChangeInLog(): boolean {
    return this.state.isChangeInLog;
  }

  get mayChange(): boolean {
    return this.state.commitIndex >= this.startIndex;
  }

  get isAllHandedOut(): boolean {
    return this.state.deliveredIndex >= this.state.commitIndex;
  }

  get view(): LeaderView {
    const { state, sinceMs } = this;
    const { id, nowMs, log, settings } = state;
    const { electionTimeoutMs } = settings;
    return { id, nowMs, sinceMs, electionTimeoutMs, lastIndex: log.lastIndex, peer: (of) => this.peer(of) };
  }

  /** `from` answered a message of this leader's. */
  heard(from: NodeId): void {
    this.audience.answered(from, this.state.nowMs, this.state.configuration);
  }

  propose(batch: ProposalBatch): void {
    const { out, handover, id } = this.state;
    const { token, commands } = batch;
    if (this.isAlone) out.reject(token, 0, commands.length, RejectReason.NotLeader, 0);
    else if (handover.isOpen) out.reject(token, 0, commands.length, RejectReason.Transferring, id);
    else this.queue.push(batch, this.state.nowMs);
  }

  read(token: number): void {
    if (this.isAlone) this.state.out.readFailed(token, RejectReason.NotLeader, 0);
    else if (this.lease.isWanted) {
      this.lease.asked();
      this.fresh.push(token);
    } else this.takeRead(token);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[]): void {
    this.preparations.transfer({ to, token, unable }, this.state.configuration.voters);
  }

  appendMark(): number {
    const { state } = this;
    const index = state.log.lastIndex + 1;
    state.append([noopEntry(index, state.term)]);
    return index;
  }

  /** This server no longer leads; `leader` does, as far as is known. Everything that is certainly not done is said so. */
  stop(leader: NodeId): void {
    this.refuseClients(leader);
    this.preparations.abandon(leader);
  }

  /** To be called once a turn, before a round may begin for the sake of reads. */
  protected answerLeased(): void {
    const { fresh, state } = this;
    if (fresh.length === 0) return;
    this.fresh = [];
    const isLeased = state.commitIndex >= this.startIndex && this.lease.holds(state.nowMs, state.configuration);
    for (const token of fresh) {
      if (isLeased) state.out.reads.push({ token, ok: true, index: state.commitIndex });
      else this.takeRead(token);
    }
  }

  /** What queued takes its places in the log; without batching one command, and the next when that needs nothing more of this server. */
  protected appendQueued(): void {
    const { log, settings, term, handover } = this.state;
    if (handover.isOpen) return;
    while (!this.queue.isEmpty && (settings.batch || this.isIdle)) {
      log.append(this.queue.place(log.lastIndex + 1, term, settings.batch ? Number.POSITIVE_INFINITY : 1));
    }
  }

  /** Everything in the log is on this server's disk. */
  protected get isIdle(): boolean {
    return this.state.writes.durableIndex >= this.state.log.lastIndex;
  }

  /** Whether a quorum answers. */
  protected countAudience(): void {
    this.audience.tick(this.state.nowMs, this.state.configuration);
    if (this.isAlone) this.refuseClients(0);
  }

  /** Pre-vote requests, which everybody answers and which disturb nobody. */
  protected ask(): void {
    const { state } = this;
    for (const voter of this.audience.toBeAsked(state.nowMs, state.configuration))
      state.out.send(voter, this.question());
  }

  /** Whoever is to take over is told once it holds everything. */
  protected handOver(): void {
    this.tellToStand(this.state.handover.toBeTold(this));
  }

  /** A leader that is removed spares the others the wait for an election timeout. */
  protected nameSuccessor(): void {
    this.tellToStand(successor(this.view, this.state.configuration.voters));
  }

  private tellToStand(to: NodeId): void {
    if (to === 0) return;
    this.lease.end();
    this.state.out.send(to, this.order());
  }

  /** What is neither in the log nor answered is certainly not done here. */
  private refuseClients(leader: NodeId): void {
    this.queue.abandon(RejectReason.NotLeader, leader);
    const reads = [...this.abandonReads(), ...this.fresh];
    this.fresh = [];
    for (const token of reads) this.state.out.readFailed(token, RejectReason.NotLeader, leader);
  }
}

import {
  ChangeType,
  type MembershipChange,
  type NodeId,
  type PeerStatus,
  type ProposalBatch,
  RejectReason,
} from '../contract.ts';
import { Entry, EntryType, noopEntry } from '../entry.ts';
import { configurationAfter } from '../membership/changes.ts';
import { type LeaderView, successor } from '../membership/leaderView.ts';
import { Preparations, type Preparing } from '../membership/preparations.ts';
import { Audience } from '../parts/audience.ts';
import { encodeChange } from './membership.ts';
import type { AppendEntriesResponse } from './messages.ts';
import { isQuorum } from './quorum.ts';
import { Reads } from './reads.ts';
import { Replication } from './replication.ts';
import type { ServerState } from './state.ts';

/** Everything that a server is only while it leads: quorum functions turn the replies to its rounds into one answer. */
export class Leader implements Preparing {
  private readonly state: ServerState;
  private readonly resign: () => void;
  private readonly reads = new Reads();
  private readonly replication: Replication;
  private queue: { readonly batch: ProposalBatch; offset: number }[] = [];
  readonly preparations: Preparations;
  /** What was asked for, and is in the log at `index`, not committed yet. */
  private change: { readonly token: number; readonly index: number } | undefined;
  private readonly sinceMs: number;
  /** Start of the latest round that a quorum answered. */
  private quorumMs: number;
  private readonly audience: Audience;

  /** Appends the Internal entry that lets this term commit (Raft §8). `resign` ends this leadership without a new term. */
  constructor(state: ServerState, resign: () => void) {
    this.state = state;
    this.resign = resign;
    this.sinceMs = state.nowMs;
    this.preparations = new Preparations(this, state.out, state.handover);
    this.quorumMs = state.nowMs;
    this.audience = new Audience(state.id, state.settings, state.nowMs);
    const startIndex = state.log.lastIndex + 1;
    this.replication = new Replication(state, this.reads, startIndex);
    state.log.append([noopEntry(startIndex, state.term)]);
    this.refreshPeers();
  }

  /** No quorum answers: it keeps nobody from being elected. */
  get isSilent(): boolean {
    return this.audience.isSilent;
  }

  /** Silent for so long that another may lead. */
  get isAlone(): boolean {
    return this.audience.isAlone;
  }

  /** `from` answered a message of this leader's. */
  heard(from: NodeId): void {
    const { nowMs, configurations } = this.state;
    this.audience.answered(from, nowMs, configurations.latest);
  }

  propose(batch: ProposalBatch): void {
    if (this.isAlone) {
      this.reject(batch, 0, RejectReason.NotLeader, 0);
      return;
    }
    if (this.state.handover.isOpen) {
      this.reject(batch, 0, RejectReason.Transferring);
      return;
    }
    this.queue.push({ batch, offset: 0 });
  }

  read(token: number): void {
    if (this.isAlone) this.state.out.readFailed(token, RejectReason.NotLeader, 0);
    else this.reads.add(token);
  }

  catchMeUp(follower: NodeId, nextIndex: number): void {
    const peer = this.replication.peer(follower);
    if (peer === undefined) return;
    peer.heardMs = this.state.nowMs;
    this.heard(follower);
    if (peer.behindUntil === 0) {
      peer.behindUntil = this.state.log.lastIndex;
      this.state.out.events.push('catchup');
    }
    peer.injectFrom = Math.max(1, Math.min(nextIndex, this.state.log.lastIndex + 1));
  }

  /** A reply of this term. */
  answered(from: NodeId, reply: AppendEntriesResponse): void {
    const peer = this.replication.peer(from);
    if (peer === undefined) return;
    const { state } = this;
    peer.heardMs = state.nowMs;
    this.heard(from);
    if (!reply.success) peer.refused(reply.call);
    this.recordReply(from, reply.call, reply.success ? this.replication.succeeded(peer, reply.call) : undefined);
  }

  /** The follower installed a snapshot; what it lacks beyond it follows. */
  snapshotInstalled(from: NodeId, call: number): void {
    const peer = this.replication.peer(from);
    if (peer === undefined) return;
    peer.heardMs = this.state.nowMs;
    this.heard(from);
    this.replication.succeeded(peer, call);
    this.recordReply(from, call, undefined);
  }

  private recordReply(from: NodeId, call: number, matchedIndex: number | undefined): void {
    const replied = this.replication.rounds.reply(from, call, matchedIndex);
    if (replied === undefined) return;
    if (isQuorum(this.state.configurations.latest, replied.heard)) {
      this.quorumMs = Math.max(this.quorumMs, replied.startMs);
      this.confirmReads(call);
    }
    this.countRounds();
  }

  private confirmReads(call: number): void {
    for (const { token, index } of this.reads.confirm(call)) this.state.out.reads.push({ token, ok: true, index });
  }

  /** Commits what the rounds' answers allow: only entries of this term are committed by counting (Raft §5.4.2). */
  countRounds(): void {
    const { state } = this;
    const { rounds } = this.replication;
    const { latest } = state.configurations;
    const { index, answeredCall } = rounds.answer(latest, state.id, state.writes.durableIndex);
    if (answeredCall > 0) {
      this.confirmReads(answeredCall);
      rounds.close(answeredCall);
    }
    if (index > state.commitIndex && state.log.term(index) === state.term) {
      this.replication.committed();
      state.commitTo(index);
      this.committed();
    }
  }

  private committed(): void {
    const { state, change } = this;
    if (change !== undefined && change.index <= state.commitIndex) {
      this.change = undefined;
      state.out.requests.push({ token: change.token, ok: true });
      // The last round to a removed server tells it that its removal is committed.
      this.replication.startRound();
      this.refreshPeers();
    }
    if (!state.isChangeInLog && !state.isVoter) {
      this.nameSuccessor();
      this.resign();
    }
  }

  tick(): void {
    const { state } = this;
    const { electionTimeoutMs, checkQuorum } = state.settings;
    if (checkQuorum && state.nowMs - this.quorumMs > electionTimeoutMs && !this.alone) {
      this.resign();
      return;
    }
    this.audience.tick(state.nowMs, state.configurations.latest);
    if (this.isAlone) this.refuseClients(0);
    this.replication.tick();
  }

  /** The host slept. A quorum gets a little time to answer, the rounds that are out count on. */
  woke(graceMs: number): void {
    const { nowMs } = this.state;
    this.audience.woke(nowMs);
    this.quorumMs = Math.max(this.quorumMs, nowMs + graceMs - this.state.settings.electionTimeoutMs);
  }

  private get alone(): boolean {
    const { voters } = this.state.configurations.latest;
    return voters.length === 1 && voters[0] === this.state.id;
  }

  /** Appends what was proposed and starts the rounds that are due. Called once a turn. */
  pump(): void {
    if (!this.state.handover.isOpen) this.appendQueued();
    this.preparations.advance();
    const target = this.state.handover.toBeTold(this);
    if (target !== 0) this.tellToStand(target);
    this.ask();
    if (!this.isSilent) this.replication.pump();
    if (this.alone) {
      this.quorumMs = this.state.nowMs;
      this.confirmReads(Number.POSITIVE_INFINITY);
    }
    this.countRounds();
  }

  /** Pre-vote requests, which everybody answers and which disturb nobody. */
  private ask(): void {
    const { state } = this;
    const { id: candidate, log, configurations, nowMs } = state;
    for (const voter of this.audience.toBeAsked(nowMs, configurations.latest)) {
      const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = log;
      const [type, call, term, preVote] = ['RequestVote', state.nextCall(), state.term + 1, true] as const;
      state.out.send(voter, { type, call, candidate, term, lastLogIndex, lastLogTerm, preVote });
    }
  }

  private appendQueued(): void {
    const { state } = this;
    const { log, settings } = state;
    // Unbatched: the next proposal waits until the one before is on disk and on its way.
    while (this.queue.length > 0 && (settings.batch || this.idle)) {
      const head = this.queue[0]!;
      const { commands, token } = head.batch;
      const count = settings.batch ? commands.length - head.offset : 1;
      const firstIndex = log.lastIndex + 1;
      const entries: Entry[] = [];
      for (let i = 0; i < count; i++) {
        entries.push(new Entry(firstIndex + i, state.term, EntryType.Normal, commands[head.offset + i]!));
      }
      log.append(entries);
      state.out.accepted.push({ token, offset: head.offset, count, firstIndex, term: state.term });
      head.offset += count;
      if (head.offset === commands.length) this.queue.shift();
    }
  }

  private get idle(): boolean {
    const { log, writes } = this.state;
    return writes.durableIndex >= log.lastIndex && this.replication.isAllSent;
  }

  /** One change at a time, and only once this term has committed an entry (thesis §4.1 and its erratum). */
  reconfigure(change: MembershipChange, token: number): void {
    const { latest } = this.state.configurations;
    const isVoters = change.type === ChangeType.AddVoter || change.type === ChangeType.Remove;
    const after = isVoters ? configurationAfter(latest, change) : undefined;
    this.preparations.change(change, token, after && [after]);
  }

  get isChangeInLog(): boolean {
    return this.state.isChangeInLog;
  }

  get mayChange(): boolean {
    return this.replication.isEstablished;
  }

  get isAllHandedOut(): boolean {
    return this.state.deliveredIndex >= this.state.commitIndex;
  }

  private refreshPeers(): void {
    this.replication.refreshPeers(this.preparations.newcomer);
  }

  stage(): void {
    this.refreshPeers();
  }

  unstage(): void {
    this.refreshPeers();
  }

  appendMark(): number {
    const { state } = this;
    const index = state.log.lastIndex + 1;
    state.log.append([noopEntry(index, state.term)]);
    return index;
  }

  appendChange(change: MembershipChange, token: number): void {
    const { state } = this;
    const index = state.log.lastIndex + 1;
    this.change = { token, index };
    state.append([new Entry(index, state.term, EntryType.Reconf, encodeChange(change))]);
    this.refreshPeers();
  }

  get view(): LeaderView {
    const { state, sinceMs, replication } = this;
    const { id, nowMs, log, settings } = state;
    const { electionTimeoutMs } = settings;
    return { id, nowMs, sinceMs, electionTimeoutMs, lastIndex: log.lastIndex, peer: (of) => replication.peer(of) };
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[]): void {
    this.preparations.transfer({ to, token, unable }, this.state.configurations.latest.voters);
  }

  private tellToStand(to: NodeId): void {
    const { state } = this;
    state.out.send(to, { type: 'TimeoutNow', call: state.nextCall(), leader: state.id, term: state.term });
  }

  /** A leader that is removed spares the others the wait for an election timeout. */
  private nameSuccessor(): void {
    const next = successor(this.view, this.state.configurations.latest.voters);
    if (next !== 0) this.tellToStand(next);
  }

  /** This server no longer leads; `leader` does, as far as is known. Everything that is certainly not done is said so. */
  stop(leader: NodeId): void {
    this.refuseClients(leader);
    this.preparations.abandon(leader);
  }

  /** What is neither in the log nor answered is certainly not done here. */
  private refuseClients(leader: NodeId): void {
    const { queue } = this;
    this.queue = [];
    for (const { batch, offset } of queue) this.reject(batch, offset, RejectReason.NotLeader, leader);
    for (const token of this.reads.abandon()) this.state.out.readFailed(token, RejectReason.NotLeader, leader);
  }

  private reject(
    { token, commands }: ProposalBatch,
    offset: number,
    reason: RejectReason,
    leader = this.state.id,
  ): void {
    this.state.out.reject(token, offset, commands.length - offset, reason, leader);
  }

  peerStatus(): PeerStatus[] {
    return this.replication.peerStatus();
  }
}

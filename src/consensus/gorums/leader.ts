import {
  ChangeType,
  type EngineSettings,
  type MembershipChange,
  type Missing,
  type NodeId,
  type PeerStatus,
  type PendingChange,
  type ProposalBatch,
  RejectReason,
} from '../contract.ts';
import { Entry, EntryType, noopEntry } from '../entry.ts';
import { recordsSize } from '../entryCodec.ts';
import { configurationAfter } from '../membership/changes.ts';
import type { ConfigurationHistory } from '../membership/configurationHistory.ts';
import { type LeaderView, successor } from '../membership/leaderView.ts';
import { Preparations, type Preparing } from '../membership/preparations.ts';
import { TRANSFER_ELECTIONS } from '../membership/transferPreparation.ts';
import { Audience } from '../parts/audience.ts';
import type { OutputBuffer } from '../parts/outputBuffer.ts';
import type { PendingLog } from '../parts/pendingLog.ts';
import { transitMs } from '../parts/transit.ts';
import { PATIENCE_DOUBLINGS_MAX } from './limits.ts';
import { encodeChange } from './membership.ts';
import type { AppendEntries, AppendEntriesResponse, GorumsMessage } from './messages.ts';
import { Peer } from './peer.ts';
import { isQuorum } from './quorum.ts';
import { Rounds } from './rounds.ts';

/** What a leader uses of the server it leads from. */
export interface LedServer {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly log: PendingLog;
  readonly configurations: ConfigurationHistory;
  readonly out: OutputBuffer<GorumsMessage>;
  readonly nowMs: number;
  readonly term: number;
  readonly commitIndex: number;
  /** Up to here the host was handed what is committed. */
  readonly deliveredIndex: number;
  /** Up to here this server's own log is on disk. */
  readonly durableIndex: number;
  /** A number for a quorum call, never used before by this server. */
  nextCall(): number;
  commitTo(index: number): void;
  /** Stops leading without a new term. */
  resign(): void;
}

/** A change whose entry, at `index`, is not committed yet. */
interface Change {
  readonly change: MembershipChange;
  readonly token: number;
  readonly index: number;
}

export interface Transfer {
  readonly to: NodeId;
  readonly token: number;
  readonly deadlineMs: number;
  told: boolean;
}

/**
 * A leader's volatile state in the gorums engine. There is one `nextIndex` for the whole configuration: a round goes to
 * everyone, and a quorum function turns the replies into one answer. A follower that cannot take a round asks for what it
 * lacks (CatchMeUp), and the leader injects it into the next round for that follower alone. Once the follower has taken that,
 * the rest follows in calls of its own, which wait neither for rounds nor for each other's answers.
 */
export class Leader implements Preparing {
  private readonly server: LedServer;
  private readonly startIndex: number;
  private nextIndex: number;
  private readonly rounds = new Rounds();
  private readonly peers = new Map<NodeId, Peer>();
  private queue: { readonly batch: ProposalBatch; offset: number }[] = [];
  private reads: number[] = [];
  private readonly preparations: Preparations;
  /** A change that is in the log, and a transfer for which writes stopped. */
  private change: Change | undefined;
  private transfer: Transfer | undefined;
  private readonly sinceMs: number;
  private lastRoundMs = Number.NEGATIVE_INFINITY;
  private lastAppend: AppendEntries | undefined;
  /** A round is due though it may carry nothing. */
  private isRoundWanted = false;
  /** When the last round that carried entries or reads began. */
  private lastLoadMs = Number.NEGATIVE_INFINITY;
  /** How often in a row rounds were given up without a commit in between. */
  private abandonments = 0;
  /** Start of the latest round that a quorum answered. */
  private quorumMs: number;
  private readonly audience: Audience;

  /** Appends the Internal entry that lets this term commit (Raft §8). */
  constructor(server: LedServer) {
    this.server = server;
    this.sinceMs = server.nowMs;
    this.preparations = new Preparations(this);
    this.quorumMs = server.nowMs;
    this.audience = new Audience(server.id, server.settings, server.nowMs);
    this.startIndex = server.log.lastIndex + 1;
    this.nextIndex = this.startIndex;
    server.log.append([noopEntry(this.startIndex, server.term)]);
    this.refreshPeers();
  }

  /** Whether an entry of this term is committed, so that the commit index is known to be up to date (Raft §8). */
  private get established(): boolean {
    return this.server.commitIndex >= this.startIndex;
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
    const { nowMs, configurations } = this.server;
    this.audience.answered(from, nowMs, configurations.latest);
  }

  propose(batch: ProposalBatch): void {
    if (this.isAlone) {
      this.reject(batch, 0, RejectReason.NotLeader, 0);
      return;
    }
    if (this.transfer !== undefined) {
      this.reject(batch, 0, RejectReason.Transferring);
      return;
    }
    this.queue.push({ batch, offset: 0 });
  }

  read(token: number): void {
    if (this.isAlone) this.server.out.readFailed(token, RejectReason.NotLeader, 0);
    else this.reads.push(token);
  }

  catchMeUp(follower: NodeId, nextIndex: number): void {
    const peer = this.peers.get(follower);
    if (peer === undefined) return;
    peer.heardMs = this.server.nowMs;
    this.heard(follower);
    this.server.out.events.push('catchup');
    peer.injectFrom = Math.max(1, Math.min(nextIndex, this.server.log.lastIndex + 1));
  }

  /** A reply of this term. */
  answered(from: NodeId, reply: AppendEntriesResponse): void {
    const peer = this.peers.get(from);
    if (peer === undefined) return;
    const { server } = this;
    peer.heardMs = server.nowMs;
    this.heard(from);
    if (!reply.success) peer.refused(reply.call);
    this.recordReply(from, reply.call, reply.success ? this.matched(peer, reply.call) : undefined);
  }

  /** The follower installed a snapshot; what it lacks beyond it follows. */
  snapshotInstalled(from: NodeId, call: number): void {
    const peer = this.peers.get(from);
    if (peer === undefined) return;
    peer.heardMs = this.server.nowMs;
    this.heard(from);
    this.matched(peer, call);
    this.recordReply(from, call, undefined);
  }

  private matched(peer: Peer, call: number): number | undefined {
    const index = peer.succeeded(call, this.server.nowMs);
    if (index !== undefined && peer.state !== 'steady' && index >= this.nextIndex - 1) peer.state = 'steady';
    return index;
  }

  private recordReply(from: NodeId, call: number, matchedIndex: number | undefined): void {
    const replied = this.rounds.reply(from, call, matchedIndex);
    if (replied === undefined) return;
    if (isQuorum(this.server.configurations.latest, replied.heard)) {
      this.quorumMs = Math.max(this.quorumMs, replied.startMs);
      this.confirmReads(call);
    }
    this.countRounds();
  }

  private confirmReads(call: number): void {
    for (const { token, index } of this.rounds.confirmReads(call))
      this.server.out.reads.push({ token, ok: true, index });
  }

  /** Commits what the rounds' answers allow: only entries of this term are committed by counting (Raft §5.4.2). */
  countRounds(): void {
    const { server } = this;
    const { index, answeredCall } = this.rounds.answer(server.configurations.latest, server.id, server.durableIndex);
    if (answeredCall > 0) {
      this.confirmReads(answeredCall);
      this.rounds.close(answeredCall);
    }
    if (index > server.commitIndex && server.log.term(index) === server.term) {
      this.abandonments = 0;
      server.commitTo(index);
      this.committed();
    }
  }

  private committed(): void {
    const { server, change } = this;
    if (change !== undefined && change.index <= server.commitIndex) {
      this.change = undefined;
      server.out.requests.push({ token: change.token, ok: true });
      server.out.events.push(change.change.type === ChangeType.Remove ? 'removed' : 'added');
      // The last round to a removed server tells it that its removal is committed.
      this.startRound();
      this.refreshPeers();
    }
    const { configurations } = server;
    if (configurations.latestIndex <= server.commitIndex && !configurations.latest.voters.includes(server.id)) {
      this.nameSuccessor();
      server.resign();
    }
  }

  tick(): void {
    const { server } = this;
    const { electionTimeoutMs, checkQuorum } = server.settings;
    if (checkQuorum && server.nowMs - this.quorumMs > electionTimeoutMs && !this.alone) {
      server.out.events.push('failure');
      server.resign();
      return;
    }
    this.audience.tick(server.nowMs, server.configurations.latest);
    if (this.isAlone) this.refuseClients(0);
    const { oldestStartMs } = this.rounds;
    if (oldestStartMs !== undefined && server.nowMs - oldestStartMs > this.roundTimeoutMs) this.abandonRounds();
    if (this.transfer !== undefined && server.nowMs >= this.transfer.deadlineMs) this.endTransfer();
  }

  /** The host slept. A quorum gets a little time to answer, the rounds that are out count on. */
  woke(graceMs: number): void {
    const { nowMs } = this.server;
    this.audience.woke(nowMs);
    this.quorumMs = Math.max(this.quorumMs, nowMs + graceMs - this.server.settings.electionTimeoutMs);
  }

  private get alone(): boolean {
    const { voters } = this.server.configurations.latest;
    return voters.length === 1 && voters[0] === this.server.id;
  }

  /**
   * How long the replies to a round may take before its entries are sent again. Grows while nothing commits: what is slow
   * because there is much of it must not be made slower by sending it twice.
   */
  private get roundTimeoutMs(): number {
    const { heartbeatMs, electionTimeoutMs } = this.server.settings;
    const patience = 2 ** Math.min(this.abandonments, PATIENCE_DOUBLINGS_MAX);
    return Math.max(5 * heartbeatMs, electionTimeoutMs / 2) * patience + transitMs(this.rounds.entryBytes);
  }

  /** No quorum answered in time: what is not known to be on a quorum goes out again. */
  private abandonRounds(): void {
    this.abandonments++;
    this.reads = [...this.rounds.abandon(), ...this.reads];
    this.nextIndex = Math.min(this.nextIndex, this.server.commitIndex + 1);
  }

  /** Appends what was proposed and starts the rounds that are due. Called once a turn. */
  pump(): void {
    const { server } = this;
    this.preparations.advance();
    this.appendQueued();
    this.advanceTransfer();
    this.ask();
    if (!this.isSilent) {
      for (const peer of this.peers.values()) this.bringUpToDate(peer);
      while (this.roundIsDue()) this.startRound();
      if (server.nowMs - this.lastRoundMs >= server.settings.heartbeatMs) this.startRound();
    }
    this.countRounds();
  }

  /** Pre-vote requests, which everybody answers and which disturb nobody. */
  private ask(): void {
    const { server } = this;
    const { id: candidate, log, configurations, nowMs } = server;
    for (const voter of this.audience.toBeAsked(nowMs, configurations.latest)) {
      const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = log;
      const [type, call, term, preVote] = ['RequestVote', server.nextCall(), server.term + 1, true] as const;
      server.out.send(voter, { type, call, candidate, term, lastLogIndex, lastLogTerm, preVote });
    }
  }

  private appendQueued(): void {
    const { server } = this;
    const { log, settings } = server;
    // Unbatched: the next proposal waits until the one before is on disk and on its way.
    while (this.queue.length > 0 && (settings.batch || this.idle)) {
      const head = this.queue[0]!;
      const { commands, token } = head.batch;
      const count = settings.batch ? commands.length - head.offset : 1;
      const firstIndex = log.lastIndex + 1;
      const entries: Entry[] = [];
      for (let i = 0; i < count; i++) {
        entries.push(new Entry(firstIndex + i, server.term, EntryType.Normal, commands[head.offset + i]!));
      }
      log.append(entries);
      server.out.accepted.push({ token, offset: head.offset, count, firstIndex, term: server.term });
      head.offset += count;
      if (head.offset === commands.length) this.queue.shift();
    }
  }

  private get idle(): boolean {
    const { log, durableIndex } = this.server;
    return durableIndex >= log.lastIndex && this.nextIndex > log.lastIndex;
  }

  private get entriesPerRound(): number {
    const { batch, entriesPerMessage } = this.server.settings;
    return batch ? entriesPerMessage : 1;
  }

  /**
   * A round starts when there is something to carry and nothing on its way. What comes meanwhile gathers, but not for a
   * whole round trip to far servers: until it fills a message, or the clock has moved on.
   */
  private roundIsDue(): boolean {
    const { server } = this;
    const backlog = server.log.lastIndex - this.nextIndex + 1;
    if (this.isRoundWanted) return true;
    for (const peer of this.peers.values()) if (peer.injectFrom !== undefined) return true;
    const isLater = server.nowMs > this.lastLoadMs;
    if (this.reads.length > 0 && this.established && (!this.rounds.carryReads || isLater)) return true;
    if (backlog === 0) return false;
    if (!this.rounds.carryEntries) return true;
    return (backlog >= this.entriesPerRound || isLater) && this.rounds.hasRoom;
  }

  private startRound(): void {
    const { server } = this;
    const { log, settings } = server;
    // A leader that commits alone may have compacted what its rounds have not carried yet.
    this.nextIndex = Math.max(this.nextIndex, log.firstIndex);
    const prevLogIndex = this.nextIndex - 1;
    const entries = this.rounds.hasRoom
      ? log.entries(this.nextIndex, log.lastIndex, this.entriesPerRound, settings.maxMessageBytes)
      : [];
    const end = prevLogIndex + entries.length;
    const readTokens = this.established ? this.reads : [];
    if (this.established) this.reads = [];
    const call = server.nextCall();
    this.nextIndex = end + 1;
    this.isRoundWanted = false;
    this.lastRoundMs = server.nowMs;
    if (entries.length > 0 || readTokens.length > 0) this.lastLoadMs = server.nowMs;
    const readIndex = server.commitIndex;
    const round = { call, startMs: server.nowMs, end, entryBytes: recordsSize(entries), readTokens, readIndex };
    this.rounds.add(round, server.id);
    if (server.settings.checkQuorum && this.alone) this.quorumMs = server.nowMs;
    for (const peer of this.peers.values()) {
      if (peer.injectFrom !== undefined) this.inject(peer, call, peer.injectFrom);
      else if (peer.state === 'steady' && entries.length > 0) this.sendEntries(peer, call, prevLogIndex, entries);
      else this.sendHeartbeat(peer, call, peer.state === 'catching-up' ? peer.nextIndex - 1 : end);
    }
    if (this.alone) this.confirmReads(call);
  }

  /** Follows on what was sent, or where it would arrive before that, on what the peer is known to hold. */
  private sendHeartbeat(peer: Peer, call: number, end: number): void {
    const { log, nowMs } = this.server;
    const { matchIndex, state } = peer;
    const overtakes = state !== 'behind' && peer.isOvertaken(nowMs) && log.term(matchIndex) !== undefined;
    this.sendEntries(peer, call, overtakes ? matchIndex : end, [], { overtakes });
  }

  private sendEntries(
    peer: Peer,
    call: number,
    prevLogIndex: number,
    entries: readonly Entry[],
    { isCatchUp = false, overtakes = false } = {},
  ): void {
    const { server } = this;
    const prevLogTerm = server.log.term(prevLogIndex);
    if (prevLogTerm === undefined) {
      this.sendSnapshot(peer, call);
      return;
    }
    const bytes = recordsSize(entries);
    const end = prevLogIndex + entries.length;
    peer.sent({ call, end, sentMs: server.nowMs, bytes, isCatchUp, overtakes });
    server.out.send(peer.id, this.appendOf(call, prevLogIndex, prevLogTerm, entries));
  }

  /** One and the same for all that a round brings the same, so that it is encoded once. */
  private appendOf(call: number, prevLogIndex: number, prevLogTerm: number, entries: readonly Entry[]): AppendEntries {
    const { lastAppend, server } = this;
    if (lastAppend?.call === call && lastAppend.prevLogIndex === prevLogIndex && lastAppend.entries === entries) {
      return lastAppend;
    }
    const { id: leader, term, commitIndex } = server;
    const type = 'AppendEntries';
    this.lastAppend = { type, call, leader, term, prevLogIndex, prevLogTerm, commitIndex, entries };
    return this.lastAppend;
  }

  /** Sends what a follower asked for, or a snapshot where it is compacted. Nothing more goes until the follower agrees. */
  private inject(peer: Peer, call: number, from: number): void {
    this.server.out.events.push('injectentries');
    peer.beginCatchUp(call, from);
    this.sendCatchUp(peer, call);
    // What reaches the point from which the next round goes on makes the follower part of it.
    if (peer.nextIndex >= this.nextIndex) peer.state = 'steady';
  }

  /** What follows what it agreed to, as far as rounds are; from there on they bring it the rest. */
  private bringUpToDate(peer: Peer): void {
    while (peer.state === 'catching-up') {
      if (peer.nextIndex >= this.nextIndex) {
        peer.state = 'steady';
        // Only its answer to a round counts, and what waits for it should not wait for a heartbeat.
        if (this.server.commitIndex < this.nextIndex - 1) this.isRoundWanted = true;
      } else if (!peer.hasCatchUpRoom) return;
      else this.sendCatchUp(peer, this.server.nextCall());
    }
  }

  /** Up to entriesPerMessage × catchUpMultiplier entries, and none that a round will bring. */
  private sendCatchUp(peer: Peer, call: number): void {
    const { log, settings } = this.server;
    const from = peer.nextIndex;
    if (from < log.firstIndex) {
      this.sendSnapshot(peer, call);
      return;
    }
    const countMax = settings.entriesPerMessage * settings.catchUpMultiplier;
    const entries = log.entries(from, this.nextIndex - 1, countMax, settings.maxMessageBytes);
    peer.nextIndex = from + entries.length;
    this.sendEntries(peer, call, from - 1, entries, { isCatchUp: true });
  }

  private sendSnapshot(peer: Peer, call: number): void {
    const { server } = this;
    const snapshot = server.log.storedSnapshot();
    if (snapshot === undefined) {
      peer.state = 'behind';
      return;
    }
    peer.beginCatchUp(call, snapshot.index + 1);
    const { index: end, data } = snapshot;
    peer.sent({ call, end, sentMs: server.nowMs, bytes: data.length, isCatchUp: true, overtakes: false });
    server.out.send(peer.id, {
      type: 'InstallSnapshot',
      call,
      leader: server.id,
      term: server.term,
      lastIncludedIndex: snapshot.index,
      lastIncludedTerm: snapshot.term,
      configuration: snapshot.configuration,
      data: snapshot.data,
    });
  }

  /** One change at a time, and only once this term has committed an entry (thesis §4.1 and its erratum). */
  reconfigure(change: MembershipChange, token: number): void {
    const { server } = this;
    const { latest, latestIndex } = server.configurations;
    const hasLearners = change.type !== ChangeType.AddVoter && change.type !== ChangeType.Remove;
    const after = hasLearners ? undefined : configurationAfter(latest, change);
    if (this.occupation !== undefined) this.refuse(token, this.occupation);
    else if (latestIndex > server.commitIndex) this.refuse(token, RejectReason.ChangeInFlight);
    else if (after === undefined) this.refuse(token, RejectReason.InvalidChange);
    else {
      server.out.events.push(change.type === ChangeType.Remove ? 'proposeremoveserver' : 'proposeaddserver');
      this.preparations.change({ change, token, quorums: [after] });
    }
  }

  private get occupation(): RejectReason | undefined {
    if (this.transfer !== undefined) return RejectReason.Transferring;
    return this.change === undefined ? this.preparations.occupation : RejectReason.ChangeInFlight;
  }

  get mayChange(): boolean {
    return this.established;
  }

  get isAllHandedOut(): boolean {
    return this.server.deliveredIndex >= this.server.commitIndex;
  }

  stage(): void {
    this.refreshPeers();
  }

  unstage(): void {
    this.refreshPeers();
  }

  appendMark(): number {
    const { server } = this;
    const index = server.log.lastIndex + 1;
    if (this.preparations.newcomer !== 0) server.out.events.push('caughtup');
    server.log.append([noopEntry(index, server.term)]);
    return index;
  }

  appendChange(change: MembershipChange, token: number): void {
    const { server } = this;
    const index = server.log.lastIndex + 1;
    const entry = new Entry(index, server.term, EntryType.Reconf, encodeChange(change));
    this.change = { change, token, index };
    server.log.append([entry]);
    server.configurations.append(entry);
    server.out.events.push('applyconfiguration');
    this.refreshPeers();
  }

  refuse(token: number, reason: RejectReason, missing?: Missing): void {
    this.server.out.requestFailed(token, reason, this.server.id, missing);
  }

  get pendingChange(): PendingChange | undefined {
    return this.preparations.pendingChange;
  }

  get view(): LeaderView {
    const { server, sinceMs, peers } = this;
    const { id, nowMs, log, settings } = server;
    const { electionTimeoutMs } = settings;
    return { id, nowMs, sinceMs, electionTimeoutMs, lastIndex: log.lastIndex, peer: (of) => peers.get(of) };
  }

  /** Peers are the voters, a server that is about to join, and one whose removal is not committed yet; in ascending order. */
  private refreshPeers(): void {
    const { server } = this;
    const { configurations } = server;
    const ids = new Set(configurations.latest.voters);
    if (configurations.latestIndex > server.commitIndex)
      for (const id of configurations.previous?.voters ?? []) ids.add(id);
    ids.add(this.preparations.newcomer);
    ids.delete(0);
    ids.delete(server.id);
    const before = new Map(this.peers);
    this.peers.clear();
    for (const id of [...ids].sort((a, b) => a - b)) {
      if (!before.has(id)) server.out.events.push('startreplicate');
      this.peers.set(id, before.get(id) ?? new Peer(id));
    }
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[]): void {
    const { out, id, configurations } = this.server;
    if (to === id) out.requests.push({ token, ok: true });
    else if (this.occupation !== undefined) this.refuse(token, this.occupation);
    else this.preparations.transfer({ to, token, unable }, configurations.latest.voters);
  }

  handOver(to: NodeId, token: number): void {
    const { nowMs, settings } = this.server;
    this.transfer = { to, token, deadlineMs: nowMs + TRANSFER_ELECTIONS * settings.electionTimeoutMs, told: false };
  }

  /** Nothing new is accepted; once the target holds the whole log it is told, once, to stand for election (thesis §3.10). */
  private advanceTransfer(): void {
    const { server, transfer } = this;
    if (transfer === undefined || transfer.told) return;
    if (this.peers.get(transfer.to)?.matchIndex !== server.log.lastIndex) return;
    transfer.told = true;
    this.tellToStand(transfer.to);
  }

  private tellToStand(to: NodeId): void {
    const { server } = this;
    server.out.send(to, { type: 'TimeoutNow', call: server.nextCall(), leader: server.id, term: server.term });
  }

  /** A leader that is removed spares the others the wait for an election timeout. */
  private nameSuccessor(): void {
    const next = successor(this.view, this.server.configurations.latest.voters);
    if (next !== 0) this.tellToStand(next);
  }

  private endTransfer(): void {
    const { server, transfer } = this;
    if (transfer === undefined) return;
    this.transfer = undefined;
    server.out.requestFailed(transfer.token, RejectReason.Timeout, server.id);
  }

  /**
   * This server no longer leads; `leader` does, as far as is known. Everything that is certainly not done is said so.
   * Returns a transfer whose target was told to take over: who leads next decides it.
   */
  stop(leader: NodeId): Transfer | undefined {
    const { out } = this.server;
    this.refuseClients(leader);
    for (const token of this.preparations.abandon()) out.requestFailed(token, RejectReason.NotLeader, leader);
    if (this.transfer?.told === true) return this.transfer;
    this.endTransfer();
    return undefined;
  }

  /** What is neither in the log nor answered is certainly not done here. */
  private refuseClients(leader: NodeId): void {
    const { queue } = this;
    const reads = [...this.rounds.takeReads(), ...this.reads];
    this.queue = [];
    this.reads = [];
    for (const { batch, offset } of queue) this.reject(batch, offset, RejectReason.NotLeader, leader);
    for (const token of reads) this.server.out.readFailed(token, RejectReason.NotLeader, leader);
  }

  private reject(
    { token, commands }: ProposalBatch,
    offset: number,
    reason: RejectReason,
    leader = this.server.id,
  ): void {
    this.server.out.reject(token, offset, commands.length - offset, reason, leader);
  }

  peerStatus(): PeerStatus[] {
    const { nowMs } = this.server;
    return [...this.peers.values()].map(({ id, matchIndex, state, heardMs }) => ({
      id,
      matchIndex,
      nextIndex: state === 'steady' ? this.nextIndex : matchIndex + 1,
      state,
      lastHeardMs: heardMs < 0 ? -1 : nowMs - heardMs,
    }));
  }
}

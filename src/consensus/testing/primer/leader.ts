import {
  ChangeType,
  type EngineSettings,
  type MembershipChange,
  type NodeId,
  type PeerStatus,
  type ProposalBatch,
  RejectReason,
} from '../../contract.ts';
import { Entry, EntryType, noopEntry } from '../../entry.ts';
import { recordsSize } from '../../entryCodec.ts';
import { configurationAfter } from '../../membership/changes.ts';
import type { ConfigurationHistory } from '../../membership/configurationHistory.ts';
import type { Handover } from '../../membership/handover.ts';
import { type LeaderView, successor } from '../../membership/leaderView.ts';
import { Preparations, type Preparing } from '../../membership/preparations.ts';
import { Audience } from '../../parts/audience.ts';
import type { LogTail } from '../../parts/logTail.ts';
import type { OutputBuffer } from '../../parts/outputBuffer.ts';
import type { PendingWrites } from '../../parts/pendingWrites.ts';
import { majorityReached, UNBOUNDED } from '../../parts/quorum.ts';
import { transitMs } from '../../parts/transit.ts';
import { encodeChange } from './changes.ts';
import type { PrimerMessage } from './messages.ts';

/** Messages with entries that may be on their way to one server. */
export const IN_FLIGHT_MAX = 256;

/** The server that leads, as far as its leading needs it. */
export interface LeadingServer {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly nowMs: number;
  readonly term: number;
  readonly commitIndex: number;
  /** Up to here committed entries were handed to the host. */
  readonly deliveredIndex: number;
  readonly log: LogTail;
  readonly configurations: ConfigurationHistory;
  readonly out: OutputBuffer<PrimerMessage>;
  readonly handover: Handover;
  readonly writes: PendingWrites;
  commitTo(index: number): void;
  /** Stops leading without a new term. */
  resign(): void;
}

/** What the leader knows of another server. */
interface Peer {
  readonly id: NodeId;
  matchIndex: number;
  nextIndex: number;
  /**
   * asking: it is to say where its log ends, by the answer to a heartbeat of `askedRound` or a later one. probing: one message is on
   * its way, and may not fit. streaming: what is appended here follows at once.
   */
  state: 'asking' | 'probing' | 'streaming';
  askedRound: number;
  /** Of the latest heartbeat that it answered. */
  round: number;
  heardMs: number;
  /** What is on its way, and since when nothing of it was answered. */
  inFlight: { readonly prevIndex: number; readonly end: number; readonly bytes: number }[];
  waitsSinceMs: number;
  /** It is being brought up to date until it holds this; 0: it is not. */
  behindUntil: number;
}

/** What a server does from when it was elected until it leads no more. */
export class Leader implements Preparing {
  private readonly server: LeadingServer;
  private readonly sinceMs: number;
  /** Of its own first entry: what it commits by counting is of its own term (Raft §5.4.2, §8). */
  private readonly firstIndex: number;
  readonly preparations: Preparations;
  private readonly audience: Audience;
  private peers = new Map<NodeId, Peer>();
  private queue: { readonly batch: ProposalBatch; offset: number }[] = [];
  private newReads: number[] = [];
  /** Reads wait for the answers to heartbeats that were sent after they came (thesis §6.4). */
  private reads: { readonly token: number; readonly index: number; readonly round: number }[] = [];
  private round = 0;
  /** When a quorum last answered, or counts as having done so. */
  private quorumMs: number;
  private heartbeatDueMs = 0;
  private change: { readonly token: number; readonly index: number } | undefined;

  constructor(server: LeadingServer) {
    this.server = server;
    this.sinceMs = server.nowMs;
    this.quorumMs = server.nowMs;
    this.preparations = new Preparations(this, server.out, server.handover);
    this.audience = new Audience(server.id, server.settings, server.nowMs);
    this.firstIndex = this.appendMark();
    this.refreshPeers();
  }

  get isSilent(): boolean {
    return this.audience.isSilent;
  }

  get isAlone(): boolean {
    return this.audience.isAlone;
  }

  heard(from: NodeId): void {
    const { nowMs, configurations } = this.server;
    this.audience.answered(from, nowMs, configurations.latest);
    const peer = this.peers.get(from);
    if (peer !== undefined) peer.heardMs = nowMs;
  }

  tick(): void {
    const { server } = this;
    this.audience.tick(server.nowMs, server.configurations.latest);
    if (this.isAlone) this.refuseClients(0);
    if (server.settings.checkQuorum && !this.isHeardByQuorum()) {
      server.resign();
      return;
    }
    for (const peer of this.peers.values()) this.noticeLoss(peer);
  }

  private isHeardByQuorum(): boolean {
    const { id, nowMs, settings, configurations } = this.server;
    const heardMs = (of: NodeId) => (of === id ? nowMs : this.peers.get(of)?.heardMs);
    this.quorumMs = Math.max(this.quorumMs, majorityReached(configurations.latest.voters, heardMs));
    return nowMs - this.quorumMs <= settings.electionTimeoutMs;
  }

  /** The host slept: answers wait behind the tick that woke it. */
  woke(graceMs: number): void {
    const { nowMs, settings } = this.server;
    this.audience.woke(nowMs);
    this.quorumMs = Math.max(this.quorumMs, nowMs + graceMs - settings.electionTimeoutMs);
  }

  propose(batch: ProposalBatch): void {
    const { out, id, handover } = this.server;
    const { token, commands } = batch;
    if (this.isAlone) out.reject(token, 0, commands.length, RejectReason.NotLeader, 0);
    else if (handover.isOpen) out.reject(token, 0, commands.length, RejectReason.Transferring, id);
    else this.queue.push({ batch, offset: 0 });
  }

  read(token: number): void {
    if (this.isAlone) this.server.out.readFailed(token, RejectReason.NotLeader, 0);
    else this.newReads.push(token);
  }

  /** Once a turn: commits what the answers allow, appends what was proposed, and sends what is due. */
  pump(): void {
    const { server } = this;
    this.commit();
    if (!server.handover.isOpen) this.appendQueued();
    this.preparations.advance();
    const target = server.handover.toBeTold(this);
    if (target !== 0) server.out.send(target, { type: 'take-over', term: server.term });
    this.askWhoHears();
    if (!this.isSilent) {
      const readsWait = this.newReads.length > 0 && this.isEstablished;
      if (readsWait || server.nowMs >= this.heartbeatDueMs) this.sendHeartbeats();
      for (const peer of this.peers.values()) this.replicate(peer);
    }
    this.confirmReads();
  }

  /** A reply of this term. */
  replied(from: NodeId, reply: Extract<PrimerMessage, { type: 'append-reply' | 'heartbeat-reply' }>): void {
    const peer = this.peers.get(from);
    if (peer === undefined) return;
    this.heard(from);
    const { log, nowMs } = this.server;
    if (reply.type === 'heartbeat-reply') {
      peer.round = Math.max(peer.round, reply.round);
      if (peer.state !== 'asking' || reply.round < peer.askedRound) return;
      peer.state = 'probing';
      peer.nextIndex = Math.max(peer.matchIndex, Math.min(reply.lastIndex, log.lastIndex)) + 1;
      if (peer.nextIndex <= this.server.commitIndex) this.fallsBehind(peer);
    } else if (reply.ok) {
      peer.matchIndex = Math.max(peer.matchIndex, Math.min(reply.index, log.lastIndex));
      peer.nextIndex = Math.max(peer.nextIndex, peer.matchIndex + 1);
      peer.inFlight = peer.inFlight.filter(({ end }) => end > peer.matchIndex);
      peer.waitsSinceMs = nowMs;
      if (peer.matchIndex >= peer.behindUntil) peer.behindUntil = 0;
      if (peer.state === 'probing') peer.state = 'streaming';
    } else if (peer.state === 'streaming') this.ask(peer);
    else if (peer.state === 'probing' && peer.inFlight[0]?.prevIndex === reply.index) {
      this.fallsBehind(peer);
      peer.inFlight = [];
      peer.nextIndex = Math.max(peer.matchIndex + 1, Math.min(reply.index, reply.hint + 1));
      // One that refuses what it acknowledged is asked again, at the pace of heartbeats.
      if (peer.nextIndex > reply.index) this.ask(peer);
    }
  }

  // --- replication ---

  private get entriesMax(): number {
    const { batch, entriesPerMessage } = this.server.settings;
    return batch ? entriesPerMessage : 1;
  }

  private fallsBehind(peer: Peer): void {
    if (peer.behindUntil > 0) return;
    peer.behindUntil = this.server.log.lastIndex;
    this.server.out.events.push('catchup');
  }

  private ask(peer: Peer): void {
    peer.state = 'asking';
    peer.askedRound = this.round + 1;
    peer.inFlight = [];
  }

  /** Where nothing is answered for longer than what is on its way takes, it is lost, or the peer is gone: ask before sending it again. */
  private noticeLoss(peer: Peer): void {
    if (peer.inFlight.length === 0) return;
    const bytes = peer.inFlight.reduce((sum, each) => sum + each.bytes, 0);
    const { nowMs, settings } = this.server;
    if (nowMs - peer.waitsSinceMs >= settings.electionTimeoutMs / 2 + transitMs(bytes)) this.ask(peer);
  }

  private replicate(peer: Peer): void {
    const { server } = this;
    const { log, term, commitIndex: commit, settings } = server;
    if (peer.state === 'asking') return;
    const roomFor = peer.state === 'probing' ? 1 : IN_FLIGHT_MAX;
    // Where there is nothing to send a probe still finds out whether the peer holds what is here.
    while (peer.inFlight.length < roomFor && (peer.nextIndex <= log.lastIndex || peer.state === 'probing')) {
      const prevIndex = peer.nextIndex - 1;
      const prevTerm = log.term(prevIndex);
      if (prevTerm === undefined || peer.nextIndex < log.firstIndex) {
        if (peer.inFlight.length > 0 || !this.sendSnapshot(peer)) return;
        continue;
      }
      const entries = log.entries(peer.nextIndex, peer.nextIndex + this.entriesMax - 1, settings.maxMessageBytes);
      this.sent(peer, prevIndex + entries.length, recordsSize(entries));
      server.out.send(peer.id, { type: 'append', term, prevIndex, prevTerm, commit, entries });
    }
  }

  private sendSnapshot(peer: Peer): boolean {
    const { log, out, term } = this.server;
    const snapshot = log.snapshot();
    if (snapshot === undefined) return false;
    peer.state = 'probing';
    this.sent(peer, snapshot.index, snapshot.content.byteLength);
    out.send(peer.id, { type: 'snapshot', term, snapshot });
    return true;
  }

  private sent(peer: Peer, end: number, bytes: number): void {
    if (peer.inFlight.length === 0) peer.waitsSinceMs = this.server.nowMs;
    peer.inFlight.push({ prevIndex: peer.nextIndex - 1, end, bytes });
    peer.nextIndex = end + 1;
  }

  private sendHeartbeats(): void {
    const { out, nowMs, settings, term, commitIndex } = this.server;
    this.round++;
    if (this.isEstablished) {
      for (const token of this.newReads) this.reads.push({ token, index: commitIndex, round: this.round });
      this.newReads = [];
    }
    this.heartbeatDueMs = nowMs + settings.heartbeatMs;
    for (const { id, matchIndex } of this.peers.values()) {
      out.send(id, { type: 'heartbeat', term, round: this.round, commit: Math.min(commitIndex, matchIndex) });
    }
  }

  /** Pre-vote requests, which everybody answers and which disturb nobody (parts/audience.ts). */
  private askWhoHears(): void {
    const { out, nowMs, configurations, log, term } = this.server;
    const { lastIndex, lastTerm } = log;
    for (const id of this.audience.toBeAsked(nowMs, configurations.latest)) {
      out.send(id, { type: 'vote', term: term + 1, lastIndex, lastTerm, preVote: true });
    }
  }

  private appendQueued(): void {
    const { log, settings, term, out, writes } = this.server;
    while (this.queue.length > 0 && (settings.batch || writes.durableIndex >= log.lastIndex)) {
      const head = this.queue[0]!;
      const { commands, token, type = EntryType.Normal } = head.batch;
      const count = settings.batch ? commands.length - head.offset : 1;
      const firstIndex = log.lastIndex + 1;
      const taken = commands.slice(head.offset, head.offset + count);
      log.append(taken.map((command, i) => new Entry(firstIndex + i, term, type, command)));
      out.accepted.push({ token, offset: head.offset, count, firstIndex, term });
      head.offset += count;
      if (head.offset === commands.length) this.queue.shift();
    }
  }

  // --- what the answers allow ---

  private get isEstablished(): boolean {
    return this.server.commitIndex >= this.firstIndex;
  }

  private commit(): void {
    const { server } = this;
    const { id, log, writes, configurations } = server;
    const { voters } = configurations.latest;
    const index = majorityReached(voters, (of) => (of === id ? writes.durableIndex : this.peers.get(of)?.matchIndex));
    if (index > server.commitIndex && log.term(index) === server.term) {
      server.commitTo(index);
      this.finishChange();
    }
  }

  private confirmReads(): void {
    const { id, out, configurations } = this.server;
    const { voters } = configurations.latest;
    const round = majorityReached(voters, (of) => (of === id ? UNBOUNDED : this.peers.get(of)?.round));
    while (this.reads.length > 0 && this.reads[0]!.round <= round) {
      const { token, index } = this.reads.shift()!;
      out.reads.push({ token, ok: true, index });
    }
  }

  private finishChange(): void {
    const { server, change } = this;
    if (change !== undefined && change.index <= server.commitIndex) {
      this.change = undefined;
      server.out.requests.push({ token: change.token, ok: true });
      // The last that a removed server hears.
      this.sendHeartbeats();
      this.refreshPeers();
    }
    const { latest, latestIndex } = server.configurations;
    if (latestIndex > server.commitIndex || latest.voters.includes(server.id)) return;
    const next = successor(this.view, latest.voters);
    if (next !== 0) server.out.send(next, { type: 'take-over', term: server.term });
    server.resign();
  }

  // --- members, and handing over (src/consensus/membership/ decides when) ---

  reconfigure(change: MembershipChange, token: number): void {
    const { latest } = this.server.configurations;
    const isVoters = change.type === ChangeType.AddVoter || change.type === ChangeType.Remove;
    const after = isVoters ? configurationAfter(latest, change) : undefined;
    this.preparations.change(change, token, after && [after]);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[]): void {
    this.preparations.transfer({ to, token, unable }, this.server.configurations.latest.voters);
  }

  get isChangeInLog(): boolean {
    return this.server.configurations.latestIndex > this.server.commitIndex;
  }

  get mayChange(): boolean {
    return this.isEstablished;
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
    const { log, term } = this.server;
    const index = log.lastIndex + 1;
    log.append([noopEntry(index, term)]);
    return index;
  }

  appendChange(change: MembershipChange, token: number): void {
    const { log, term, configurations } = this.server;
    const index = log.lastIndex + 1;
    const entry = new Entry(index, term, EntryType.Reconf, encodeChange(change));
    this.change = { token, index };
    log.append([entry]);
    configurations.append(entry);
    this.refreshPeers();
  }

  /** The voters, one whose removal is not committed yet, and one that is about to join; ascending. */
  private refreshPeers(): void {
    const { server } = this;
    const { latest, latestIndex, previous } = server.configurations;
    const ids = new Set([...latest.voters, this.preparations.newcomer]);
    if (latestIndex > server.commitIndex) for (const id of previous?.voters ?? []) ids.add(id);
    ids.delete(0);
    ids.delete(server.id);
    const ascending = [...ids].sort((a, b) => a - b);
    this.peers = new Map(ascending.map((id) => [id, this.peers.get(id) ?? this.newPeer(id)]));
  }

  private newPeer(id: NodeId): Peer {
    const nextIndex = this.server.log.lastIndex + 1;
    const askedRound = this.round + 1;
    // It is asked at once.
    this.heartbeatDueMs = 0;
    return {
      ...{ id, matchIndex: 0, nextIndex, state: 'asking', askedRound },
      ...{ round: 0, heardMs: -1, inFlight: [], waitsSinceMs: 0, behindUntil: 0 },
    };
  }

  get view(): LeaderView {
    const { server, sinceMs, peers } = this;
    const { id, nowMs, log, settings } = server;
    const { electionTimeoutMs } = settings;
    return { id, nowMs, sinceMs, electionTimeoutMs, lastIndex: log.lastIndex, peer: (of) => peers.get(of) };
  }

  peerStatus(): PeerStatus[] {
    const { nowMs } = this.server;
    return [...this.peers.values()].map(({ id, matchIndex, nextIndex, state, heardMs }) => {
      return { id, matchIndex, nextIndex, state, lastHeardMs: heardMs < 0 ? -1 : nowMs - heardMs };
    });
  }

  // --- the end ---

  /** `next` leads, as far as is known. What is certainly not done is said so. */
  stop(next: NodeId): void {
    this.refuseClients(next);
    this.preparations.abandon(next);
  }

  /** What is neither in the log nor answered is certainly not done here. */
  private refuseClients(leader: NodeId): void {
    const { out } = this.server;
    for (const { batch, offset } of this.queue) {
      out.reject(batch.token, offset, batch.commands.length - offset, RejectReason.NotLeader, leader);
    }
    for (const { token } of this.reads) out.readFailed(token, RejectReason.NotLeader, leader);
    for (const token of this.newReads) out.readFailed(token, RejectReason.NotLeader, leader);
    this.queue = [];
    this.reads = [];
    this.newReads = [];
  }
}

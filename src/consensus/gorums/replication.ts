import type { NodeId, PeerStatus, Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { recordsSize } from '../entryCodec.ts';
import { SnapshotSender } from '../parts/snapshotChunks.ts';
import { transitMs } from '../parts/transit.ts';
import { FULL_ROUND_BYTES, PATIENCE_DOUBLINGS_MAX } from './limits.ts';
import type { AppendEntries, SnapshotChunkResponse } from './messages.ts';
import { Peer } from './peer.ts';
import type { Reads } from './reads.ts';
import { Rounds } from './rounds.ts';
import type { ServerState } from './state.ts';

/** One and the same, so that the requests of an empty round are one message as well. */
const NO_ENTRIES: readonly Entry[] = [];

/**
 * How a leader sends its log to the others. There is one `nextIndex` for the whole configuration: a round goes to everyone. A
 * follower that cannot take a round asks for what it lacks (CatchMeUp), and the leader injects it into the next round for that
 * follower alone. Once the follower has taken that, the rest follows in calls of its own, which wait neither for rounds nor for
 * each other's answers.
 */
export class Replication {
  readonly rounds = new Rounds();
  private readonly state: ServerState;
  private readonly reads: Reads;
  /** The first entry of the leader's term: from its commit on a round may carry reads. */
  private readonly startIndex: number;
  private readonly peers = new Map<NodeId, Peer>();
  private nextIndex: number;
  private lastRoundMs = Number.NEGATIVE_INFINITY;
  private lastAppend: AppendEntries | undefined;
  /** A round is due though it may carry nothing. */
  private isRoundWanted = false;
  /** When the last round that carried entries or reads began. */
  private lastLoadMs = Number.NEGATIVE_INFINITY;
  /** How often in a row rounds were given up without a commit in between. */
  private abandonments = 0;

  constructor(state: ServerState, reads: Reads, startIndex: number) {
    this.state = state;
    this.reads = reads;
    this.startIndex = startIndex;
    this.nextIndex = startIndex;
  }

  peer(id: NodeId): Peer | undefined {
    return this.peers.get(id);
  }

  /** Everything in the log went out. */
  get isAllSent(): boolean {
    return this.nextIndex > this.state.log.lastIndex;
  }

  /** Peers are the voters, a server that is about to join, and one whose removal is not committed yet; in ascending order. */
  refreshPeers(newcomer: NodeId): void {
    const { state } = this;
    const { configurations } = state;
    const ids = new Set(configurations.latest.voters);
    if (state.isChangeInLog) for (const id of configurations.previous?.voters ?? []) ids.add(id);
    ids.add(newcomer);
    ids.delete(0);
    ids.delete(state.id);
    const before = new Map(this.peers);
    this.peers.clear();
    for (const id of [...ids].sort((a, b) => a - b)) {
      this.peers.set(id, before.get(id) ?? new Peer(id));
    }
  }

  /** What a peer's success of `call` proves of its log. */
  succeeded(peer: Peer, call: number): number | undefined {
    const index = peer.succeeded(call, this.state.nowMs);
    if (index !== undefined && peer.state !== 'steady' && index >= this.nextIndex - 1) peer.state = 'steady';
    return index;
  }

  committed(): void {
    this.abandonments = 0;
  }

  tick(): void {
    for (const peer of this.peers.values()) peer.sender?.tick(this.state.nowMs);
    const { oldestStartMs } = this.rounds;
    if (oldestStartMs !== undefined && this.state.nowMs - oldestStartMs > this.roundTimeoutMs) this.abandonRounds();
  }

  /**
   * How long the replies to a round may take before its entries are sent again. Grows while nothing commits: what is slow
   * because there is much of it must not be made slower by sending it twice.
   */
  private get roundTimeoutMs(): number {
    const { heartbeatMs, electionTimeoutMs } = this.state.settings;
    const patience = 2 ** Math.min(this.abandonments, PATIENCE_DOUBLINGS_MAX);
    return Math.max(5 * heartbeatMs, electionTimeoutMs / 2) * patience + transitMs(this.rounds.entryBytes);
  }

  /** No quorum answered in time: what is not known to be on a quorum goes out again. */
  private abandonRounds(): void {
    this.abandonments++;
    this.rounds.abandon();
    this.reads.roundsAbandoned();
    this.nextIndex = Math.min(this.nextIndex, this.state.commitIndex + 1);
  }

  /** Sends what is due. */
  pump(): void {
    const { state } = this;
    for (const peer of this.peers.values()) {
      this.bringUpToDate(peer);
      this.sendChunks(peer);
    }
    while (this.roundIsDue()) this.startRound();
    if (state.nowMs - this.lastRoundMs >= state.settings.heartbeatMs) this.startRound();
  }

  private get entriesPerRound(): number {
    const { batch, entriesPerMessage } = this.state.settings;
    return batch ? entriesPerMessage : 1;
  }

  /** Whether an entry of this term is committed, so that the commit index is known to be up to date (Raft §8). */
  get isEstablished(): boolean {
    return this.state.commitIndex >= this.startIndex;
  }

  /**
   * A round starts when there is something to carry and nothing on its way. What comes meanwhile gathers, but not for a
   * whole round trip to far servers: until it fills a message by number or by bytes, or the clock has moved on.
   */
  private roundIsDue(): boolean {
    const { state } = this;
    const backlog = state.log.lastIndex - this.nextIndex + 1;
    if (this.isRoundWanted) return true;
    for (const peer of this.peers.values()) if (peer.injectFrom !== undefined) return true;
    const isLater = state.nowMs > this.lastLoadMs;
    if (this.reads.areWaiting && this.isEstablished && (!this.reads.areCarried || isLater)) return true;
    if (backlog === 0) return false;
    if (!this.rounds.carryEntries) return true;
    return this.rounds.hasRoom && (backlog >= this.entriesPerRound || isLater || this.isFull);
  }

  /** What waits is fewer entries than a message takes, and worth one by its bytes. */
  private get isFull(): boolean {
    const { log, settings } = this.state;
    const from = Math.max(this.nextIndex, log.firstIndex);
    if (from > log.lastIndex) return false;
    return recordsSize(log.entries(from, log.lastIndex, settings.maxMessageBytes)) >= FULL_ROUND_BYTES;
  }

  startRound(): void {
    const { state } = this;
    const { log, settings } = state;
    // A leader that commits alone may have compacted what its rounds have not carried yet.
    this.nextIndex = Math.max(this.nextIndex, log.firstIndex);
    const prevLogIndex = this.nextIndex - 1;
    const entries = this.rounds.hasRoom
      ? log.entries(this.nextIndex, prevLogIndex + this.entriesPerRound, settings.maxMessageBytes)
      : NO_ENTRIES;
    const end = prevLogIndex + entries.length;
    const call = state.nextCall();
    this.nextIndex = end + 1;
    this.isRoundWanted = false;
    this.lastRoundMs = state.nowMs;
    const carriesReads = this.isEstablished && this.reads.areWaiting;
    if (entries.length > 0 || carriesReads) this.lastLoadMs = state.nowMs;
    if (carriesReads) this.reads.roundBegan(call, state.commitIndex);
    this.rounds.add({ call, startMs: state.nowMs, end, entryBytes: recordsSize(entries) }, state.id);
    for (const peer of this.peers.values()) {
      if (peer.injectFrom !== undefined) this.inject(peer, call, peer.injectFrom);
      else if (peer.state === 'steady' && entries.length > 0) this.sendEntries(peer, call, prevLogIndex, entries);
      else this.sendHeartbeat(peer, call, peer.state === 'catching-up' ? peer.nextIndex - 1 : end);
    }
  }

  /** Follows on what was sent, or where it would arrive before that, on what the peer is known to hold. */
  private sendHeartbeat(peer: Peer, call: number, end: number): void {
    const { log, nowMs } = this.state;
    if (peer.sender !== undefined) {
      // Nothing is said of a log that the snapshot will replace, or it would ask for what is on its way.
      peer.sent({ call, end: 0, sentMs: nowMs, bytes: 0, isCatchUp: false, overtakes: true });
      this.state.out.send(peer.id, this.appendOf(call, 0, 0, NO_ENTRIES));
      return;
    }
    const { matchIndex } = peer;
    const overtakes = peer.state !== 'behind' && peer.isOvertaken(nowMs) && log.term(matchIndex) !== undefined;
    this.sendEntries(peer, call, overtakes ? matchIndex : end, NO_ENTRIES, { overtakes });
  }

  private sendEntries(
    peer: Peer,
    call: number,
    prevLogIndex: number,
    entries: readonly Entry[],
    { isCatchUp = false, overtakes = false } = {},
  ): void {
    const { state } = this;
    const prevLogTerm = state.log.term(prevLogIndex);
    if (prevLogTerm === undefined) {
      this.sendSnapshot(peer, call);
      return;
    }
    const bytes = recordsSize(entries);
    const end = prevLogIndex + entries.length;
    peer.sent({ call, end, sentMs: state.nowMs, bytes, isCatchUp, overtakes });
    state.out.send(peer.id, this.appendOf(call, prevLogIndex, prevLogTerm, entries));
  }

  /** One and the same for all that a round brings the same, so that it is encoded once. */
  private appendOf(call: number, prevLogIndex: number, prevLogTerm: number, entries: readonly Entry[]): AppendEntries {
    const { lastAppend, state } = this;
    if (lastAppend?.call === call && lastAppend.prevLogIndex === prevLogIndex && lastAppend.entries === entries) {
      return lastAppend;
    }
    const { id: leader, term } = state;
    const type = 'AppendEntries';
    // No more than its success proves: the original's followers commit whatever they hold up to there (Raft figure 2 has them stop here).
    const commitIndex = Math.min(state.commitIndex, prevLogIndex + entries.length);
    this.lastAppend = { type, call, leader, term, prevLogIndex, prevLogTerm, commitIndex, entries };
    return this.lastAppend;
  }

  /** Sends what a follower asked for, or a snapshot where it is compacted. Nothing more goes until the follower agrees. */
  private inject(peer: Peer, call: number, from: number): void {
    this.state.out.events.push('injectentries');
    peer.beginCatchUp(call, from);
    peer.search.began(call, from);
    this.sendCatchUp(peer, call);
    // What reaches the point from which the next round goes on makes the follower part of it.
    if (peer.nextIndex >= this.nextIndex && peer.sender === undefined) peer.state = 'steady';
  }

  /** What follows what it agreed to, as far as rounds are; from there on they bring it the rest. */
  private bringUpToDate(peer: Peer): void {
    while (peer.state === 'catching-up' && peer.sender === undefined) {
      if (peer.nextIndex >= this.nextIndex) {
        peer.state = 'steady';
        // Only its answer to a round counts, and what waits for it should not wait for a heartbeat.
        if (this.state.commitIndex < this.nextIndex - 1) this.isRoundWanted = true;
      } else if (!peer.hasCatchUpRoom) return;
      else this.sendCatchUp(peer, this.state.nextCall());
    }
  }

  /** Up to entriesPerMessage × catchUpMultiplier entries, and none that a round will bring. */
  private sendCatchUp(peer: Peer, call: number): void {
    const { log, settings } = this.state;
    const from = peer.nextIndex;
    if (from < log.firstIndex) {
      this.sendSnapshot(peer, call);
      return;
    }
    const countMax = settings.entriesPerMessage * settings.catchUpMultiplier;
    const entries = log.entries(from, Math.min(this.nextIndex, from + countMax) - 1, settings.maxMessageBytes);
    peer.nextIndex = from + entries.length;
    this.sendEntries(peer, call, from - 1, entries, { isCatchUp: true });
  }

  /** Begins with the latest one, or goes on with what is on its way: it need not be the latest. */
  private sendSnapshot(peer: Peer, call: number): void {
    const { state } = this;
    const snapshot = peer.sender?.snapshot ?? state.log.snapshot();
    if (snapshot === undefined) {
      peer.state = 'behind';
      return;
    }
    peer.beginCatchUp(call, snapshot.index + 1);
    peer.sender ??= new SnapshotSender(snapshot, state.settings);
    this.sendChunks(peer);
    // No chunk answers a round.
    this.sendHeartbeat(peer, call, 0);
  }

  private sendChunks({ id: to, sender }: Peer): void {
    if (sender === undefined) return;
    const { id: leader, term, nowMs, out } = this.state;
    const { snapshot: whole } = sender;
    while (sender.isDue(nowMs)) {
      const call = this.state.nextCall();
      const type = 'SnapshotChunk';
      const { index, snapshotTerm, configuration, offset, total, data } = sender.take(call, nowMs);
      out.send(to, { type, call, leader, term, index, snapshotTerm, configuration, offset, total, data, whole });
    }
  }

  /** A follower asks for what follows `asked` - 1, be it more than there is. What is on its way to it brings that, unless it shows to be there. */
  askedFor(peer: Peer, asked: number): void {
    const { sender } = peer;
    const { firstIndex, lastIndex } = this.state.log;
    const nextIndex = Math.max(1, Math.min(asked, lastIndex + 1));
    if (sender !== undefined && nextIndex <= sender.snapshot.index) return;
    peer.sender = undefined;
    peer.injectFrom = peer.search.beginning(nextIndex, peer.matchIndex, firstIndex, asked);
  }

  chunkAnswered(peer: Peer, { call, index, received, installed }: SnapshotChunkResponse): void {
    const { sender } = peer;
    if (sender?.snapshot.index !== index) return;
    if (installed) peer.installed(this.state.nowMs);
    else sender.answered(call, received, this.state.nowMs);
  }

  /** The answer to a unary call: the whole of a snapshot is there at once. */
  snapshotInstalled(peer: Peer, call: number): void {
    if (peer.sender?.didSend(call)) peer.installed(this.state.nowMs);
  }

  sending(): Snapshot[] {
    return [...this.peers.values()].flatMap(({ sender }) => sender?.snapshot ?? []);
  }

  peerStatus(): PeerStatus[] {
    const { nowMs } = this.state;
    return [...this.peers.values()].map(({ id, matchIndex, state, sender, heardMs }) => ({
      id,
      matchIndex,
      nextIndex: state === 'steady' ? this.nextIndex : matchIndex + 1,
      state: sender === undefined ? state : 'snapshot',
      lastHeardMs: heardMs < 0 ? -1 : nowMs - heardMs,
    }));
  }
}

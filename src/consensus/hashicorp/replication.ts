import type { NodeId, Snapshot } from '../contract.ts';
import { recordsSize } from '../entryCodec.ts';
import { SnapshotSender } from '../parts/snapshotChunks.ts';
import { transitMs } from '../parts/transit.ts';
import type { HeartbeatRounds } from './heartbeatRounds.ts';
import { BURST_MESSAGES_MAX, FAILURE_WAIT_MS, PIPELINE_BYTES_MAX, PIPELINE_MESSAGES_MAX } from './limits.ts';
import type { AppendReply, HeartbeatReply, SnapshotReply } from './messages.ts';
import type { ServerState } from './state.ts';

interface Inflight {
  readonly seq: number;
  readonly prevIndex: number;
  readonly lastIndex: number;
  readonly bytes: number;
  readonly commit: number;
  readonly sentMs: number;
  /** The latest round of heartbeats when it was sent. */
  readonly round: number;
}

/**
 * Brings one follower's log to where the leader's is. It begins by *request and response*: one append at a time, with
 * `nextIndex` walking back until one is accepted. From the first success it is a *pipeline*: appends follow each other
 * without waiting, within a window. A follower behind the compaction point gets the *snapshot*, chunk by chunk. Whatever
 * goes wrong leads back to request and response, after a wait that grows with every failure in a row.
 */
export class Replicator {
  readonly peer: NodeId;
  private readonly leader: ServerState;
  private readonly rounds: HeartbeatRounds;
  private mode: 'probe' | 'pipeline' | 'snapshot' = 'probe';
  private next: number;
  private match = 0;
  /** The latest round of heartbeats when `match` last rose. */
  private matchedInRound = 0;
  private seq = 0;
  /** Pipelined messages that may still go before the follower or the clock is heard again. */
  private burst = BURST_MESSAGES_MAX;
  private inflight: Inflight[] = [];
  private inflightBytes = 0;
  private sender: SnapshotSender | undefined;
  private failures = 0;
  private retryAtMs = 0;
  /** When an append was last answered, ms. */
  private progressMs = 0;
  private heardAtMs = -1;
  /** The commit index that the last append carried, and when it went. */
  private toldCommit = 0;
  private lastSendMs = 0;
  /** The commit index that the last answered append carried. */
  private knownCommit = 0;
  /** The leader's last index when this follower was found to be behind; 0: it keeps up. */
  private behindUntil = 0;

  constructor(peer: NodeId, leader: ServerState, rounds: HeartbeatRounds) {
    this.peer = peer;
    this.leader = leader;
    this.rounds = rounds;
    this.next = leader.log.lastIndex + 1;
  }

  /** On its way to the follower. */
  get sending(): Snapshot | undefined {
    return this.sender?.snapshot;
  }

  /** The follower holds everything up to here durably. */
  get matchIndex(): number {
    return this.match;
  }

  get nextIndex(): number {
    return this.next;
  }

  /** When the peer last said anything, ms; -1: never. */
  get heardMs(): number {
    return this.heardAtMs;
  }

  get lastHeardMs(): number {
    return this.heardAtMs < 0 ? -1 : this.leader.nowMs - this.heardAtMs;
  }

  /**
   * For people: `probe`, `pipeline` and `snapshot` are healthy; `stuck`: heartbeats are answered, appends are not;
   * `unreachable`: nothing is answered.
   */
  get state(): string {
    if (this.failures === 0 && (this.sender?.failures ?? 0) === 0) return this.mode;
    return this.silent ? 'unreachable' : 'stuck';
  }

  /** The follower's answers show that it holds entry `index` and knows that it is committed. */
  knows(index: number): boolean {
    return this.match >= index && this.knownCommit >= index;
  }

  /** Sends whatever may go now; with `tellCommit`, a commit index that is news goes at once instead of within a commit timeout. */
  pump(tellCommit = false): void {
    const { nowMs, log } = this.leader;
    if (this.mode === 'snapshot') {
      this.pumpSnapshot();
      return;
    }
    if (nowMs < this.retryAtMs) return;
    if (this.mode === 'probe') {
      if (this.inflight.length === 0) this.sendAppend();
    } else {
      while (this.burst > 0 && this.mode === 'pipeline' && this.next <= log.lastIndex && this.windowOpen()) {
        this.burst--;
        this.sendAppend();
      }
      if (this.commitIsNews(tellCommit)) this.sendAppend();
    }
  }

  /** Time passed. Where nothing was answered for too long, appends or a chunk have failed; late answers are no failure. */
  tick(): void {
    this.burst = BURST_MESSAGES_MAX;
    const deadline = this.leader.nowMs - this.leader.limits.responseTimeoutMs;
    const oldest = this.inflight[0];
    if (oldest !== undefined && Math.max(oldest.sentMs, this.progressMs) <= deadline && this.mayBeLost) this.failed();
    this.sender?.tick(this.leader.nowMs);
  }

  /** Returns whether `matchIndex` moved. */
  appendReplied(reply: AppendReply): boolean {
    this.heard();
    return reply.ok ? this.appendAccepted(reply) : this.appendRefused(reply);
  }

  /**
   * An answer to a heartbeat shows that the peer is there, and what it has:
   * - less than it acknowledged before the heartbeat left: it has lost its log, and what it once held no longer counts;
   * - less than an append that left before the heartbeat: normally that append was lost, for the heartbeat came after it, unless
   *   there is so much under way that it overtook;
   * - an older commit index than it was told while nothing is under way: it has forgotten, and is told again.
   * Returns whether `matchIndex` moved.
   */
  heartbeatAnswered({ round, lastIndex, commit }: HeartbeatReply): boolean {
    const wasSilent = this.silent;
    this.heard();
    if (wasSilent && this.failures > 0) this.retryAtMs = 0;
    if (wasSilent) this.sender?.resume(this.leader.nowMs);
    const oldest = this.inflight[0];
    if (round > this.matchedInRound && lastIndex < this.match && this.mode !== 'snapshot') {
      this.match = lastIndex;
      this.probeFrom(lastIndex + 1);
      return true;
    }
    if (oldest === undefined) this.toldCommit = Math.min(this.toldCommit, commit);
    else if (oldest.round < round && lastIndex < oldest.lastIndex && this.mayBeLost) this.probeFrom(lastIndex + 1);
    return false;
  }

  /** Returns whether `matchIndex` moved. */
  snapshotReplied(reply: SnapshotReply): boolean {
    this.heard();
    const sender = this.sender;
    if (sender === undefined || reply.index !== sender.snapshot.index) return false;
    this.failures = 0;
    // That it is installed stays true however late it is said.
    if (!reply.installed) {
      sender.answered(reply.seq, reply.received, this.leader.nowMs);
      return false;
    }
    this.sender = undefined;
    this.mode = 'probe';
    return this.matched(reply.index);
  }

  private get silent(): boolean {
    return this.heardAtMs < 0 || this.leader.nowMs - this.heardAtMs >= this.leader.settings.electionTimeoutMs;
  }

  /** Nothing was answered for longer than what is under way takes. */
  private get mayBeLost(): boolean {
    const oldest = this.inflight[0];
    if (oldest === undefined) return false;
    return this.leader.nowMs - Math.max(oldest.sentMs, this.progressMs) >= transitMs(this.inflightBytes);
  }

  private heard(): void {
    this.heardAtMs = this.leader.nowMs;
    this.burst = BURST_MESSAGES_MAX;
  }

  private appendAccepted(reply: AppendReply): boolean {
    if (reply.index > this.leader.log.lastIndex) return false;
    const answered = this.inflight.findIndex((one) => one.seq > reply.seq);
    const done = answered < 0 ? this.inflight.length : answered;
    for (let i = 0; i < done; i++) this.inflightBytes -= this.inflight[i]!.bytes;
    if (done > 0) {
      this.knownCommit = this.inflight[done - 1]!.commit;
      this.inflight.splice(0, done);
      this.progressMs = this.leader.nowMs;
      this.failures = 0;
      this.retryAtMs = 0;
      if (this.mode === 'probe') this.mode = 'pipeline';
    }
    return this.matched(reply.index);
  }

  private matched(index: number): boolean {
    this.next = Math.max(this.next, index + 1);
    if (index <= this.match) return false;
    this.match = index;
    this.matchedInRound = this.rounds.round;
    if (this.mode === 'snapshot' && index + 1 >= this.leader.log.firstIndex) {
      this.sender = undefined;
      this.mode = 'probe';
    }
    if (this.behindUntil > 0 && index >= this.behindUntil) this.behindUntil = 0;
    return true;
  }

  private appendRefused(reply: AppendReply): boolean {
    const refused = this.inflight.find((one) => one.seq === reply.seq);
    if (refused === undefined) return false;
    const hint = Math.min(reply.index, refused.prevIndex - 1);
    const before = this.match;
    // An append right after what the follower said it holds, refused while it was the only one under way: the follower
    // has lost its log.
    if (this.mode === 'probe' && refused.prevIndex <= this.match) this.match = Math.max(0, hint);
    this.probeFrom(hint + 1);
    return this.match !== before;
  }

  /** Back to request and response. */
  private probeFrom(index: number): void {
    this.inflight = [];
    this.inflightBytes = 0;
    this.mode = 'probe';
    this.next = Math.max(this.match + 1, Math.min(index, this.leader.log.lastIndex + 1));
    this.fallBehind();
  }

  private fallBehind(): void {
    if (this.behindUntil > 0 || this.next > this.leader.log.lastIndex) return;
    this.behindUntil = this.leader.log.lastIndex;
    this.leader.out.events.push('catchup');
  }

  private failed(): void {
    this.probeFrom(this.inflight[0]!.prevIndex + 1);
    this.backOff();
  }

  private backOff(): void {
    this.failures++;
    const waitMs = FAILURE_WAIT_MS * 2 ** Math.min(this.failures - 1, 20);
    this.retryAtMs = this.leader.nowMs + Math.min(waitMs, this.leader.settings.electionTimeoutMs);
  }

  private windowOpen(): boolean {
    const { limits } = this.leader;
    const oldest = this.inflight[0];
    if (oldest === undefined) return true;
    const entriesMax = this.behindUntil > 0 ? limits.catchUpEntries : limits.pipelineEntries;
    return (
      this.inflight.length < PIPELINE_MESSAGES_MAX &&
      this.inflightBytes < PIPELINE_BYTES_MAX &&
      this.next - oldest.prevIndex + limits.entriesPerMessage - 1 <= entriesMax
    );
  }

  private commitIsNews(atOnce: boolean): boolean {
    const { commitIndex, nowMs, limits, log } = this.leader;
    return (
      this.mode === 'pipeline' &&
      this.next > log.lastIndex &&
      this.toldCommit < commitIndex &&
      (atOnce || nowMs - this.lastSendMs >= limits.commitTimeoutMs) &&
      this.inflight.length < PIPELINE_MESSAGES_MAX
    );
  }

  private sendAppend(): void {
    const { log, limits, nowMs, term, commitIndex, out } = this.leader;
    const { round } = this.rounds;
    const prevIndex = this.next - 1;
    const prevTerm = log.term(prevIndex);
    if (prevTerm === undefined || this.next < log.firstIndex) {
      this.beginSnapshot();
      return;
    }
    const upTo = Math.min(log.lastIndex, prevIndex + limits.entriesPerMessage);
    const entries = upTo > prevIndex ? log.entries(this.next, upTo, limits.messageBytes) : [];
    const bytes = recordsSize(entries);
    const lastIndex = prevIndex + entries.length;
    this.seq++;
    this.inflight.push({ seq: this.seq, prevIndex, lastIndex, bytes, commit: commitIndex, sentMs: nowMs, round });
    this.inflightBytes += bytes;
    this.toldCommit = commitIndex;
    this.lastSendMs = nowMs;
    if (this.mode === 'pipeline') this.next = lastIndex + 1;
    const { seq } = this;
    out.send(this.peer, { type: 'append', term, seq, prevIndex, prevTerm, commit: commitIndex, entries });
  }

  private beginSnapshot(): void {
    this.inflight = [];
    this.inflightBytes = 0;
    const snapshot = this.leader.log.snapshot();
    if (snapshot === undefined || snapshot.index < this.next - 1) {
      this.backOff();
      return;
    }
    this.mode = 'snapshot';
    this.sender = new SnapshotSender(snapshot, this.leader.settings);
    this.fallBehind();
    this.pumpSnapshot();
  }

  private pumpSnapshot(): void {
    const sender = this.sender!;
    const { nowMs, term, out } = this.leader;
    while (sender.isDue(nowMs)) {
      this.seq++;
      const { seq } = this;
      const type = 'snapshot';
      const { index, snapshotTerm, configuration, offset, total, data } = sender.take(seq, nowMs);
      out.send(this.peer, { type, term, seq, index, snapshotTerm, configuration, offset, total, data });
    }
  }
}

import type { EngineInit, EngineSettings, HardState, NodeId, PersistBatch, Snapshot } from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { ConfigurationHistory } from '../membership/configurationHistory.ts';
import { Handover } from '../membership/handover.ts';
import { ElectionTimer } from '../parts/electionTimer.ts';
import { LogTail } from '../parts/logTail.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { PendingWrites } from '../parts/pendingWrites.ts';
import { COMMITTED_BYTES_PER_DRAIN_MAX, COMMITTED_PER_DRAIN_MAX, FIRST_CALL_MAX } from './limits.ts';
import { applyChange } from './membership.ts';
import type { GorumsMessage } from './messages.ts';

/** What a server is in every role: its term and vote, its log and how far that is committed, its timer. */
export class ServerState {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly log: LogTail;
  readonly configurations: ConfigurationHistory;
  readonly writes: PendingWrites;
  readonly out = new OutputBuffer<GorumsMessage>();
  readonly handover = new Handover(this.out);
  readonly electionTimer: ElectionTimer;
  nowMs: number;
  term: number;
  vote: NodeId;
  /** Who leads, as far as is known; 0 otherwise. */
  leaderId: NodeId = 0;
  commitIndex: number;
  appliedIndex: number;
  /** Up to here the host was handed what is committed. */
  deliveredIndex: number;
  private hardStateChanged = false;
  /**
   * Calls so far, from a random start: an answer to a call of an earlier life must not pass for one of this life, least of
   * all a pre-vote for a vote.
   */
  private calls: number;

  constructor(init: EngineInit) {
    this.id = init.id;
    this.settings = init.settings;
    this.calls = Math.floor(init.random() * FIRST_CALL_MAX);
    this.nowMs = init.nowMs;
    this.log = new LogTail(init.log);
    this.term = init.hardState.term;
    this.vote = init.hardState.vote;
    this.configurations = ConfigurationHistory.stored(init, applyChange);
    this.appliedIndex = init.appliedIndex;
    this.deliveredIndex = init.appliedIndex;
    this.commitIndex = Math.max(init.appliedIndex, Math.min(init.hardState.commit, this.log.lastIndex));
    this.writes = new PendingWrites(this.log.lastIndex, this.term);
    this.electionTimer = new ElectionTimer(init.settings.electionTimeoutMs, init.random, init.nowMs);
  }

  get isVoter(): boolean {
    return this.configurations.latest.voters.includes(this.id);
  }

  /** A server that a change not yet committed removes may be the only one whose log can win (thesis §4.2.2). */
  get mayStand(): boolean {
    const { latestIndex, previous } = this.configurations;
    return this.isVoter || (latestIndex > this.commitIndex && previous?.voters.includes(this.id) === true);
  }

  /** A number for a quorum call, never used before by this server. */
  nextCall(): number {
    return ++this.calls;
  }

  restartElectionTimer(): void {
    this.electionTimer.restart(this.nowMs);
  }

  setTerm(term: number, vote: NodeId): void {
    if (term === this.term && vote === this.vote) return;
    this.term = term;
    this.vote = vote;
    this.hardStateChanged = true;
  }

  append(entries: readonly Entry[]): void {
    this.log.append(entries);
    for (const entry of entries) if (isConfigurationType(entry.type)) this.configurations.append(entry);
  }

  truncate(from: number): void {
    this.log.truncateFrom(from);
    this.configurations.truncate(from);
    this.writes.truncateFrom(from);
  }

  /** The leader's snapshot takes the place of the log and of the state machine. */
  restore(snapshot: Snapshot): void {
    this.log.restore(snapshot);
    this.configurations.restore(snapshot.index, snapshot.configuration);
    this.writes.truncateFrom(1);
    this.commitIndex = snapshot.index;
    this.deliveredIndex = snapshot.index;
    this.out.restore = snapshot;
  }

  commitTo(index: number): void {
    if (index > this.commitIndex) this.commitIndex = Math.min(index, this.log.lastIndex);
  }

  takeCommitted(): readonly Entry[] {
    if (this.deliveredIndex >= this.commitIndex) return NONE;
    const to = Math.min(this.commitIndex, this.deliveredIndex + COMMITTED_PER_DRAIN_MAX);
    const entries = this.log.entries(this.deliveredIndex + 1, to, COMMITTED_BYTES_PER_DRAIN_MAX);
    this.deliveredIndex += entries.length;
    return entries;
  }

  takePersist(): PersistBatch | undefined {
    this.log.prune(this.deliveredIndex);
    const changes = this.log.take();
    if (changes === undefined && !this.hardStateChanged) return undefined;
    const mark = this.writes.handOver(this.log.lastIndex, this.term, this.nowMs);
    const hardState: HardState = { term: this.term, vote: this.vote, commit: this.commitIndex };
    this.hardStateChanged = false;
    return {
      mark,
      snapshot: changes?.snapshot,
      truncateFrom: changes?.truncateFrom,
      entries: changes?.entries ?? NONE,
      hardState,
      mustSync: true,
    };
  }
}

const NONE: readonly Entry[] = [];

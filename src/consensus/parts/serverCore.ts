import type {
  Configuration,
  EngineInit,
  EngineSettings,
  HardState,
  NodeId,
  PersistBatch,
  Snapshot,
} from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { type ApplyChange, ConfigurationHistory } from '../membership/configurationHistory.ts';
import { Handover } from '../membership/handover.ts';
import { ElectionTimer } from './electionTimer.ts';
import { LeaderPromise } from './leaderPromise.ts';
import { LogTail } from './logTail.ts';
import type { OutputBuffer } from './outputBuffer.ts';
import { PendingWrites } from './pendingWrites.ts';
import { SnapshotReceiver } from './snapshotChunks.ts';

const NONE: readonly Entry[] = [];

/** Committed entries that are handed out at once: more would hold up the host's turn. */
const COMMITTED_PER_DRAIN_MAX = 4096;
const COMMITTED_BYTES_PER_DRAIN_MAX = 8 * 1024 * 1024;

/**
 * What a server is in every role: its term and vote, its log, the configurations in it, how far it is committed, handed out and applied;
 * who leads; and what of that storage was given. Of engines in which a configuration counts from when it is in the log.
 */
export class ServerCore<M, Out extends OutputBuffer<M> = OutputBuffer<M>> {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly log: LogTail;
  readonly configurations: ConfigurationHistory;
  readonly writes: PendingWrites;
  readonly out: Out;
  readonly handover: Handover;
  readonly electionTimer: ElectionTimer;
  /** The snapshot that a leader sends. */
  readonly incoming: SnapshotReceiver;
  readonly promise: LeaderPromise;
  nowMs: number;
  term: number;
  /** Whom this server voted for in `term`; 0: nobody. */
  vote: NodeId;
  /** Who leads, as far as is known; 0 otherwise. */
  leaderId: NodeId = 0;
  commitIndex: number;
  /** Up to here the host was handed what is committed. */
  deliveredIndex: number;
  appliedIndex: number;
  /** As storage was last given it. */
  private stored: HardState;

  constructor(init: EngineInit, applyChange: ApplyChange, out: Out) {
    const { hardState, appliedIndex, settings } = init;
    this.id = init.id;
    this.settings = settings;
    this.nowMs = init.nowMs;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.stored = hardState;
    this.log = new LogTail(init.log);
    this.configurations = ConfigurationHistory.stored(init, applyChange);
    this.writes = new PendingWrites(this.log.lastIndex, this.term);
    this.out = out;
    this.handover = new Handover(out);
    this.electionTimer = new ElectionTimer(settings.electionTimeoutMs, init.random, init.nowMs);
    this.incoming = new SnapshotReceiver(init.receiveContent);
    this.promise = new LeaderPromise(init);
    this.appliedIndex = appliedIndex;
    this.deliveredIndex = appliedIndex;
    this.commitIndex = Math.max(appliedIndex, Math.min(hardState.commit, this.log.lastIndex));
  }

  /** In force: the latest in the log, committed or not. */
  get configuration(): Configuration {
    return this.configurations.latest;
  }

  get isVoter(): boolean {
    return this.configuration.voters.includes(this.id);
  }

  /** Whether a change of the members is in the log and not committed. */
  get isChangeInLog(): boolean {
    return this.configurations.latestIndex > this.commitIndex;
  }

  restartElectionTimer(): void {
    this.electionTimer.restart(this.nowMs);
  }

  enterTerm(term: number, vote: NodeId): void {
    this.term = term;
    this.vote = vote;
  }

  append(entries: readonly Entry[]): void {
    this.log.append(entries);
    for (const entry of entries) if (isConfigurationType(entry.type)) this.configurations.append(entry);
  }

  truncateFrom(index: number): void {
    this.log.truncateFrom(index);
    this.configurations.truncate(index);
    this.writes.truncateFrom(index);
  }

  /** The leader's snapshot takes the place of the log and of the state machine. */
  install(snapshot: Snapshot): void {
    this.log.restore(snapshot);
    this.configurations.restore(snapshot.index, snapshot.configuration);
    this.writes.truncateFrom(1);
    this.commitIndex = snapshot.index;
    this.deliveredIndex = snapshot.index;
    this.out.restore = snapshot;
  }

  /** The committed entries that are to be handed out now: what storage has to be asked for, once what came before is applied. */
  takeCommitted(): readonly Entry[] {
    const { log, deliveredIndex, appliedIndex, commitIndex } = this;
    if (deliveredIndex >= commitIndex) return NONE;
    if (appliedIndex < deliveredIndex && !log.inMemory(deliveredIndex + 1)) return NONE;
    const last = Math.min(commitIndex, deliveredIndex + COMMITTED_PER_DRAIN_MAX);
    const entries = log.entries(deliveredIndex + 1, last, COMMITTED_BYTES_PER_DRAIN_MAX);
    this.deliveredIndex += entries.length;
    return entries;
  }

  takePersist(): PersistBatch | undefined {
    const { log, stored, term, vote, commitIndex: commit, incoming } = this;
    log.prune(this.deliveredIndex);
    // What is on its way of a snapshot of what is committed is not needed.
    incoming.abandonUpTo(commit);
    const pieces = incoming.takePieces();
    const changes = log.take();
    const promises = term !== stored.term || vote !== stored.vote;
    if (changes === undefined && pieces === undefined && !promises) return undefined;
    const hardState = promises || commit !== stored.commit ? { term, vote, commit } : undefined;
    if (hardState !== undefined) this.stored = hardState;
    const mark = this.writes.handOver(log.lastIndex, term, this.nowMs);
    const entries = changes?.entries ?? NONE;
    return {
      mark,
      pieces,
      snapshot: changes?.snapshot,
      truncateFrom: changes?.truncateFrom,
      entries,
      hardState,
      mustSync: true,
    };
  }
}

import type { Configuration, EngineInit, HardState, NodeId, PersistBatch, Snapshot } from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { type ApplyChange, ConfigurationHistory } from '../membership/configurationHistory.ts';
import { LogTail } from './logTail.ts';
import { PendingWrites } from './pendingWrites.ts';

const NONE: readonly Entry[] = [];

/**
 * What a server is in every role: its term and vote, its log, the configurations in it, how far it is committed and applied; and what
 * of that storage was given. Of engines in which a configuration counts from when it is in the log.
 */
export class ServerCore {
  readonly id: NodeId;
  readonly log: LogTail;
  readonly configurations: ConfigurationHistory;
  readonly writes: PendingWrites;
  nowMs: number;
  term: number;
  /** Whom this server voted for in `term`; 0: nobody. */
  vote: NodeId;
  commitIndex: number;
  appliedIndex: number;
  /** As storage was last given it. */
  private stored: HardState;

  constructor(init: EngineInit, applyChange: ApplyChange) {
    const { hardState, appliedIndex } = init;
    this.id = init.id;
    this.nowMs = init.nowMs;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.stored = hardState;
    this.log = new LogTail(init.log);
    this.configurations = ConfigurationHistory.stored(init, applyChange);
    this.writes = new PendingWrites(this.log.lastIndex, this.term);
    this.appliedIndex = appliedIndex;
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
  }

  takePersist(): PersistBatch | undefined {
    const { log, stored, term, vote, commitIndex: commit } = this;
    const changes = log.take();
    const promises = term !== stored.term || vote !== stored.vote;
    if (changes === undefined && !promises) return undefined;
    const hardState = promises || commit !== stored.commit ? { term, vote, commit } : undefined;
    if (hardState !== undefined) this.stored = hardState;
    const mark = this.writes.handOver(log.lastIndex, term, this.nowMs);
    const entries = changes?.entries ?? NONE;
    return {
      mark,
      snapshot: changes?.snapshot,
      truncateFrom: changes?.truncateFrom,
      entries,
      hardState,
      mustSync: true,
    };
  }
}

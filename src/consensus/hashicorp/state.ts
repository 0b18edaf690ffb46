import {
  type Configuration,
  type EngineInit,
  type HardState,
  type NodeId,
  type PersistBatch,
  Role,
  type Snapshot,
} from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { ConfigurationHistory } from '../membership/configurationHistory.ts';
import { Handover } from '../membership/handover.ts';
import { ElectionTimer } from '../parts/electionTimer.ts';
import { LogTail } from '../parts/logTail.ts';
import { PendingWrites } from '../parts/pendingWrites.ts';
import { Delivery } from './delivery.ts';
import { type Limits, limitsOf } from './limits.ts';
import { applyChange } from './membership.ts';
import type { HashicorpMessage } from './messages.ts';
import { Outbox } from './outbox.ts';
import { Requests } from './requests.ts';

/** What a server is in every role: its term and vote, its log and how far that is committed, its timers. */
export class ServerState {
  readonly id: NodeId;
  readonly limits: Limits;
  readonly log: LogTail;
  readonly configurations: ConfigurationHistory;
  readonly writes: PendingWrites;
  readonly outbox = new Outbox();
  readonly handover = new Handover(this.outbox);
  readonly requests: Requests;
  readonly delivery: Delivery;
  nowMs: number;
  term: number;
  /** Whom this server voted for in `term`; 0: nobody. */
  vote: NodeId;
  role: Role = Role.Follower;
  leader: NodeId = 0;
  /** As leader: no quorum answers, so it keeps nobody from being elected. */
  silent = false;
  /** When a leader was last heard from, ms. */
  leaderHeardMs = Number.NEGATIVE_INFINITY;
  readonly electionTimer: ElectionTimer;
  commitIndex: number;
  appliedIndex: number;
  /** Term, vote and commit index as last handed to storage. */
  private stored: HardState;

  constructor(init: EngineInit) {
    this.id = init.id;
    this.limits = limitsOf(init.settings);
    this.nowMs = init.nowMs;
    this.term = init.hardState.term;
    this.vote = init.hardState.vote;
    this.stored = init.hardState;
    this.log = new LogTail(init.log);
    this.configurations = ConfigurationHistory.stored(init, applyChange);
    this.writes = new PendingWrites(this.log.lastIndex, this.term);
    this.requests = new Requests(this.outbox);
    this.delivery = new Delivery(init.appliedIndex);
    this.appliedIndex = init.appliedIndex;
    const known = Math.min(init.hardState.commit, this.log.lastIndex);
    this.commitIndex = Math.max(known, this.log.firstIndex - 1, init.appliedIndex);
    this.electionTimer = new ElectionTimer(init.settings.electionTimeoutMs, init.random, init.nowMs);
    this.refreshRole();
  }

  /** The configuration in force: the latest in the log, committed or not. */
  get configuration(): Configuration {
    return this.configurations.latest;
  }

  get isVoter(): boolean {
    return this.configuration.voters.includes(this.id);
  }

  /**
   * Whether this server may stand for election: as a voter, and also while the entry that takes its vote away is not
   * known to be committed, since the others may need just its log to commit that entry (thesis §4.2.2).
   */
  get mayStand(): boolean {
    return this.isVoter || this.configurations.at(this.commitIndex).voters.includes(this.id);
  }

  /** The disk has owed an answer for longer than this engine lets a leader or candidate wait. */
  get diskStalled(): boolean {
    return this.writes.stalledMs(this.nowMs) > this.limits.diskStallMs;
  }

  resetElectionTimer(): void {
    this.electionTimer.restart(this.nowMs);
  }

  /** A follower's role: whether it may become leader depends on the configuration. */
  refreshRole(): void {
    if (this.role === Role.Leader) return;
    if (!this.mayStand) this.role = Role.Passive;
    else if (this.role === Role.Passive) this.role = Role.Follower;
  }

  enterTerm(term: number, vote: NodeId): void {
    this.term = term;
    this.vote = vote;
  }

  /** Says `message`, which reveals the current term but promises nothing else: at once if the term is on disk. */
  reply(to: NodeId, message: HashicorpMessage): void {
    if (this.writes.durableTerm === this.term) this.outbox.send(to, message);
    else this.outbox.sendAfterPersist(to, message);
  }

  append(entries: readonly Entry[]): void {
    this.log.append(entries);
    for (const entry of entries) {
      if (!isConfigurationType(entry.type)) continue;
      this.configurations.append(entry);
      this.refreshRole();
    }
  }

  truncateFrom(index: number): void {
    this.log.truncateFrom(index);
    this.writes.truncateFrom(index);
    this.configurations.truncate(index);
    this.refreshRole();
  }

  /** The leader's snapshot takes the place of the log and of the state machine. */
  install(snapshot: Snapshot): void {
    const { index, configuration } = snapshot;
    this.log.restore(snapshot);
    this.writes.truncateFrom(1);
    this.configurations.restore(index, configuration);
    this.requests.forgetUpTo(index);
    this.delivery.install(snapshot);
    this.commitIndex = index;
    this.refreshRole();
  }

  /** Everything up to `index` is committed. */
  commitTo(index: number): void {
    if (index <= this.commitIndex) return;
    const before = this.commitIndex;
    this.commitIndex = index;
    if (this.configurations.at(index) !== this.configurations.at(before)) this.refreshRole();
    this.requests.commit(index, this.log, this.leader);
  }

  takePersist(): PersistBatch | undefined {
    const write = this.log.take();
    const promised = this.term !== this.stored.term || this.vote !== this.stored.vote;
    if (write === undefined && !promised) return undefined;
    const hardState =
      promised || this.commitIndex !== this.stored.commit
        ? { term: this.term, vote: this.vote, commit: this.commitIndex }
        : undefined;
    if (hardState !== undefined) this.stored = hardState;
    const mark = this.writes.handOver(this.log.lastIndex, this.term, this.nowMs);
    return {
      mark,
      snapshot: write?.snapshot,
      truncateFrom: write?.truncateFrom,
      entries: write?.entries ?? [],
      hardState,
      mustSync: true,
    };
  }
}

import {
  type Configuration,
  type EffectiveSettings,
  type Engine,
  type EngineStatus,
  type EngineSummary,
  type MembershipChange,
  type NodeId,
  type Output,
  type ProposalBatch,
  type Refusal,
  RejectReason,
  Role,
  type Snapshot,
} from '../contract.ts';
import type { LeaderCore } from './leaderCore.ts';
import type { ServerCore } from './serverCore.ts';
import { TermGuard } from './termGuard.ts';
import { type Standing, TurnGuard } from './turnGuard.ts';
import { tooFarAhead } from './untrusted.ts';

/** The elections that a server stands in. */
export interface Elections {
  /** The part that it plays while it stands. */
  readonly role: Role | undefined;
  /** Nothing was heard from a leader for an election timeout. */
  timedOut(): void;
  /** A candidate's own vote counts once it is on disk, like everybody else's: it was written with the term. */
  writeDurable(): void;
}

/** An engine over a `ServerCore`: all but what servers say to each other, and what comes of it. */
export abstract class CoreEngine<M, S extends ServerCore<M>, L extends LeaderCore<M, S>> implements Engine<M> {
  protected readonly state: S;
  protected leader: L | undefined;
  protected abstract readonly election: Elections;
  private readonly terms: TermGuard;
  private readonly guard: TurnGuard;
  private readonly termAt = (index: number) => this.state.log.term(index);

  constructor(state: S) {
    this.state = state;
    this.terms = new TermGuard(state.settings.electionTimeoutMs);
    this.guard = new TurnGuard(this.standing());
  }

  abstract receive(from: NodeId, message: M): Refusal | undefined;
  abstract effectiveSettings(): EffectiveSettings;
  /** Becomes a follower of `leader` (0: nobody yet) in `term`, which is not below the present one. */
  protected abstract follow(term: number, leader: NodeId): void;
  /** Once a turn: what gathered is sent. */
  protected abstract flush(): void;
  /** Whether this server, where it stands for nothing, could. */
  protected abstract get isActive(): boolean;

  private get role(): Role {
    if (this.leader !== undefined) return Role.Leader;
    return this.election.role ?? (this.isActive ? Role.Follower : Role.Passive);
  }

  /** A leader that no quorum answers does not know who leads. */
  private get knownLeader(): NodeId {
    return this.leader?.isAlone ? 0 : this.state.leaderId;
  }

  tick(nowMs: number): void {
    const { state } = this;
    state.nowMs = Math.max(state.nowMs, nowMs);
    state.promise.tick(state.nowMs);
    this.leader?.lease.tick();
    if (state.electionTimer.tick(state.nowMs)) {
      this.leader?.woke(state.electionTimer.graceMs);
      return;
    }
    state.handover.tick(state.nowMs, this.knownLeader);
    if (this.leader !== undefined) this.leader.tick();
    else if (state.electionTimer.isDue(state.nowMs) && !state.promise.binds) this.election.timedOut();
  }

  /** Why a message is not taken that says this term. `tellsTerm`: it is its sender's own, and so is believed as far as any is. */
  protected refusalOfTerm(term: number, tellsTerm: boolean): Refusal | undefined {
    const { term: own, nowMs } = this.state;
    if (term <= own) return undefined;
    const believed = this.terms.ceiling(own, nowMs);
    if (term <= believed) return undefined;
    if (believed > own && tellsTerm) this.follow(believed, 0);
    return tooFarAhead(term, own);
  }

  propose(batch: ProposalBatch): void {
    const { out, leaderId } = this.state;
    if (this.leader !== undefined) this.leader.propose(batch);
    else out.reject(batch.token, 0, batch.commands.length, RejectReason.NotLeader, leaderId);
  }

  read(token: number): void {
    if (this.leader !== undefined) this.leader.read(token);
    else this.state.out.readFailed(token, RejectReason.NotLeader, this.state.leaderId);
  }

  reconfigure(change: MembershipChange, token: number): void {
    if (this.leader !== undefined) this.leader.reconfigure(change, token);
    else this.refuse(token);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[] = []): void {
    if (this.leader !== undefined) this.leader.transferLeadership(to, token, unable);
    else this.refuse(token);
  }

  private refuse(token: number): void {
    this.state.out.requestFailed(token, RejectReason.NotLeader, this.state.leaderId);
  }

  durable(mark: number): void {
    this.state.writes.durable(mark);
    this.election.writeDurable();
    this.leader?.ownWriteDurable();
  }

  applied(index: number): void {
    this.state.appliedIndex = Math.max(this.state.appliedIndex, index);
  }

  snapshotStored(index: number): void {
    this.state.configurations.compact(index);
  }

  promisesAreRead(areRead: boolean): void {
    this.state.promise.areRead = areRead;
  }

  sending(): readonly Snapshot[] {
    return this.leader?.sending() ?? [];
  }

  drain(): Output<M> {
    const { state } = this;
    this.flush();
    const committed = state.takeCommitted();
    const output = state.out.take(state.takePersist(), committed);
    this.guard.check(this.standing(), output, this.termAt);
    return output;
  }

  private standing(): Standing {
    const { term, vote, commitIndex, appliedIndex, log } = this.state;
    return { term, vote, leads: this.leader !== undefined, commitIndex, appliedIndex, lastIndex: log.lastIndex };
  }

  summary(): EngineSummary {
    const { role, knownLeader: leader, state } = this;
    return { role, term: state.term, leader, configuration: state.configuration };
  }

  status(): EngineStatus {
    const { role, knownLeader: leader, state } = this;
    return {
      id: state.id,
      role,
      term: state.term,
      leader,
      commitIndex: state.commitIndex,
      appliedIndex: state.appliedIndex,
      lastIndex: state.log.lastIndex,
      configuration: state.configuration,
      peers: this.leader?.peerStatus() ?? [],
      pendingChange: this.leader?.preparations.pendingChange,
    };
  }

  configurationAt(appliedIndex: number): Configuration {
    return this.state.configurations.at(appliedIndex);
  }
}

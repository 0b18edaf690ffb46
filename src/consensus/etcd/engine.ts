import {
  type Configuration,
  type EffectiveSettings,
  type Engine,
  type EngineInit,
  type EngineSettings,
  type EngineStatus,
  type EngineSummary,
  type HardState,
  type LogReader,
  type MembershipChange,
  type NodeId,
  type Output,
  type ProposalBatch,
  type Refusal,
  RejectReason,
  Role,
  type Snapshot,
  simpleConfiguration,
} from '../contract.ts';
import { type Entry, isConfigurationType } from '../entry.ts';
import { ConfigurationHistory } from '../membership/configurationHistory.ts';
import { HostSleep } from '../parts/electionTimer.ts';
import { readProofText } from '../parts/leaderLease.ts';
import { LeaderPromise } from '../parts/leaderPromise.ts';
import { chunkFault, SnapshotReceiver } from '../parts/snapshotChunks.ts';
import { TermGuard } from '../parts/termGuard.ts';
import { type Standing, TurnGuard } from '../parts/turnGuard.ts';
import { entriesFault, refused, tooFarAhead } from '../parts/untrusted.ts';
import { MemoryContent } from '../snapshotContent.ts';
import { TickClock } from './clock.ts';
import type { EtcdMessage } from './codec.ts';
import { Delivery } from './delivery.ts';
import { Leadership } from './leadership.ts';
import { ROUNDS_PER_DRAIN_MAX } from './limits.ts';
import { ConfChangeError, changeFault, decodeConfChange, MalformedConfChangeError } from './membership.ts';
import { chunkIn, isAnswer, isForPeers, isLeaders, Message, MessageType, tellsTerm } from './messages.ts';
import { RaftNode, type Ready } from './node.ts';
import { OperatorRequests, type RequestedEngine } from './operatorRequests.ts';
import { optionsFor } from './options.ts';
import { Outbox } from './outbox.ts';
import { Persistence } from './persistence.ts';
import { ClientProposals } from './proposals.ts';
import { ClientReads } from './reads.ts';
import { RaftRole } from './state.ts';

/** The etcd engine behind the contract: the same node that the scripts run, with asynchronous storage writes. */
export class EtcdEngine implements Engine<EtcdMessage>, RequestedEngine {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly node: RaftNode;
  private readonly clock: TickClock;
  private readonly hostSleep: HostSleep;
  private readonly promise: LeaderPromise;
  private readonly terms: TermGuard;
  private readonly incoming: SnapshotReceiver;
  private readonly persistence: Persistence;
  /** By applied index, as far back as a snapshot may still be taken. */
  private readonly configurations: ConfigurationHistory;
  readonly out = new Outbox();
  private readonly delivery: Delivery;
  private readonly proposals = new ClientProposals(this);
  private readonly reads = new ClientReads(this.out);
  private readonly requests = new OperatorRequests(this);
  /** What belongs to the present leadership of the node, as far as it was noticed; so do the open reads and requests. */
  leadership: Leadership | undefined;
  nowMs: number;
  private appliedIndex: number;
  private readonly guard: TurnGuard;
  private readonly termAt = (index: number) => this.node.state.log.term(index);

  constructor(init: EngineInit) {
    const { id, settings, log, hardState, appliedIndex } = init;
    this.id = id;
    this.settings = settings;
    this.nowMs = init.nowMs;
    this.appliedIndex = appliedIndex;
    this.clock = new TickClock(settings, init.nowMs);
    this.hostSleep = new HostSleep(settings.electionTimeoutMs, init.nowMs);
    this.promise = new LeaderPromise(init);
    this.terms = new TermGuard(settings.electionTimeoutMs);
    this.incoming = new SnapshotReceiver(init.receiveContent);
    const configuration = log.snapshot()?.configuration ?? simpleConfiguration(init.bootstrap);
    this.configurations = new ConfigurationHistory(appliedIndex, configuration, [], (_before, entry) =>
      this.node.applyConfChange(decodeConfChange(entry.data)),
    );
    this.persistence = new Persistence(log, hardState);
    this.node = new RaftNode(optionsFor(init, this.clock), log, {
      hardState: { term: hardState.term, vote: hardState.vote, commit: knownCommit(log, hardState) },
      configuration,
      appliedIndex,
      promise: this.promise,
    });
    this.delivery = new Delivery(this.node.state);
    this.guard = new TurnGuard(this.standing());
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    this.promise.tick(nowMs);
    this.leadership?.lease.tick();
    const ticks = this.clock.advance(nowMs);
    if (this.hostSleep.tick(nowMs)) {
      this.node.state.slept(ticks);
      this.leadership?.woke(nowMs);
      return;
    }
    for (let left = ticks; left > 0; left--) this.node.tick();
    this.noticeReign();
    this.requests.tick();
    this.leadership?.tick();
    if (this.isAlone) this.refuseClients();
  }

  receive(from: NodeId, message: EtcdMessage): Refusal | undefined {
    const refusal = this.refusalOfMessage(from, message);
    if (refusal !== undefined) return refusal;
    // Only the leader it follows may tell a server to stand for election at once.
    if (message.type === MessageType.TimeoutNow && from !== this.node.state.lead) return undefined;
    message.from = from;
    return message.type === MessageType.SnapshotChunk ? this.receiveChunk(from, message) : this.step(from, message);
  }

  private step(from: NodeId, message: EtcdMessage): Refusal | undefined {
    this.breakLease(message);
    if (isAnswer(message.type)) this.leadership?.answered(from, message);
    const { state } = this.node;
    state.contradicted = undefined;
    this.node.step(message);
    this.leadership?.retire();
    this.noticeReign();
    if (message.type === MessageType.SnapshotChunkResp) this.leadership?.snapshots.answered(from, message);
    return state.contradicted;
  }

  /**
   * Chunks are taken before the node, which knows whole snapshots alone; to it a part is what a heartbeat is: its sender leads, and knows of
   * nothing newly committed.
   */
  private receiveChunk(from: NodeId, message: EtcdMessage): Refusal | undefined {
    const { state } = this.node;
    const { term } = message;
    if (term < state.term) return undefined;
    const chunk = chunkIn(message);
    const { index, snapshotTerm } = chunk;
    const whole = new Message(MessageType.Snapshot, this.id);
    whole.term = term;
    whole.from = from;
    if (index <= state.log.committed || state.log.matches(index, snapshotTerm)) {
      this.incoming.abandonUpTo(index);
      const { configuration, data } = chunk;
      whole.snapshot = { index, term: snapshotTerm, configuration, content: new MemoryContent(data) };
      return this.step(from, whole);
    }
    const taken = this.incoming.add(from, term, chunk);
    if (typeof taken === 'string') return refused(taken);
    if (taken !== undefined) {
      whole.snapshot = taken;
      return this.step(from, whole);
    }
    const sign = new Message(MessageType.Heartbeat, this.id);
    sign.term = term;
    sign.from = from;
    this.step(from, sign);
    const answer = new Message(MessageType.SnapshotChunkResp, from);
    answer.term = state.term;
    answer.index = index;
    answer.chunk = {
      seq: message.chunk!.seq,
      offset: this.incoming.received(from, term, chunk),
      total: chunk.total,
    };
    this.out.sendAfterPersist(from, answer);
    return undefined;
  }

  private refusalOfMessage(from: NodeId, message: EtcdMessage): Refusal | undefined {
    const { state } = this.node;
    const { type, term } = message;
    if (from === this.id || !isForPeers(type)) return refused(`a message of type ${type} from server ${from}`);
    if (term === 0) return refused(`a message of type ${type} without a term from server ${from}`);
    if (term > state.term) {
      const own = state.term;
      const believed = this.terms.ceiling(own, this.nowMs);
      if (term > believed) {
        if (believed > own && tellsTerm(message)) {
          state.becomeFollower(believed);
          this.noticeReign();
        }
        return tooFarAhead(term, own);
      }
    }
    if (type === MessageType.Append) {
      return refused(entriesFault(message.index, message.logTerm, message.entries, term, changeFault));
    }
    return type === MessageType.SnapshotChunk ? refused(chunkFault(chunkIn(message), term)) : undefined;
  }

  propose(batch: ProposalBatch): void {
    const { token, commands } = batch;
    const { refusal } = this;
    if (refusal === undefined) this.proposals.add(batch);
    else this.out.reject(token, 0, commands.length, refusal, this.leaderHint);
  }

  read(token: number): void {
    this.leadership?.lease.asked();
    if (this.node.state.leader !== undefined && !this.isAlone) this.reads.add(token);
    else this.out.readFailed(token, RejectReason.NotLeader, this.lead);
  }

  reconfigure(change: MembershipChange, token: number): void {
    if (this.takesRequests) this.requests.reconfigure(change, token);
    else this.refuse(token);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[] = []): void {
    if (this.takesRequests) this.requests.transferLeadership(to, token, unable);
    else this.refuse(token);
  }

  private refuse(token: number): void {
    this.out.requestFailed(token, RejectReason.NotLeader, this.leaderHint);
  }

  durable(mark: number): void {
    const wasOpen = this.openChange;
    this.deliver(this.persistence.durable(mark));
    if (this.openChange !== wasOpen) this.requests.finishChange();
  }

  /** The first membership entry that is applied here, and that a crash would leave undecided; 0: none. */
  get openChange(): number {
    return this.persistence.openChange;
  }

  applied(index: number): void {
    this.appliedIndex = Math.max(this.appliedIndex, index);
    this.delivery.applied(index);
  }

  snapshotStored(index: number): void {
    this.configurations.compact(Math.min(index, this.appliedIndex));
  }

  promisesAreRead(areRead: boolean): void {
    this.promise.areRead = areRead;
  }

  sending(): readonly Snapshot[] {
    // Those that the node wants sent, and those that are on their way.
    const wanted = this.node.state.outbox.flatMap(({ type, snapshot }) =>
      type === MessageType.Snapshot ? (snapshot ?? []) : [],
    );
    return [...wanted, ...(this.leadership?.snapshots.snapshots ?? [])];
  }

  drain(): Output<EtcdMessage> {
    this.incoming.abandonUpTo(this.node.state.log.committed);
    if (this.isLeased) this.reads.answerNew(this.node.state.log.committed);
    const reads = this.reads.takeNew();
    if (reads !== 0) this.node.readIndex(reads);
    this.requests.preparations.advance();
    for (let rounds = 0; rounds < ROUNDS_PER_DRAIN_MAX; rounds++) {
      if (this.proposals.areQueued && this.refusal === undefined) this.proposals.appendQueued();
      if (!this.node.hasReady) break;
      this.carryOut(this.node.ready());
      this.deliver(this.persistence.takeDue());
    }
    if (!this.isSilent) this.leadership?.snapshots.pump();
    const output = this.out.take(this.persistence.take(this.incoming.takePieces()), this.delivery.take());
    this.guard.check(this.standing(), output, this.termAt);
    return output;
  }

  /** Whether new reads need no proof: nobody else is elected, and what is committed is known here (Raft §8). */
  private get isLeased(): boolean {
    const { leadership, nowMs, reads } = this;
    if (leadership === undefined || !reads.areNew) return false;
    const { log, term, configuration } = this.node.state;
    return log.term(log.committed) === term && leadership.lease.holds(nowMs, configuration);
  }

  private standing(): Standing {
    const { term, vote, leader, log } = this.node.state;
    const { committed: commitIndex, lastIndex } = log;
    return { term, vote, leads: leader !== undefined, commitIndex, appliedIndex: this.appliedIndex, lastIndex };
  }

  summary(): EngineSummary {
    const { term, configuration } = this.node.state;
    return { role: this.role, term, leader: this.lead, configuration };
  }

  status(): EngineStatus {
    const { term, log, configuration } = this.node.state;
    return {
      id: this.id,
      role: this.role,
      term,
      leader: this.lead,
      commitIndex: log.committed,
      appliedIndex: this.appliedIndex,
      lastIndex: log.lastIndex,
      configuration,
      peers: this.leadership?.peerStatus() ?? [],
      pendingChange: this.requests.preparations.pendingChange,
    };
  }

  effectiveSettings(): EffectiveSettings {
    const { batch, checkQuorum, maxMessageBytes, snapshotChunkBytes } = this.settings;
    const { options } = this.node.state;
    return {
      batch,
      entriesPerMessage: options.entriesPerMessageMax,
      catchUpEntriesMax: options.inflightMessagesMax * options.entriesPerMessageMax,
      inflightBytesMax: options.inflightBytesMax,
      maxMessageBytes,
      snapshotChunkBytes,
      checkQuorum,
      electionTimeoutMs: this.clock.electionTicks * this.clock.tickMs,
      heartbeatMs: this.clock.heartbeatTicks * this.clock.tickMs,
      preVote: true,
      reads: readProofText(this.settings, 'read index'),
    };
  }

  configurationAt(appliedIndex: number): Configuration {
    return this.configurations.at(appliedIndex);
  }

  private get role(): Role {
    const { state } = this.node;
    if (state.leader !== undefined) return Role.Leader;
    const { voters, outgoing } = state.configuration;
    if (!voters.includes(this.id) && !outgoing.includes(this.id)) return Role.Passive;
    if (state.role === RaftRole.Candidate) return Role.Candidate;
    return state.role === RaftRole.PreCandidate ? Role.PreCandidate : Role.Follower;
  }

  // --- what may be asked of it ---

  /** Whether an operator may ask it: a leader, but not one that only waits for its successor. */
  private get takesRequests(): boolean {
    return this.node.state.leader !== undefined && this.removedAt === 0;
  }

  /** Why it takes no commands. One that is alone may still be told to go on without those who are gone. */
  private get refusal(): RejectReason | undefined {
    if (!this.takesRequests || this.isAlone) return RejectReason.NotLeader;
    return this.requests.handover.isOpen ? RejectReason.Transferring : undefined;
  }

  /** Where to go instead: never to a leader that only waits for its successor. */
  get leaderHint(): NodeId {
    return this.removedAt === 0 ? this.lead : 0;
  }

  /** What was asked of a leader that leads no more: answered where the outcome is certain, and otherwise left to the host. */
  private noticeReign(): void {
    const { state } = this.node;
    const { leader, lead } = state;
    const isAnother = leader !== this.leadership?.leader;
    if (leader === undefined) this.requests.handover.ledBy(lead);
    if (!isAnother) return;
    // What a silent leader had to say in the turn in which it steps down would keep the others from standing for election once more.
    state.outbox = state.outbox.filter((message) => !this.isUnsaid(message));
    this.leadership = leader === undefined ? undefined : new Leadership(this, leader);
    this.requests.reignEnded();
    this.refuseClients();
  }

  /** What is neither in the log nor answered is certainly not done here. */
  private refuseClients(): void {
    this.proposals.refuse(this.lead);
    this.reads.refuse(this.lead);
  }

  // --- a leader that goes, or that no quorum answers ---

  private get removedAt(): number {
    return this.leadership?.removedAt ?? 0;
  }

  private get isSilent(): boolean {
    return this.leadership?.audience.isSilent === true;
  }

  private isUnsaid({ type }: Message): boolean {
    return this.isSilent && isLeaders(type);
  }

  private get isAlone(): boolean {
    return this.leadership?.audience.isAlone === true;
  }

  /** Who leads, as far as is known: a leader that no quorum answers does not know. */
  private get lead(): NodeId {
    return this.isAlone ? 0 : this.node.state.lead;
  }

  /** A silent leader keeps nobody from being elected, and a leader that asks for a vote does not disturb itself (thesis §4.2.3). */
  private breakLease(message: Message): void {
    const { type, from } = message;
    if (type === MessageType.PreVote && (this.isSilent || from === this.node.state.lead)) message.transfer = true;
  }

  // --- what the node wants done ---

  private carryOut(ready: Ready): void {
    this.reads.answer(ready.readStates);
    if (ready.snapshot !== undefined) {
      this.out.restore = ready.snapshot;
      this.configurations.restore(ready.snapshot.index, ready.snapshot.configuration);
    }
    // First what is committed: whether a change among it is on disk decides what may be said of it.
    for (const message of ready.messages) if (message.type === MessageType.StorageApply) this.handOut(message.entries);
    for (const message of ready.messages) {
      if (message.type === MessageType.StorageAppend) this.write(message, ready.hardState);
      else if (message.type !== MessageType.StorageApply) this.send(message);
    }
  }

  private write(message: Message, hardState: HardState | undefined): void {
    this.persistence.write(message.snapshot, message.entries, hardState);
    const own: Message[] = [];
    for (const response of message.responses) {
      if (response.to === this.id) own.push(response);
      else this.out.sendAfterPersist(response.to, response);
    }
    this.persistence.owe(own);
  }

  private send(message: Message): void {
    // A candidate that is elected by others before its own vote is on disk, and then crashes, could stand a second time in
    // the same term and lead it with another log. So it asks for votes only when its own is durable.
    this.hedge(message);
    if (message.type === MessageType.Snapshot) {
      this.leadership?.sendSnapshot(message.to, message.snapshot!);
      return;
    }
    if (message.type === MessageType.TimeoutNow) this.leadership?.lease.end();
    this.askForPromise(message);
    if (message.type === MessageType.Vote) this.out.sendAfterPersist(message.to, message);
    else if (!this.isUnsaid(message)) this.out.send(message.to, message);
  }

  /**
   * Who leaves goes by what the others say they know: a change is known once a crash would not make it forgotten. What waits for
   * this drain's batch waits for the commit index in it, and may say so.
   */
  private hedge(message: Message): void {
    const { openChange } = this;
    if (openChange !== 0 && isAnswer(message.type)) message.commit = Math.min(message.commit, openChange - 1);
  }

  /** The answer will say what it answers by this server's clock: nothing is to be remembered of what was sent when. */
  private askForPromise(message: Message): void {
    const { type } = message;
    if (this.leadership?.lease.isWanted !== true) return;
    if (type === MessageType.Heartbeat || type === MessageType.Append) message.stampMs = Math.floor(this.nowMs);
  }

  private handOut(entries: readonly Entry[]): void {
    this.delivery.handOut(entries);
    for (const entry of entries) if (isConfigurationType(entry.type)) this.applyChange(entry);
  }

  /** A change that does not fit, or cannot be read, has no effect on any server. */
  private applyChange(entry: Entry): void {
    try {
      this.configurations.append(entry);
    } catch (error) {
      if (!(error instanceof ConfChangeError || error instanceof MalformedConfChangeError)) throw error;
    }
    const { state } = this.node;
    this.persistence.changeApplied(entry.index);
    this.requests.applied(entry.index);
    const own = state.members.progress.get(this.id);
    // When the others know, which their answers tell, it retires.
    if (this.leadership !== undefined && (own === undefined || own.learner)) this.leadership.removedAt ||= entry.index;
    else this.requests.finishChange();
  }

  private deliver(responses: readonly Message[]): void {
    for (const response of responses) this.node.step(response);
    if (responses.length > 0) this.noticeReign();
  }
}

/**
 * How far the log is certainly committed. Beside the stored hint: a leader proposes a membership change only when all
 * changes before it are applied, so all but the last in the log are committed. Without this, a server that lost its hint
 * could stand for election in a configuration more than one change old, whose majority need not meet the present one's.
 */
function knownCommit(log: LogReader, { commit }: HardState): number {
  const changes = log.configurationEntries();
  return Math.max(commit, changes[changes.length - 2]?.index ?? 0);
}

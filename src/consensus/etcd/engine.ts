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
  type PeerStatus,
  type ProposalBatch,
  type Refusal,
  RejectReason,
  Role,
  type Snapshot,
  simpleConfiguration,
} from '../contract.ts';
import { Entry, EntryType, isConfigurationType } from '../entry.ts';
import { ConfigurationHistory } from '../membership/configurationHistory.ts';
import { successor } from '../membership/leaderView.ts';
import { Audience } from '../parts/audience.ts';
import { HostSleep } from '../parts/electionTimer.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { jointVote, VoteResult } from '../parts/quorum.ts';
import { TermGuard } from '../parts/termGuard.ts';
import { type Standing, TurnGuard } from '../parts/turnGuard.ts';
import { entriesFault, refused, snapshotFault, tooFarAhead } from '../parts/untrusted.ts';
import { TickClock } from './clock.ts';
import type { EtcdMessage } from './codec.ts';
import type { LeaderState } from './leaderState.ts';
import { QUEUED_COMMANDS_MAX, ROUNDS_PER_DRAIN_MAX, SNAPSHOT_RETRY_ELECTIONS } from './limits.ts';
import { ConfChangeError, changeFault, decodeConfChange, MalformedConfChangeError } from './membership.ts';
import { isAnswer, isForPeers, isLeaders, Message, MessageType, payloadSize, tellsTerm } from './messages.ts';
import { RaftNode, type Ready } from './node.ts';
import { OperatorRequests, type RequestedEngine } from './operatorRequests.ts';
import { optionsFor } from './options.ts';
import { Persistence } from './persistence.ts';
import { ProgressState } from './progress.ts';
import { ProposalQueue } from './proposalQueue.ts';
import { entriesSize } from './raftLog.ts';
import { ClientReads } from './reads.ts';
import { RaftRole } from './state.ts';
import { appliedTo } from './step.ts';

/** The etcd engine behind the contract: the same node that the scripts run, with asynchronous storage writes. */
export class EtcdEngine implements Engine<EtcdMessage>, RequestedEngine {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly node: RaftNode;
  private readonly clock: TickClock;
  private readonly hostSleep: HostSleep;
  private readonly terms: TermGuard;
  private readonly snapshotDataFault: EngineInit['snapshotDataFault'];
  private readonly persistence: Persistence;
  /** By applied index, as far back as a snapshot may still be taken. */
  private readonly configurations: ConfigurationHistory;
  readonly out = new OutputBuffer<EtcdMessage>();
  private committed: Entry[] = [];
  /** Committed entries handed to the host and not applied yet, in the portions in which the node counts them. */
  private handedOut: { readonly last: number; readonly bytes: number; readonly payload: number }[] = [];
  private readonly snapshotSentMs = new Map<NodeId, number>();
  /** Whom it brings up to date, and what they hold then. */
  private readonly behindUntil = new Map<NodeId, number>();
  private readonly queue = new ProposalQueue();
  private readonly reads = new ClientReads(this.out);
  /** The entry that removed or demoted this leader, which leads on until the others know; 0 where there is none. */
  private removedAt = 0;
  private readonly requests = new OperatorRequests(this);
  /** Of the present reign. */
  private audience: Audience | undefined;
  /** The reign that the open reads and requests belong to. */
  private reign: LeaderState | undefined;
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
    this.terms = new TermGuard(settings.electionTimeoutMs);
    this.snapshotDataFault = init.snapshotDataFault;
    const configuration = log.snapshot()?.configuration ?? simpleConfiguration(init.bootstrap);
    this.configurations = new ConfigurationHistory(appliedIndex, configuration, [], (_before, entry) =>
      this.node.applyConfChange(decodeConfChange(entry.data)),
    );
    this.persistence = new Persistence(log, hardState);
    this.node = new RaftNode(optionsFor(init, this.clock), log, {
      hardState: { term: hardState.term, vote: hardState.vote, commit: knownCommit(log, hardState) },
      configuration,
      appliedIndex,
    });
    this.guard = new TurnGuard(this.standing());
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const ticks = this.clock.advance(nowMs);
    if (this.hostSleep.tick(nowMs)) {
      this.node.state.slept(ticks);
      this.audience?.woke(nowMs);
      return;
    }
    for (let left = ticks; left > 0; left--) this.node.tick();
    this.retrySnapshots();
    this.noticeReign();
    this.requests.tick();
    this.watchAudience();
  }

  receive(from: NodeId, message: EtcdMessage): Refusal | undefined {
    const refusal = this.refusalOfMessage(from, message);
    if (refusal !== undefined) return refusal;
    // Only the leader it follows may tell a server to stand for election at once.
    if (message.type === MessageType.TimeoutNow && from !== this.node.state.lead) return undefined;
    message.from = from;
    this.breakLease(message);
    this.noticeAnswer(from, message);
    const { state } = this.node;
    state.contradicted = undefined;
    this.node.step(message);
    if (this.removedAt !== 0) this.retire();
    this.noticeReign();
    return state.contradicted;
  }

  private noticeAnswer(from: NodeId, { type, reject, index }: Message): void {
    if (this.audience === undefined || !isAnswer(type)) return;
    this.requests.answered(from);
    this.audience.answered(from, this.nowMs, this.node.state.configuration);
    if (type !== MessageType.AppendResp) return;
    if (reject) this.fallsBehind(from);
    else if (index >= (this.behindUntil.get(from) ?? Number.POSITIVE_INFINITY)) this.behindUntil.delete(from);
  }

  private fallsBehind(id: NodeId): void {
    if (this.behindUntil.has(id)) return;
    this.behindUntil.set(id, this.node.state.log.lastIndex);
    this.out.events.push('catchup');
  }

  private refusalOfMessage(from: NodeId, message: EtcdMessage): Refusal | undefined {
    const { state } = this.node;
    const { type, term } = message;
    if (from === this.id || !isForPeers(type)) return refused(`a message of type ${type} from server ${from}`);
    if (term === 0 && isLeaders(type)) return refused(`a message of type ${type} without a term from server ${from}`);
    if (term > state.term) {
      const own = state.term;
      const believed = this.terms.ceiling(own, this.nowMs);
      if (term > believed) {
        if (believed > own && tellsTerm(message)) {
          state.becomeFollower(believed, 0);
          this.noticeReign();
        }
        return tooFarAhead(term, own);
      }
    }
    if (type === MessageType.Append) {
      return refused(entriesFault(message.index, message.logTerm, message.entries, term, changeFault));
    }
    return message.snapshot === undefined ? undefined : refused(this.faultOf(message.snapshot, term));
  }

  private faultOf(snapshot: Snapshot, term: number): string | undefined {
    const fault = snapshotFault(snapshot, term);
    if (fault !== undefined || snapshot.index <= this.node.state.log.committed) return fault;
    const unreadable = this.snapshotDataFault(snapshot.data);
    return unreadable === undefined ? undefined : `the leader's snapshot of index ${snapshot.index}: ${unreadable}`;
  }

  propose(batch: ProposalBatch): void {
    const { token, commands } = batch;
    const refusal = this.refusal();
    if (refusal !== undefined) this.reject(token, 0, commands.length, refusal);
    else if (!this.settings.batch) this.enqueue(batch);
    else this.append(token, 0, commands);
  }

  read(token: number): void {
    if (this.node.state.leader !== undefined && !this.isAlone) this.reads.add(token);
    else this.out.readFailed(token, RejectReason.NotLeader, this.lead);
  }

  reconfigure(change: MembershipChange, token: number): void {
    this.requests.reconfigure(change, token);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[] = []): void {
    this.requests.transferLeadership(to, token, unable);
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
    let count = 0;
    for (const { last, bytes, payload } of this.handedOut) {
      if (last > index) break;
      appliedTo(this.node.state, last, bytes, payload);
      count++;
    }
    if (count > 0) this.handedOut.splice(0, count);
  }

  snapshotStored(index: number): void {
    this.configurations.compact(Math.min(index, this.appliedIndex));
  }

  drain(): Output<EtcdMessage> {
    const reads = this.reads.takeNew();
    if (reads !== 0) this.node.readIndex(reads);
    this.requests.advance();
    for (let rounds = 0; rounds < ROUNDS_PER_DRAIN_MAX; rounds++) {
      this.appendQueued();
      if (!this.node.hasReady) break;
      this.carryOut(this.node.ready());
      this.deliver(this.persistence.takeDue());
    }
    const committed = this.committed;
    if (committed.length > 0) this.committed = [];
    const output = this.out.take(this.persistence.take(), committed);
    this.guard.check(this.standing(), output, this.termAt);
    return output;
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
    const { state } = this.node;
    return {
      id: this.id,
      role: this.role,
      term: state.term,
      leader: this.lead,
      commitIndex: state.log.committed,
      appliedIndex: this.appliedIndex,
      lastIndex: state.log.lastIndex,
      configuration: state.configuration,
      peers: this.peers(),
      pendingChange: this.requests.pendingChange,
    };
  }

  private peers(): PeerStatus[] {
    const { state } = this.node;
    const peers: PeerStatus[] = [];
    if (state.leader === undefined) return peers;
    for (const [id, progress] of state.members.progress) {
      if (id === this.id) continue;
      const lastHeardMs = this.requests.lastHeardMs(id);
      peers.push({
        id,
        matchIndex: progress.match,
        nextIndex: progress.next,
        state: PEER_STATES[progress.state],
        lastHeardMs,
      });
    }
    return peers;
  }

  effectiveSettings(): EffectiveSettings {
    const { batch, checkQuorum, maxMessageBytes } = this.settings;
    const { options } = this.node.state;
    return {
      batch,
      entriesPerMessage: options.entriesPerMessageMax,
      catchUpEntriesMax: options.inflightMessagesMax * options.entriesPerMessageMax,
      inflightBytesMax: options.inflightBytesMax,
      maxMessageBytes,
      checkQuorum,
      electionTimeoutMs: this.clock.electionTicks * this.clock.tickMs,
      heartbeatMs: this.clock.heartbeatTicks * this.clock.tickMs,
      preVote: true,
      reads: 'read index',
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

  // --- proposals ---

  /** Why this server takes no proposals of any kind. One that is alone may still be told to go on without those who are gone. */
  refusal(isChange = false): RejectReason | undefined {
    const { leader } = this.node.state;
    if (leader === undefined || this.removedAt !== 0 || (this.isAlone && !isChange)) return RejectReason.NotLeader;
    return this.requests.handover.isOpen ? RejectReason.Transferring : undefined;
  }

  /** All of the commands take their places in the log, or none. */
  private append(token: number, offset: number, commands: readonly Uint8Array[]): void {
    if (commands.length === 0) return;
    const { log, term } = this.node.state;
    const firstIndex = log.lastIndex + 1;
    const entries = commands.map((command, i) => new Entry(firstIndex + i, term, EntryType.Normal, command));
    const count = commands.length;
    if (this.node.propose(entries) !== undefined) this.reject(token, offset, count, RejectReason.Overloaded);
    else this.out.accepted.push({ token, offset, count, firstIndex, term });
  }

  private enqueue(batch: ProposalBatch): void {
    const { token, commands } = batch;
    if (this.queue.size + commands.length <= QUEUED_COMMANDS_MAX) this.queue.add(batch);
    else this.reject(token, 0, commands.length, RejectReason.Overloaded);
  }

  /** Without batching: the next command goes to disk when the one before it is there. */
  private appendQueued(): void {
    const { state } = this.node;
    const next = this.queue.peek();
    if (next === undefined || this.refusal() !== undefined || state.log.unstable.entries.length > 0) return;
    this.queue.shift();
    this.append(next.token, next.offset, [next.command]);
  }

  private reject(token: number, offset: number, count: number, reason: RejectReason): void {
    this.out.reject(token, offset, count, reason, this.leaderHint);
  }

  /** Where to go instead: never to a leader that only waits for its successor. */
  get leaderHint(): NodeId {
    return this.removedAt === 0 ? this.lead : 0;
  }

  // --- the end of a reign, and transfers ---

  /** What was asked of a leader that leads no more: answered where the outcome is certain, and otherwise left to the host. */
  private noticeReign(): void {
    const { leader, lead } = this.node.state;
    if (leader === undefined || leader !== this.reign) this.requests.handover.ledBy(lead);
    if (leader === this.reign) return;
    this.reign = leader;
    this.audience = leader === undefined ? undefined : new Audience(this.id, this.settings, this.nowMs);
    this.removedAt = 0;
    this.requests.reignEnded();
    this.refuseClients(lead);
    this.snapshotSentMs.clear();
    this.behindUntil.clear();
  }

  /** What is neither in the log nor answered is certainly not done here. */
  private refuseClients(lead: NodeId): void {
    for (const { token, offset, count } of this.queue.takeAll()) {
      this.reject(token, offset, count, RejectReason.NotLeader);
    }
    this.reads.refuse(lead);
  }

  // --- a leader that no quorum answers ---

  private get isSilent(): boolean {
    return this.audience?.isSilent === true;
  }

  private get isAlone(): boolean {
    return this.audience?.isAlone === true;
  }

  /** Who leads, as far as is known: a leader that no quorum answers does not know. */
  private get lead(): NodeId {
    return this.isAlone ? 0 : this.node.state.lead;
  }

  /** Asks with pre-vote requests, which everybody answers and which disturb nobody. */
  private watchAudience(): void {
    const { audience, nowMs } = this;
    const { configuration, log, term } = this.node.state;
    if (audience === undefined) return;
    audience.tick(nowMs, configuration);
    if (audience.isAlone) this.refuseClients(0);
    for (const id of audience.toBeAsked(nowMs, configuration)) {
      const request = new Message(MessageType.PreVote, id);
      request.from = this.id;
      request.term = term + 1;
      request.index = log.lastIndex;
      request.logTerm = log.lastTerm;
      this.out.send(id, request);
    }
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
      else this.sendAfterPersist(response);
    }
    this.persistence.owe(own);
  }

  private send(message: Message): void {
    // A candidate that is elected by others before its own vote is on disk, and then crashes, could stand a second time in
    // the same term and lead it with another log. So it asks for votes only when its own is durable.
    this.hedge(message);
    if (message.type === MessageType.Vote) this.out.sendAfterPersist(message.to, message);
    else if (!this.isSilent || !isLeaders(message.type)) this.out.send(message.to, message);
    if (message.type !== MessageType.Snapshot) return;
    this.snapshotSentMs.set(message.to, this.nowMs);
    this.fallsBehind(message.to);
  }

  /**
   * Who leaves goes by what the others say they know: a change is known once a crash would not make it forgotten. What waits for
   * this drain's batch waits for the commit index in it, and may say so.
   */
  private hedge(message: Message): void {
    const { openChange } = this;
    if (openChange !== 0 && isAnswer(message.type)) message.commit = Math.min(message.commit, openChange - 1);
  }

  /** Acknowledgements that leave together: the last one says it all. */
  private sendAfterPersist(response: Message): void {
    const waiting = this.out.messagesAfterPersist;
    const before = waiting[waiting.length - 1]?.message;
    if (
      before?.type === MessageType.AppendResp &&
      response.type === MessageType.AppendResp &&
      !before.reject &&
      !response.reject &&
      before.to === response.to &&
      before.term === response.term &&
      before.index <= response.index
    ) {
      waiting.pop();
    }
    this.out.sendAfterPersist(response.to, response);
  }

  private handOut(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1]!.index;
    this.handedOut.push({ last, bytes: entriesSize(entries), payload: payloadSize(entries) });
    for (const entry of entries) {
      this.committed.push(entry);
      if (isConfigurationType(entry.type)) this.applyChange(entry);
    }
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
    if (state.leader !== undefined && (own === undefined || own.learner)) {
      this.removedAt ||= entry.index;
      this.retire();
    } else this.requests.finishChange();
    this.noticeReign();
  }

  /**
   * A leader that is no voter any more leads on until a majority of the voters knows that it is not. If it left at once, and
   * for good, voters that do not know of the commit would go on counting it, and might never find a majority. The one that is
   * best prepared is then asked to take over without waiting for a timeout.
   */
  private retire(): void {
    const { state } = this.node;
    const { voters, outgoing } = state.configuration;
    const { progress } = state.members;
    if (state.leader === undefined) return;
    const knows = (id: NodeId) => (progress.get(id)?.knownCommit ?? 0) >= this.removedAt;
    if (jointVote(voters, outgoing, knows) !== VoteResult.Won) return;
    const next = successor(this.requests.view, voters.filter(knows));
    if (next !== 0) state.send(new Message(MessageType.TimeoutNow, next));
    state.becomeFollower(state.term, 0);
  }

  private deliver(responses: readonly Message[]): void {
    for (const response of responses) this.node.step(response);
    if (responses.length > 0) this.noticeReign();
  }

  /** The network may lose a snapshot, and nobody says so. */
  private retrySnapshots(): void {
    for (const [id, sentMs] of this.snapshotSentMs) {
      if (this.node.state.members.progress.get(id)?.state !== ProgressState.Snapshot) {
        this.snapshotSentMs.delete(id);
      } else if (this.nowMs - sentMs >= SNAPSHOT_RETRY_ELECTIONS * this.settings.electionTimeoutMs) {
        this.snapshotSentMs.delete(id);
        this.node.reportSnapshotFailure(id);
      }
    }
  }
}

const PEER_STATES = {
  [ProgressState.Probe]: 'probe',
  [ProgressState.Replicate]: 'replicate',
  [ProgressState.Snapshot]: 'snapshot',
} as const;

/**
 * How far the log is certainly committed. Beside the stored hint: a leader proposes a membership change only when all
 * changes before it are applied, so all but the last in the log are committed. Without this, a server that lost its hint
 * could stand for election in a configuration more than one change old, whose majority need not meet the present one's.
 */
function knownCommit(log: LogReader, { commit }: HardState): number {
  const changes = log.configurationEntries();
  return Math.max(commit, changes[changes.length - 2]?.index ?? 0);
}

import {
  type Configuration,
  type EffectiveSettings,
  type Engine,
  type EngineInit,
  type EngineSettings,
  type EngineStatus,
  type EngineSummary,
  type MembershipChange,
  NO_EFFECT,
  type NodeId,
  type Output,
  type PersistBatch,
  type ProposalBatch,
  type Refusal,
  RejectReason,
  Role,
  type Snapshot,
} from '../../contract.ts';
import { type Entry, isConfigurationType } from '../../entry.ts';
import { ConfigurationHistory } from '../../membership/configurationHistory.ts';
import { Handover } from '../../membership/handover.ts';
import { ElectionTimer } from '../../parts/electionTimer.ts';
import { LogTail } from '../../parts/logTail.ts';
import { OutputBuffer } from '../../parts/outputBuffer.ts';
import { PendingWrites } from '../../parts/pendingWrites.ts';
import { majorityVote, VoteResult } from '../../parts/quorum.ts';
import { TERM_MAX, TermGuard } from '../../parts/termGuard.ts';
import { type Standing, TurnGuard } from '../../parts/turnGuard.ts';
import { contradiction, entriesFault, refused, snapshotFault, tooFarAhead } from '../../parts/untrusted.ts';
import { contentBytes } from '../../snapshotContent.ts';
import { applyChange, changeFault } from './changes.ts';
import { IN_FLIGHT_MAX, Leader, type LeadingServer } from './leader.ts';
import type { PrimerMessage } from './messages.ts';

type Message<T extends PrimerMessage['type']> = Extract<PrimerMessage, { type: T }>;

/** Committed entries handed out in one drain. */
const COMMITTED_MAX = 4096;
const COMMITTED_BYTES_MAX = 8 << 20;

/**
 * The smallest engine that keeps the whole contract: Raft as its paper has it, on the parts that all engines share. It shows what an
 * engine is made of, and that a new one needs nothing but its own folder; nobody is offered it. This file is the server that follows
 * and stands for election, `leader.ts` what it does while it leads.
 *
 * The host calls one input at a time (`tick`, `receive`, `propose`, …), then `drain`, which says all that is to be done: what to write,
 * what to send at once, and what to send once the write is on disk. Two rules make it Raft on a real disk: whatever promises something
 * leaves by `sendAfterPersist`, and this server's own vote and entries count from `durable` on.
 */
export class PrimerEngine implements Engine<PrimerMessage>, LeadingServer {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly log: LogTail;
  readonly configurations: ConfigurationHistory;
  readonly out = new OutputBuffer<PrimerMessage>();
  readonly handover = new Handover(this.out);
  readonly writes: PendingWrites;
  nowMs: number;
  term: number;
  commitIndex: number;
  deliveredIndex: number;

  private readonly init: EngineInit;
  private readonly terms: TermGuard;
  private readonly guard: TurnGuard;
  private vote: NodeId;
  private termChanged = false;
  private appliedIndex: number;
  private leaderId: NodeId = 0;
  private leader: Leader | undefined;
  private candidacy: { readonly preVote: boolean; readonly votes: Map<NodeId, boolean> } | undefined;
  /** When the leader was last heard. */
  private heardMs = Number.NEGATIVE_INFINITY;
  private readonly electionTimer: ElectionTimer;

  constructor(init: EngineInit) {
    this.init = init;
    this.id = init.id;
    this.settings = init.settings;
    this.nowMs = init.nowMs;
    this.log = new LogTail(init.log);
    this.term = init.hardState.term;
    this.vote = init.hardState.vote;
    this.writes = new PendingWrites(this.log.lastIndex, this.term);
    this.terms = new TermGuard(init.settings.electionTimeoutMs);
    this.configurations = ConfigurationHistory.stored(init, applyChange);
    this.appliedIndex = init.appliedIndex;
    this.deliveredIndex = init.appliedIndex;
    this.commitIndex = Math.max(init.appliedIndex, Math.min(init.hardState.commit, this.log.lastIndex));
    this.electionTimer = new ElectionTimer(init.settings.electionTimeoutMs, init.random, init.nowMs);
    this.guard = new TurnGuard(this.standing());
  }

  // --- inputs ---

  tick(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
    if (this.electionTimer.tick(this.nowMs)) {
      this.leader?.woke(this.electionTimer.graceMs);
      return;
    }
    this.handover.tick(this.nowMs, this.knownLeader);
    if (this.leader !== undefined) {
      this.leader.tick();
      return;
    }
    if (!this.electionTimer.isDue(this.nowMs)) return;
    this.electionTimer.restart(this.nowMs);
    if (this.mayStand) this.stand(true);
  }

  receive(from: NodeId, message: PrimerMessage): Refusal | undefined {
    const refusal = this.refusalOf(from, message);
    if (refusal !== undefined) return refusal;
    switch (message.type) {
      case 'vote':
        this.voteRequested(from, message);
        break;
      case 'vote-reply':
        this.voteReplied(from, message);
        break;
      case 'append':
      case 'snapshot':
      case 'heartbeat':
        return this.ledBy(from, message);
      case 'append-reply':
      case 'heartbeat-reply':
        if (message.term > this.term) this.follow(message.term, 0);
        else if (message.term === this.term) this.leader?.replied(from, message);
        break;
      case 'take-over':
        if (message.term === this.term && from === this.leaderId && this.mayStand) this.stand(false);
        break;
    }
    return undefined;
  }

  propose(batch: ProposalBatch): void {
    if (this.leader !== undefined) this.leader.propose(batch);
    else this.out.reject(batch.token, 0, batch.commands.length, RejectReason.NotLeader, this.leaderId);
  }

  read(token: number): void {
    if (this.leader !== undefined) this.leader.read(token);
    else this.out.readFailed(token, RejectReason.NotLeader, this.leaderId);
  }

  reconfigure(change: MembershipChange, token: number): void {
    if (this.leader !== undefined) this.leader.reconfigure(change, token);
    else this.out.requestFailed(token, RejectReason.NotLeader, this.leaderId);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[] = []): void {
    if (this.leader !== undefined) this.leader.transferLeadership(to, token, unable);
    else this.out.requestFailed(token, RejectReason.NotLeader, this.leaderId);
  }

  durable(mark: number): void {
    this.writes.durable(mark);
    // A candidate's vote for itself counts like everybody's: once it is on disk.
    const { candidacy } = this;
    if (candidacy?.preVote === false && this.writes.durableTerm === this.term) this.count(this.id, true);
  }

  applied(index: number): void {
    this.appliedIndex = Math.max(this.appliedIndex, index);
  }

  snapshotStored(index: number): void {
    this.configurations.compact(index);
  }

  // --- the output ---

  /** It gives none. */
  promisesAreRead(): void {}

  sending(): readonly Snapshot[] {
    return [];
  }

  drain(): Output<PrimerMessage> {
    this.leader?.pump();
    const committed = this.takeCommitted();
    const output = this.out.take(this.takePersist(), committed);
    this.guard.check(this.standing(), output, (index) => this.log.term(index));
    return output;
  }

  private takeCommitted(): readonly Entry[] {
    if (this.deliveredIndex >= this.commitIndex) return [];
    const to = Math.min(this.commitIndex, this.deliveredIndex + COMMITTED_MAX);
    const entries = this.log.entries(this.deliveredIndex + 1, to, COMMITTED_BYTES_MAX);
    this.deliveredIndex += entries.length;
    return entries;
  }

  private takePersist(): PersistBatch | undefined {
    this.log.prune(this.deliveredIndex);
    const changes = this.log.take();
    if (changes === undefined && !this.termChanged) return undefined;
    this.termChanged = false;
    const mark = this.writes.handOver(this.log.lastIndex, this.term, this.nowMs);
    const hardState = { term: this.term, vote: this.vote, commit: this.commitIndex };
    return { mark, entries: [], ...changes, hardState, mustSync: true };
  }

  private standing(): Standing {
    const { term, vote, commitIndex, appliedIndex, log } = this;
    return { term, vote, leads: this.leader !== undefined, commitIndex, appliedIndex, lastIndex: log.lastIndex };
  }

  // --- elections (Raft §5.2, §5.4.1; thesis §9.6) ---

  private get isVoter(): boolean {
    return this.configurations.latest.voters.includes(this.id);
  }

  /** Also one that a change not yet committed removes: only its log may be able to win (thesis §4.2.2). */
  private get mayStand(): boolean {
    const { latestIndex, previous } = this.configurations;
    const wasVoter = latestIndex > this.commitIndex && previous?.voters.includes(this.id) === true;
    return this.leader === undefined && this.term < TERM_MAX && (this.isVoter || wasVoter);
  }

  /** Asks for votes; first whether it would get them, which costs no term. */
  private stand(preVote: boolean): void {
    this.leaderId = 0;
    this.candidacy = { preVote, votes: new Map() };
    if (!preVote) {
      this.setTerm(this.term + 1, this.id);
      this.electionTimer.restart(this.nowMs);
    }
    const { lastIndex, lastTerm } = this.log;
    const request = { type: 'vote', term: this.term + (preVote ? 1 : 0), lastIndex, lastTerm, preVote } as const;
    for (const voter of this.configurations.latest.voters) {
      if (voter === this.id) continue;
      // One that forgot its own vote in a crash could vote for another in the term that it stood for.
      if (preVote) this.out.send(voter, request);
      else this.out.sendAfterPersist(voter, request);
    }
    if (preVote) this.count(this.id, true);
  }

  private voteRequested(from: NodeId, { term, lastIndex, lastTerm, preVote }: Message<'vote'>): void {
    if (!preVote && term > this.term) this.follow(term, 0);
    const isUpToDate = this.log.isUpToDate(lastIndex, lastTerm);
    if (preVote) {
      const granted = isUpToDate && term > this.term && !this.hasLeader;
      this.out.send(from, { type: 'vote-reply', term: granted ? term : this.term, preVote, granted });
      return;
    }
    const isFree = this.vote === 0 || this.vote === from;
    const granted = isUpToDate && term === this.term && isFree && this.leader === undefined;
    if (granted) {
      this.setTerm(term, from);
      this.electionTimer.restart(this.nowMs);
    }
    this.out.sendAfterPersist(from, { type: 'vote-reply', term: this.term, preVote, granted });
  }

  /** Who hears a leader wants no other one; nor does a leader that is heard. */
  private get hasLeader(): boolean {
    if (this.leader !== undefined) return !this.leader.isSilent;
    return this.nowMs - this.heardMs < this.settings.electionTimeoutMs;
  }

  private voteReplied(from: NodeId, { term, preVote, granted }: Message<'vote-reply'>): void {
    if (!granted && term > this.term) {
      this.follow(term, 0);
      return;
    }
    this.leader?.heard(from);
    const { candidacy } = this;
    if (candidacy?.preVote !== preVote) return;
    if (!granted || term === this.term + (preVote ? 1 : 0)) this.count(from, granted);
  }

  private count(from: NodeId, granted: boolean): void {
    const { candidacy } = this;
    if (candidacy === undefined) return;
    candidacy.votes.set(from, granted);
    const result = majorityVote(this.configurations.latest.voters, (id) => candidacy.votes.get(id));
    if (result === VoteResult.Pending) return;
    this.candidacy = undefined;
    if (result === VoteResult.Lost) return;
    if (candidacy.preVote) this.stand(false);
    else {
      this.leaderId = this.id;
      this.handover.ledBy(this.id);
      this.leader = new Leader(this);
    }
  }

  private setTerm(term: number, vote: NodeId): void {
    this.termChanged ||= term !== this.term || vote !== this.vote;
    this.term = term;
    this.vote = vote;
  }

  // --- following (Raft §5.3) ---

  /** Of `leader` (0: nobody yet), in a term that is not below the present one. */
  private follow(term: number, leader: NodeId): void {
    if (term > this.term) this.setTerm(term, 0);
    this.candidacy = undefined;
    this.stopLeading(leader);
    this.leaderId = leader;
    this.handover.ledBy(leader);
  }

  resign(): void {
    this.stopLeading(0);
    this.leaderId = 0;
  }

  private stopLeading(next: NodeId): void {
    const { leader } = this;
    if (leader === undefined) return;
    this.leader = undefined;
    this.electionTimer.restart(this.nowMs);
    leader.stop(next);
  }

  /** No message of a peer ends this server or takes it far: what is not well-formed is left out, and a term rises in steps. */
  private refusalOf(from: NodeId, message: PrimerMessage): Refusal | undefined {
    if (from === this.id) return refused(`a ${message.type} in the name of server ${from}`);
    if (message.term > this.term) {
      const own = this.term;
      const believed = this.terms.ceiling(own, this.nowMs);
      const isOfSender = message.type !== 'vote' && !(message.type === 'vote-reply' && message.granted);
      if (message.term > believed) {
        if (believed > own && isOfSender) this.follow(believed, 0);
        return tooFarAhead(message.term, own);
      }
    }
    if (message.type === 'append') {
      const { prevIndex, prevTerm, entries, term } = message;
      return refused(entriesFault(prevIndex, prevTerm, entries, term, changeFault));
    }
    return message.type === 'snapshot' ? refused(this.faultOf(message)) : undefined;
  }

  private faultOf({ term, snapshot }: Message<'snapshot'>): string | undefined {
    const fault = snapshotFault(snapshot, term);
    if (fault !== undefined || snapshot.index <= this.commitIndex || term < this.term) return fault;
    const unreadable = this.init
      .receiveContent(snapshot, snapshot.content.byteLength)
      .check(contentBytes(snapshot.content));
    return unreadable === undefined ? undefined : `the leader's snapshot of index ${snapshot.index}: ${unreadable}`;
  }

  private ledBy(from: NodeId, message: Message<'append' | 'snapshot' | 'heartbeat'>): Refusal | undefined {
    const { term } = message;
    if (term >= this.term && !(term === this.term && this.leader !== undefined)) {
      if (term > this.term || this.leaderId !== from || this.candidacy !== undefined) this.follow(term, from);
      this.heardMs = this.nowMs;
      this.electionTimer.restart(this.nowMs);
      if (message.type === 'append') return this.append(from, message);
      if (message.type === 'snapshot') this.install(from, message.snapshot);
      else this.commitTo(message.commit);
    }
    // To a leader of an earlier term it says that there is a later one.
    const { lastIndex } = this.log;
    if (message.type === 'heartbeat') {
      this.out.send(from, { type: 'heartbeat-reply', term: this.term, round: message.round, lastIndex });
    } else if (term < this.term) this.refuse(from, 0, 0);
    return undefined;
  }

  private append(from: NodeId, { prevIndex, prevTerm, entries, commit }: Message<'append'>): Refusal | undefined {
    const { log, commitIndex } = this;
    const contradicts = contradiction(log, commitIndex, prevIndex, prevTerm, entries);
    const end = prevIndex + entries.length;
    // What a snapshot covers is committed, and so the same everywhere.
    const isKnown = prevIndex < log.firstIndex - 1 || log.term(prevIndex) === prevTerm;
    let at = Math.max(0, log.firstIndex - 1 - prevIndex);
    while (at < entries.length && log.term(entries[at]!.index) === entries[at]!.term) at++;
    const fresh = entries.slice(at);
    if (!isKnown || (fresh.length > 0 && fresh[0]!.index <= commitIndex)) {
      // What is committed here is the same in every leader's log: whoever does not know where we part goes on from there.
      this.refuse(from, prevIndex, prevIndex > log.lastIndex ? log.lastIndex : commitIndex);
      return contradicts;
    }
    if (fresh.length > 0) {
      if (fresh[0]!.index <= log.lastIndex) this.truncate(fresh[0]!.index);
      log.append(fresh);
      for (const entry of fresh) if (isConfigurationType(entry.type)) this.configurations.append(entry);
    }
    this.commitTo(Math.min(commit, end));
    this.out.sendAfterPersist(from, { type: 'append-reply', term: this.term, ok: true, index: end, hint: end });
    return contradicts;
  }

  private refuse(leader: NodeId, index: number, hint: number): void {
    this.out.send(leader, { type: 'append-reply', term: this.term, ok: false, index, hint });
  }

  private truncate(from: number): void {
    this.log.truncateFrom(from);
    this.configurations.truncate(from);
    this.writes.truncateFrom(from);
  }

  private install(from: NodeId, snapshot: Snapshot): void {
    const { index, term, configuration } = snapshot;
    if (index > this.commitIndex) {
      if (this.log.term(index) === term) this.commitTo(index);
      else {
        this.log.restore(snapshot);
        this.configurations.restore(index, configuration);
        this.writes.truncateFrom(index + 1);
        this.commitIndex = index;
        this.deliveredIndex = index;
        this.out.restore = snapshot;
      }
    }
    this.out.sendAfterPersist(from, { type: 'append-reply', term: this.term, ok: true, index, hint: index });
  }

  commitTo(index: number): void {
    this.commitIndex = Math.max(this.commitIndex, Math.min(index, this.log.lastIndex));
  }

  // --- for the record ---

  private get role(): Role {
    if (this.leader !== undefined) return Role.Leader;
    if (this.candidacy !== undefined) return this.candidacy.preVote ? Role.PreCandidate : Role.Candidate;
    return this.isVoter ? Role.Follower : Role.Passive;
  }

  /** A leader that no quorum answers does not know who leads. */
  private get knownLeader(): NodeId {
    return this.leader?.isAlone ? 0 : this.leaderId;
  }

  summary(): EngineSummary {
    const { role, term, knownLeader: leader } = this;
    return { role, term, leader, configuration: this.configurations.latest };
  }

  status(): EngineStatus {
    const { id, commitIndex, appliedIndex, leader } = this;
    return {
      ...this.summary(),
      id,
      commitIndex,
      appliedIndex,
      lastIndex: this.log.lastIndex,
      peers: leader?.peerStatus() ?? [],
      pendingChange: leader?.preparations.pendingChange,
    };
  }

  effectiveSettings(): EffectiveSettings {
    const { batch, checkQuorum, electionTimeoutMs, heartbeatMs, maxMessageBytes } = this.settings;
    const entriesPerMessage = batch ? this.settings.entriesPerMessage : 1;
    const messages = {
      batch,
      entriesPerMessage,
      catchUpEntriesMax: IN_FLIGHT_MAX * entriesPerMessage,
      catchUpMultiplier: `${NO_EFFECT}as much goes to a follower that catches up as to one that keeps up`,
      maxMessageBytes,
      snapshotChunkBytes: `${NO_EFFECT}a snapshot is one message`,
    };
    const reads = 'heartbeats sent after the read';
    const readProof = `${NO_EFFECT}it gives no promises`;
    return { ...messages, checkQuorum, electionTimeoutMs, heartbeatMs, preVote: true, reads, readProof };
  }

  configurationAt(appliedIndex: number): Configuration {
    return this.configurations.at(appliedIndex);
  }
}

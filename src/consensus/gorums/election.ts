import { type NodeId, Role } from '../contract.ts';
import { VoteResult } from '../parts/quorum.ts';
import { TERM_MAX } from '../parts/termGuard.ts';
import type { RequestVote, RequestVoteResponse, TimeoutNow } from './messages.ts';
import { electionAnswer } from './quorum.ts';
import type { ServerState } from './state.ts';

/** An election or pre-election that this server stands in. */
interface Candidacy {
  readonly call: number;
  readonly preVote: boolean;
  readonly votes: Map<NodeId, boolean>;
}

/** What elections need of the rest of the engine. */
export interface Electorate {
  /** What leads here; undefined where this server does not lead. */
  leader(): { readonly isSilent: boolean; heard(from: NodeId): void } | undefined;
  /** A majority voted for this server in the present term. */
  won(): void;
  /** Becomes a follower of `leader` (0: nobody yet) in `term`. */
  follow(term: number, leader: NodeId): void;
}

/** Elections (Raft §5.2, §5.4.1) with pre-vote (thesis §9.6): standing in them, and voting. */
export class Election {
  private readonly state: ServerState;
  private readonly electorate: Electorate;
  private candidacy: Candidacy | undefined;
  /** When the leader was last heard from. */
  private heardMs = Number.NEGATIVE_INFINITY;

  constructor(state: ServerState, electorate: Electorate) {
    this.state = state;
    this.electorate = electorate;
  }

  /** While this server stands. */
  get role(): Role | undefined {
    if (this.candidacy === undefined) return undefined;
    return this.candidacy.preVote ? Role.PreCandidate : Role.Candidate;
  }

  withdraw(): void {
    this.candidacy = undefined;
  }

  /** A leader of the present term spoke. */
  heardLeader(): void {
    this.heardMs = this.state.nowMs;
    this.state.promise.heard();
    this.state.restartElectionTimer();
  }

  /** Nothing was heard from a leader for an election timeout. */
  timedOut(): void {
    const { state } = this;
    state.restartElectionTimer();
    if (state.mayStand && state.term < TERM_MAX) this.stand(true);
  }

  private stand(preVote: boolean, transfer = false): void {
    const { state } = this;
    state.leaderId = 0;
    const call = state.nextCall();
    this.candidacy = { call, preVote, votes: new Map() };
    if (!preVote) {
      state.enterTerm(state.term + 1, state.id);
      state.restartElectionTimer();
    }
    const term = preVote ? state.term + 1 : state.term;
    const { id: candidate, out, log, configurations } = state;
    const { lastIndex: lastLogIndex, lastTerm: lastLogTerm } = log;
    // Who promised the leader to elect nobody votes for whom that leader wants; whatever is promised here.
    const isForLeader = transfer && state.promise.areRead;
    for (const voter of configurations.latest.voters) {
      if (voter === candidate) continue;
      const request: RequestVote = {
        type: 'RequestVote',
        call,
        candidate,
        term,
        lastLogIndex,
        lastLogTerm,
        preVote,
        transfer: isForLeader || undefined,
      };
      // A candidate that forgot its own vote in a crash could vote for another in the term it stood for.
      if (preVote) out.send(voter, request);
      else out.sendAfterPersist(voter, request);
    }
    if (preVote) this.countVote(candidate, true);
  }

  voteRequested(from: NodeId, request: RequestVote): void {
    const { state } = this;
    const { call, preVote, transfer = false } = request;
    const mayVote = transfer || !state.promise.binds;
    if (!preVote && request.term > state.term && mayVote) this.electorate.follow(request.term, 0);
    const upToDate = state.log.isUpToDate(request.lastLogIndex, request.lastLogTerm);
    if (preVote) {
      const granted = upToDate && request.term > state.term && !this.hasLeader && mayVote;
      const term = granted ? request.term : state.term;
      state.out.send(from, { type: 'RequestVoteResponse', call, term, granted });
      return;
    }
    const free = state.vote === 0 || state.vote === request.candidate;
    const isAsked = request.term === state.term && this.electorate.leader() === undefined;
    const granted = upToDate && isAsked && free && mayVote;
    if (granted) {
      state.enterTerm(state.term, request.candidate);
      state.restartElectionTimer();
    }
    state.out.sendAfterPersist(from, { type: 'RequestVoteResponse', call, term: state.term, granted });
  }

  /** Whether a leader was heard from within an election timeout; then nobody needs another one. A silent one asks for another. */
  private get hasLeader(): boolean {
    const leader = this.electorate.leader();
    if (leader !== undefined) return !leader.isSilent;
    return this.state.nowMs - this.heardMs < this.state.settings.electionTimeoutMs;
  }

  voteReplied(from: NodeId, { call, term, granted }: RequestVoteResponse): void {
    const { state, candidacy, electorate } = this;
    if (!granted && term > state.term) {
      electorate.follow(term, 0);
      return;
    }
    electorate.leader()?.heard(from);
    if (candidacy?.call !== call) return;
    if (!granted || term === (candidacy.preVote ? state.term + 1 : state.term)) this.countVote(from, granted);
  }

  /** A candidate's own vote counts once it is on disk, like everybody else's: it was written with the term. */
  writeDurable(): void {
    const { state, candidacy } = this;
    if (candidacy?.preVote === false && state.writes.durableTerm === state.term) this.countVote(state.id, true);
  }

  private countVote(from: NodeId, granted: boolean): void {
    const { candidacy } = this;
    if (candidacy === undefined) return;
    candidacy.votes.set(from, granted);
    const answer = electionAnswer(this.state.configurations.latest, candidacy.votes);
    if (answer === VoteResult.Lost) this.candidacy = undefined;
    if (answer !== VoteResult.Won) return;
    if (candidacy.preVote) this.stand(false);
    else {
      this.candidacy = undefined;
      this.electorate.won();
    }
  }

  /** The leader asks this server to take over (thesis §3.10). */
  toldToStand({ term, leader }: TimeoutNow): void {
    const { state } = this;
    if (this.electorate.leader() !== undefined || term !== state.term || leader !== state.leaderId) return;
    if (state.mayStand && state.term < TERM_MAX) this.stand(false, true);
  }
}

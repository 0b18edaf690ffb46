import { type NodeId, Role } from '../contract.ts';
import { majorityVote, VoteResult } from '../parts/quorum.ts';
import { TERM_MAX } from '../parts/termGuard.ts';
import type { VoteReply, VoteRequest } from './messages.ts';
import type { ServerState } from './state.ts';

/** An election or pre-election that this server stands in. */
interface Candidacy {
  readonly preVote: boolean;
  readonly votes: Map<NodeId, boolean>;
}

/** What elections need of the rest of the engine. */
export interface Electorate {
  /** What leads here; undefined where this server does not lead. */
  leader(): { readonly isSilent: boolean } | undefined;
  /** A majority voted for this server in the current term. */
  won(): void;
  /** A newer term is there; its leader is not known. */
  follow(term: number, leader: NodeId): void;
}

/** Elections (Raft §5.2) with pre-vote (thesis §9.6): standing in them, and voting. */
export class Election {
  private readonly state: ServerState;
  private readonly electorate: Electorate;
  private candidacy: Candidacy | undefined;

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

  /** Nothing was heard from a leader for an election timeout. */
  timedOut(): void {
    const { state } = this;
    state.restartElectionTimer();
    state.leaderId = 0;
    this.withdraw();
    if (!state.mayStand || state.diskStalled || state.term >= TERM_MAX) return;
    this.candidacy = { preVote: true, votes: new Map([[state.id, true]]) };
    this.requestVotes(state.term + 1, false);
    this.countVotes();
  }

  /** Raft §5.2. The requests leave when the new term and this server's own vote are on disk. */
  campaign(transfer: boolean): void {
    const { state } = this;
    state.leaderId = 0;
    state.enterTerm(state.term + 1, state.id);
    state.restartElectionTimer();
    this.candidacy = { preVote: false, votes: new Map() };
    this.requestVotes(state.term, transfer);
  }

  voteRequested(from: NodeId, request: VoteRequest): void {
    const { state } = this;
    const { term, preVote, transfer } = request;
    // A server that hears from a leader, or promised one to elect nobody, neither votes nor takes the newer term (thesis §4.2.3), unless that
    // leader wants it.
    const mayVote = transfer || !state.promise.binds;
    const open = mayVote && (transfer || !this.hasLeader);
    const upToDate = state.log.isUpToDate(request.lastIndex, request.lastTerm);
    if (preVote) {
      const granted = open && upToDate && term > state.term;
      state.reply(from, { type: 'vote-reply', term: granted ? term : state.term, preVote, granted });
      return;
    }
    if (term > state.term && open) this.electorate.follow(term, 0);
    const free = state.vote === 0 || state.vote === from;
    if (term === state.term && free && state.leaderId === 0 && upToDate && mayVote) {
      // Whoever votes for another in this term stops asking about the next.
      this.withdraw();
      state.vote = from;
      state.restartElectionTimer();
      state.out.sendAfterPersist(from, { type: 'vote-reply', term, preVote, granted: true });
    } else state.reply(from, { type: 'vote-reply', term: state.term, preVote, granted: false });
  }

  /** Whether a leader was heard from within an election timeout; then nobody needs another one. A silent one asks for another. */
  private get hasLeader(): boolean {
    const { state } = this;
    const leader = this.electorate.leader();
    if (leader !== undefined) return !leader.isSilent;
    return state.leaderId !== 0 && state.nowMs - state.leaderHeardMs < state.settings.electionTimeoutMs;
  }

  /** The term of a granted pre-vote is the one asked about, which nobody has taken yet. */
  preVoteGranted(from: NodeId, reply: VoteReply): void {
    if (this.candidacy?.preVote !== true || reply.term !== this.state.term + 1) return;
    this.candidacy.votes.set(from, true);
    this.countVotes();
  }

  voteReplied(from: NodeId, reply: VoteReply): void {
    const { candidacy } = this;
    if (candidacy === undefined || candidacy.preVote !== reply.preVote) return;
    candidacy.votes.set(from, reply.granted);
    this.countVotes();
  }

  /** A candidate counts its own vote when it is on disk, like everybody else's. */
  writeDurable(): void {
    const { state, candidacy } = this;
    if (candidacy?.preVote !== false || state.writes.durableTerm !== state.term) return;
    candidacy.votes.set(state.id, true);
    this.countVotes();
  }

  private countVotes(): void {
    const { state, candidacy } = this;
    if (candidacy === undefined) return;
    const result = majorityVote(state.configuration.voters, (id) => candidacy.votes.get(id));
    if (result === VoteResult.Lost) this.withdraw();
    if (result !== VoteResult.Won) return;
    if (candidacy.preVote) this.campaign(false);
    else {
      this.candidacy = undefined;
      this.electorate.won();
    }
  }

  private requestVotes(term: number, transfer: boolean): void {
    const { state, candidacy } = this;
    const preVote = candidacy!.preVote;
    const { lastIndex, lastTerm } = state.log;
    for (const id of state.configuration.voters) {
      if (id === state.id) continue;
      const request: VoteRequest = { type: 'vote', term, preVote, transfer, lastIndex, lastTerm };
      if (preVote) state.out.send(id, request);
      else state.out.sendAfterPersist(id, request);
    }
  }
}

import type { Configuration, NodeId } from '../contract.ts';
import { majorityReached, majorityVote, VoteResult } from '../parts/quorum.ts';

/**
 * Quorum functions: each turns the replies of one quorum call into one answer (Lea, Jehl, Meling: "Towards New Abstractions
 * for Implementing Quorum-based Systems", 2017).
 */

/** Whether the voters among `ids` are a majority. */
export function isQuorum({ voters }: Configuration, ids: ReadonlySet<NodeId>): boolean {
  return majorityVote(voters, (id) => ids.has(id)) === VoteResult.Won;
}

/** The answer of an election. */
export function electionAnswer({ voters }: Configuration, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  return majorityVote(voters, (id) => votes.get(id));
}

/**
 * The answer of a replication round: the highest index up to which a majority of voters hold the leader's log durably,
 * judged by the round's successful replies alone; -1 while there are too few. `matched` gives the index that each reply proved.
 */
export function appendAnswer({ voters }: Configuration, matched: ReadonlyMap<NodeId, number>): number {
  return majorityReached(voters, (id) => matched.get(id) ?? -1);
}

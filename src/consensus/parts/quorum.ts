import type { NodeId } from '../contract.ts';

/**
 * The mathematics of majorities, of one configuration and of two at once (Raft §5.3, §5.4 and §6). A half is a list of
 * ascending voter ids; a joint decision needs a majority of each half. An empty half decides everything, so that a simple
 * configuration is a joint one whose second half is empty.
 */
export type VoterSet = readonly NodeId[];

/** What an empty half has reached: everything. */
export const UNBOUNDED = Number.POSITIVE_INFINITY;

export const VoteResult = {
  /** Neither a majority of yes nor a majority out of reach. */
  Pending: 'VotePending',
  Lost: 'VoteLost',
  Won: 'VoteWon',
} as const;
export type VoteResult = (typeof VoteResult)[keyof typeof VoteResult];

/** Votes needed out of `size` voters. */
function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/**
 * The highest value that a majority of `voters` have each reached, which with 7, 5 and 3 is 5: the order statistic at the
 * majority's place. Of acknowledged indexes it is what is committed, of confirmed rounds what is proven. `reached` answers 0 or
 * undefined for a voter that is nowhere yet.
 */
export function majorityReached(voters: VoterSet, reached: (id: NodeId) => number | undefined): number {
  const size = voters.length;
  if (size === 0) return UNBOUNDED;
  const sorted = new Array<number>(size);
  // Insertion sort: configurations are small, and this runs for every acknowledgement.
  for (let i = 0; i < size; i++) {
    const value = reached(voters[i]!) ?? 0;
    let at = i;
    while (at > 0 && sorted[at - 1]! > value) {
      sorted[at] = sorted[at - 1]!;
      at--;
    }
    sorted[at] = value;
  }
  return sorted[size - majority(size)]!;
}

/** Both halves must agree: the lower of the two majorities' values. */
export function jointReached(
  incoming: VoterSet,
  outgoing: VoterSet,
  reached: (id: NodeId) => number | undefined,
): number {
  const first = majorityReached(incoming, reached);
  return outgoing.length === 0 ? first : Math.min(first, majorityReached(outgoing, reached));
}

/** The state of a vote; `vote` answers undefined for a voter that has not answered. */
export function majorityVote(voters: VoterSet, vote: (id: NodeId) => boolean | undefined): VoteResult {
  if (voters.length === 0) return VoteResult.Won;
  let yes = 0;
  let unanswered = 0;
  for (const id of voters) {
    const answer = vote(id);
    if (answer === undefined) unanswered++;
    else if (answer) yes++;
  }
  const needed = majority(voters.length);
  if (yes >= needed) return VoteResult.Won;
  return yes + unanswered >= needed ? VoteResult.Pending : VoteResult.Lost;
}

/** A joint vote is won where both halves are won, and lost where one is lost. */
export function jointVote(
  incoming: VoterSet,
  outgoing: VoterSet,
  vote: (id: NodeId) => boolean | undefined,
): VoteResult {
  const first = majorityVote(incoming, vote);
  const second = majorityVote(outgoing, vote);
  if (first === second) return first;
  return first === VoteResult.Lost || second === VoteResult.Lost ? VoteResult.Lost : VoteResult.Pending;
}

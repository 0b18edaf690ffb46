import type { Configuration, NodeId } from '../contract.ts';

/**
 * Quorum functions: each turns the replies of one quorum call into one answer, or undefined while there are too few
 * (Lea, Jehl, Meling: "Towards New Abstractions for Implementing Quorum-based Systems", 2017).
 */

export function majorityOf(configuration: Configuration): number {
  return Math.floor(configuration.voters.length / 2) + 1;
}

/** Whether the voters among `ids` are a majority. */
export function isQuorum(configuration: Configuration, ids: ReadonlySet<NodeId>): boolean {
  let voters = 0;
  for (const id of configuration.voters) if (ids.has(id)) voters++;
  return voters >= majorityOf(configuration);
}

/** The answer of an election: won with a majority of grants, lost with a majority of refusals. */
export function electionAnswer(
  configuration: Configuration,
  votes: ReadonlyMap<NodeId, boolean>,
): 'won' | 'lost' | undefined {
  let granted = 0;
  let refused = 0;
  for (const id of configuration.voters) {
    const vote = votes.get(id);
    if (vote === true) granted++;
    else if (vote === false) refused++;
  }
  const majority = majorityOf(configuration);
  if (granted >= majority) return 'won';
  if (refused > configuration.voters.length - majority) return 'lost';
  return undefined;
}

/**
 * The answer of a replication round: the highest index up to which a majority of voters hold the leader's log durably,
 * judged by the round's successful replies alone. `matched` gives the index that each reply proved.
 */
export function appendAnswer(configuration: Configuration, matched: ReadonlyMap<NodeId, number>): number | undefined {
  const indexes: number[] = [];
  for (const id of configuration.voters) {
    const index = matched.get(id);
    if (index !== undefined) indexes.push(index);
  }
  const majority = majorityOf(configuration);
  if (indexes.length < majority) return undefined;
  indexes.sort((a, b) => b - a);
  return indexes[majority - 1];
}

/** What the original's servers say in words alone, and ours therefore to its clients. */

/** What its unary Lookup answers for a key that is not there; it may be the value of one that is. */
export const MISSING_VALUE = '(none)';

/** Stands in the trailing metadata of our unary Lookup's answer where MISSING_VALUE is a stored value. The original has none. */
export const STORED_VALUE_TRAILER = 'rkv-stored-value';

/** What it means that a cluster has servers of both kinds. */
export const MIXED_CLUSTER =
  "The original never applies a session's first insert where it is numbered 2, and answers inserts that come ahead of their turn before it applies them; ours apply what they acknowledge. So what a read finds can change when a server of the other kind takes over the lead (docs/interop.md)";

const NOT_LEADER = 'not leader, ';
const IS = ' is';

/** Why a server that does not lead refuses; `leader` is 0 where it knows of none. */
export function notLeaderText(leader: number): string {
  return `${NOT_LEADER}${leader}${IS}`;
}

/** The leader that `notLeaderText` named; undefined where the text is another. */
export function leaderInText(text: string): number | undefined {
  if (!text.startsWith(NOT_LEADER) || !text.endsWith(IS)) return undefined;
  const leader = Number(text.slice(NOT_LEADER.length, -IS.length));
  return Number.isSafeInteger(leader) && leader >= 0 && notLeaderText(leader) === text ? leader : undefined;
}

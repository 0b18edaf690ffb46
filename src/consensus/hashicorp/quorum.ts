/** How many of `count` voters make a majority. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/**
 * The highest value that a majority of `voters` have each reached: with values 7, 5, 3 it is 5. Used for match indexes
 * (what is committed), for heartbeat rounds (what is verified) and for times (how old the lease is). Without voters there
 * is no majority, and the answer is -1.
 */
export function majorityReached(voters: readonly number[], reached: (id: number) => number): number {
  if (voters.length === 0) return -1;
  const values: number[] = [];
  for (const id of voters) {
    const value = reached(id);
    let at = values.length;
    while (at > 0 && values[at - 1]! < value) {
      values[at] = values[at - 1]!;
      at--;
    }
    values[at] = value;
  }
  return values[majority(voters.length) - 1]!;
}

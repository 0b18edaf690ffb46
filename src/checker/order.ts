/** One total order of all invocations and returns of a set of operations. */

export interface EventOrder {
  /** Position of each operation's invocation, from 0. */
  readonly invokeRank: Float64Array;
  /** Position of each operation's return; `Infinity` where it has none. */
  readonly returnRank: Float64Array;
  /** The events by position: operation `i` is invoked at an `i`, and returns at an `i + operations.length`. */
  readonly events: readonly number[];
}

/**
 * Ranks events by time. Where times are equal invocations come before returns, so that operations that merely touch
 * are concurrent; among events of one kind the order makes no difference, and follows the input for determinism.
 */
export function eventOrder(operations: readonly { invokeAt: number; returnAt: number }[]): EventOrder {
  const count = operations.length;
  const events: number[] = [];
  for (let i = 0; i < count; i += 1) events.push(i);
  for (let i = 0; i < count; i += 1) if (operations[i]!.returnAt !== Infinity) events.push(count + i);
  const timeOf = (event: number): number =>
    event < count ? operations[event]!.invokeAt : operations[event - count]!.returnAt;
  // `events` starts with all invocations, and the sort is stable: ties keep invocations first.
  events.sort((a, b) => timeOf(a) - timeOf(b));
  const invokeRank = new Float64Array(count);
  const returnRank = new Float64Array(count).fill(Infinity);
  events.forEach((event, rank) => {
    if (event < count) invokeRank[event] = rank;
    else returnRank[event - count] = rank;
  });
  return { invokeRank, returnRank, events };
}

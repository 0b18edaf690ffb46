/** One key's history, laid out for the search: required operations by invocation, optional ones by kind. */
import { type Operation, UNKNOWN } from './history.ts';
import type { Model } from './model.ts';
import { eventOrder } from './order.ts';

/** Unknown operations with the same input, by invocation. Only the earliest unspent one is ever worth trying. */
export interface OptionalClass {
  readonly members: readonly number[];
}

export interface Problem {
  /** Operations numbered 0 … n-1 here; `source[i]` is the position in the history given. */
  readonly source: readonly number[];
  /** The first `requiredCount` operations have outcomes and must all take effect; the rest may. */
  readonly requiredCount: number;
  /** Positions in one order of all events; `returnRank` covers the required operations. */
  readonly invokeRank: Float64Array;
  readonly returnRank: Float64Array;
  /** Required operations' events by rank: `i` invokes operation `i`, `requiredCount + i` returns it. */
  readonly events: readonly number[];
  /** A number below `slotCount`, shared by no two required operations that are open together. */
  readonly slot: Int32Array;
  readonly slotCount: number;
  readonly classes: readonly OptionalClass[];
}

/** Leaves out unknown operations that could change nothing. */
export function layOut<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): Problem {
  const required: number[] = [];
  const optional: number[] = [];
  operations.forEach(({ input, output }, index) => {
    if (output !== UNKNOWN) required.push(index);
    else if (!model.isReadOnly(input, output)) optional.push(index);
  });
  const source = [...required, ...optional];
  const requiredCount = required.length;
  const { invokeRank, returnRank, events } = eventOrder(source.map((index) => operations[index]!));
  const requiredEvents: number[] = [];
  for (const event of events) {
    if (event < requiredCount) requiredEvents.push(event);
    else if (event >= source.length) requiredEvents.push(event - source.length + requiredCount);
  }
  const byIdentity = new Map<string, number[]>();
  // Walking the events visits the optional operations by invocation.
  for (const event of events) {
    if (event < requiredCount || event >= source.length) continue;
    const identity = model.identity(operations[source[event]!]!.input);
    const members = byIdentity.get(identity);
    if (members === undefined) byIdentity.set(identity, [event]);
    else members.push(event);
  }
  const classes = [...byIdentity.values()].map((members) => ({ members }));
  return {
    source,
    requiredCount,
    invokeRank,
    returnRank,
    events: requiredEvents,
    ...assignSlots(requiredEvents, requiredCount),
    classes,
  };
}

/** Gives each operation a number that is free at its invocation, and frees it at its return. */
function assignSlots(events: readonly number[], requiredCount: number): { slot: Int32Array; slotCount: number } {
  const slot = new Int32Array(requiredCount);
  const free: number[] = [];
  let slotCount = 0;
  for (const event of events) {
    if (event >= requiredCount) free.push(slot[event - requiredCount]!);
    else if (free.length > 0) slot[event] = free.pop()!;
    else {
      slot[event] = slotCount;
      slotCount += 1;
    }
  }
  return { slot, slotCount };
}

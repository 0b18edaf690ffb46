/**
 * Is a history linearizable? The entry point of the checker.
 *
 * Linearizability is local (Herlihy and Wing, TOPLAS 12, 1990, theorem 1): a history is linearizable exactly when each
 * key's part of it is. Keys are checked one by one, the shortest first, and share one budget.
 */
import { Budget, type Exhausted, type Limits } from './budget.ts';
import { assertWellFormed, type Operation } from './history.ts';
import type { Model } from './model.ts';
import { search, type Verdict } from './search.ts';

export interface CheckReport<Input, Output> {
  /** 'illegal' if some key is, else 'unknown' if some key could not be decided within the limits, else 'ok'. */
  readonly verdict: Verdict;
  readonly operationCount: number;
  readonly keyCount: number;
  /** Every key that is not linearizable, with its part of the history, in the order in which the keys first appear. */
  readonly illegal: readonly { readonly key: string; readonly operations: readonly Operation<Input, Output>[] }[];
  readonly undecided: readonly { readonly key: string; readonly exhausted: Exhausted }[];
}

/** Throws `HistoryError` if an operation's interval makes no sense. */
export function checkHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  limits: Limits = {},
): CheckReport<Input, Output> {
  assertWellFormed(operations);
  const parts = partitionByKey(operations);
  const budget = new Budget(limits);
  const decisions = new Map<string, Decision>();
  for (const [key, part] of [...parts].sort(([, a], [, b]) => a.length - b.length)) {
    decisions.set(key, decide(model, part, budget));
  }
  const illegal: { key: string; operations: readonly Operation<Input, Output>[] }[] = [];
  const undecided: { key: string; exhausted: Exhausted }[] = [];
  for (const [key, part] of parts) {
    const { verdict, exhausted } = decisions.get(key)!;
    if (verdict === 'illegal') illegal.push({ key, operations: part });
    if (exhausted !== undefined) undecided.push({ key, exhausted });
  }
  const verdict = illegal.length > 0 ? 'illegal' : undecided.length > 0 ? 'unknown' : 'ok';
  return { verdict, operationCount: operations.length, keyCount: parts.size, illegal, undecided };
}

export interface Decision {
  readonly verdict: Verdict;
  /** Set exactly when the verdict is 'unknown'. */
  readonly exhausted?: Exhausted;
}

/** The verdict on one key's operations, by the model's shortcuts where it has any and by search otherwise. */
export function decide<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  budget: Budget,
): Decision {
  const reduction = model.reduce?.(operations);
  if (reduction === undefined) return search(model, operations, budget);
  if (reduction.verdict !== undefined) return { verdict: reduction.verdict };
  return search(reduction.model, reduction.operations, budget);
}

function partitionByKey<Input, Output>(
  operations: readonly Operation<Input, Output>[],
): Map<string, Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const part = parts.get(operation.key);
    if (part === undefined) parts.set(operation.key, [operation]);
    else part.push(operation);
  }
  return parts;
}

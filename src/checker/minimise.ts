/**
 * From a failing history to the few operations that are at fault.
 *
 * Leaving operations out blindly proves nothing: without the write it saw, any read looks impossible. So an operation
 * that may have had an effect is never left out but *relaxed*: its outcome is forgotten, so that it may take effect at
 * any time after its invocation, or never. (One that only observed is relaxed by leaving it out.) Whatever happened is
 * still possible after that, hence a relaxed history that is not linearizable convicts the original. The **culprits** are a set of operations that is still impossible with everything else relaxed, and
 * possible as soon as any one of them is relaxed too. The **context** is the fewest other operations without which
 * some culprit would look needless, such as the write that a compare-and-set found.
 */
import { Budget } from './budget.ts';
import { decide } from './check.ts';
import { type Operation, UNKNOWN } from './history.ts';
import type { Model } from './model.ts';
import { eventOrder } from './order.ts';

export interface MinimalHistory<Input, Output> {
  /** Culprits and context together, by invocation: a history that is not linearizable. */
  readonly operations: readonly Operation<Input, Output>[];
  readonly culprits: ReadonlySet<Operation<Input, Output>>;
  /** False if some question on the way was too hard for the budget, so that a smaller answer may exist. */
  readonly isMinimal: boolean;
}

/** Steps over all questions asked, and for a single one: an answer of 'unknown' only costs minimality. */
export const MINIMISE_STEPS_MAX_DEFAULT = 10_000_000;
const QUESTIONS_PER_BUDGET = 50;

/**
 * `operations` are one key's, and not linearizable; an operation that is still open where the failure shows comes out
 * as unknown. The result is not linearizable whatever the budget was.
 */
export function minimise<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  stepsMax: number = MINIMISE_STEPS_MAX_DEFAULT,
): MinimalHistory<Input, Output> {
  return new Minimiser(model, operations, stepsMax).run();
}

class Minimiser<State, Input, Output> {
  private readonly model: Model<State, Input, Output>;
  private readonly operations: readonly Operation<Input, Output>[];
  private readonly stepsPerQuestion: number;
  private stepsLeft: number;
  private isMinimal = true;

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[], stepsMax: number) {
    this.model = model;
    this.operations = operations;
    this.stepsPerQuestion = Math.ceil(stepsMax / QUESTIONS_PER_BUDGET);
    this.stepsLeft = stepsMax;
  }

  run(): MinimalHistory<Input, Output> {
    const prefix = this.shortestFailingPrefix();
    const answered = prefix.filter(({ output }) => output !== UNKNOWN);
    // Observations go first: one that stays may need the write it saw as context, which then makes two.
    const candidates = [...answered.filter((each) => !this.hasEffect(each)), ...answered.filter(this.hasEffect)];
    const culprits = new Set(shrink(candidates, (kept) => this.is('illegal', this.relaxAllBut(prefix, new Set(kept)))));
    const others = prefix.filter((operation) => !culprits.has(operation)).filter(this.hasEffect);
    const context = new Set(shrink(others, (kept) => this.explains(culprits, new Set(kept), prefix)));
    const kept = prefix.filter((operation) => culprits.has(operation) || context.has(operation));
    return { operations: kept, culprits, isMinimal: this.isMinimal };
  }

  /** Stopping earlier only takes constraints away, so the failure appears at one event and stays: bisect for it. */
  private shortestFailingPrefix(): Operation<Input, Output>[] {
    const { events } = eventOrder(this.operations);
    let low = 0;
    let high = events.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.is('illegal', this.prefix(events, middle))) high = middle;
      else low = middle;
    }
    return this.prefix(events, high);
  }

  private prefix(events: readonly number[], length: number): Operation<Input, Output>[] {
    const count = this.operations.length;
    const returned = new Set<number>();
    for (const event of events.slice(0, length)) if (event >= count) returned.add(event - count);
    const invoked = events.slice(0, length).filter((event) => event < count);
    return invoked.map((index) => {
      const operation = this.operations[index]!;
      return returned.has(index) ? operation : relax(operation);
    });
  }

  /** With only this context, does relaxing any one culprit make the rest possible? */
  private explains(
    culprits: ReadonlySet<Operation<Input, Output>>,
    context: ReadonlySet<Operation<Input, Output>>,
    prefix: readonly Operation<Input, Output>[],
  ): boolean {
    const shown = prefix.filter((operation) => culprits.has(operation) || context.has(operation));
    return [...culprits].every((relaxed) => {
      const kept = new Set([...culprits].filter((culprit) => culprit !== relaxed));
      return this.is('ok', this.relaxAllBut(shown, kept));
    });
  }

  private readonly hasEffect = ({ input, output }: Operation<Input, Output>): boolean => {
    return !this.model.isReadOnly(input, output);
  };

  private relaxAllBut(
    operations: readonly Operation<Input, Output>[],
    kept: ReadonlySet<Operation<Input, Output>>,
  ): Operation<Input, Output>[] {
    return operations.flatMap((operation) => {
      if (kept.has(operation)) return [operation];
      return this.hasEffect(operation) ? [relax(operation)] : [];
    });
  }

  private is(verdict: 'ok' | 'illegal', operations: readonly Operation<Input, Output>[]): boolean {
    const stepsMax = Math.min(this.stepsPerQuestion, this.stepsLeft);
    const budget = new Budget({ stepsMax });
    const decision = decide(this.model, operations, budget);
    this.stepsLeft -= stepsMax - budget.stepsLeft;
    if (decision.verdict === 'unknown') this.isMinimal = false;
    return decision.verdict === verdict;
  }
}

function relax<Input, Output>(operation: Operation<Input, Output>): Operation<Input, Output> {
  const { client, key, input, invokeAt, recorded } = operation;
  const relaxed = { client, key, input, output: UNKNOWN, invokeAt, returnAt: Infinity } as const;
  return recorded === undefined ? relaxed : { ...relaxed, recorded: { invokeTime: recorded.invokeTime } };
}

/**
 * Delta debugging (Zeller and Hildebrandt, TSE 28, 2002) for a property that holds of all `items` and of every superset
 * of a set it holds of: drops ever smaller runs, and one pass over single items ends with none that could go.
 */
function shrink<Item>(items: readonly Item[], holds: (kept: readonly Item[]) => boolean): readonly Item[] {
  let kept = items;
  for (let size = Math.max(1, items.length >> 1); ; size = Math.max(1, size >> 1)) {
    for (let start = 0; start < kept.length; ) {
      const without = [...kept.slice(0, start), ...kept.slice(start + size)];
      if (holds(without)) kept = without;
      else start += size;
    }
    if (size === 1) return kept;
  }
}

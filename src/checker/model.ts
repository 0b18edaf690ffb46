/** The sequential specification that a history is held against, for one key. */
import type { Operation, Unknown } from './history.ts';

/** What `step` answers where the output could not have been given in that state. */
export const ILLEGAL: unique symbol = Symbol('illegal step');
export type Illegal = typeof ILLEGAL;

/**
 * A deterministic object. States are values: `step` never changes the one it is given.
 *
 * The methods must agree with one another: equal keys mean states that no later step tells apart, and equal identities
 * mean inputs that act alike in every state. The checker's answer rests on it.
 */
export interface Model<State, Input, Output> {
  readonly name: string;
  init(): State;
  /** The state after the operation, or `ILLEGAL`. With `UNKNOWN` for an output, the state if it does take effect. */
  step(state: State, input: Input, output: Output | Unknown): State | Illegal;
  /** Two states are equal exactly when their keys are. */
  key(state: State): string | number;
  /** True only where the operation cannot change any state, as a read, or a compare-and-set that was refused. */
  isReadOnly(input: Input, output: Output | Unknown): boolean;
  /** Names the input, output aside: operations of equal identity are interchangeable. */
  identity(input: Input): string;
  describe(input: Input, output: Output | Unknown): string;
  describeState(state: State): string;
  /** Makes one key's history easier without changing its verdict, or settles it outright. */
  reduce?(operations: readonly Operation<Input, Output>[]): Reduction<Input, Output>;
}

/**
 * Either a verdict that is proven without a search, or a model and operations that are linearizable exactly when the
 * given ones are.
 */
export type Reduction<Input, Output> =
  | { readonly verdict: 'ok' | 'illegal' }
  | {
      readonly verdict?: undefined;
      readonly model: Model<unknown, Input, Output>;
      readonly operations: readonly Operation<Input, Output>[];
    };

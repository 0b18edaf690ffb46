/** The definition of linearizability, tried out: the slow and obvious twin that tests hold the checker against. */
import { type Operation, UNKNOWN } from '../history.ts';
import { ILLEGAL, type Model } from '../model.ts';

/** Every order of every choice of unknown operations. Only for a handful of operations. */
export function isLinearizableByDefinition<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): boolean {
  const extend = (state: State, left: readonly Operation<Input, Output>[]): boolean => {
    if (left.every(({ output }) => output === UNKNOWN)) return true;
    return left.some((operation) => {
      if (left.some((other) => other.returnAt < operation.invokeAt)) return false;
      const after = model.step(state, operation.input, operation.output);
      const rest = left.filter((other) => other !== operation);
      return after !== ILLEGAL && extend(after, rest);
    });
  };
  return extend(model.init(), operations);
}

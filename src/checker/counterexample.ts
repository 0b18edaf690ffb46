/** A failure for people: the operations at fault, as text and as an image. */
import type { Operation } from './history.ts';
import { type MinimalHistory, minimise } from './minimise.ts';
import type { Model } from './model.ts';
import { diagramOf } from './timeline/diagram.ts';
import { renderSvg } from './timeline/svg.ts';
import { renderText } from './timeline/text.ts';

export interface Counterexample<Input, Output> {
  readonly history: MinimalHistory<Input, Output>;
  readonly text: string;
  readonly svg: string;
}

/** `operations` are one key's, as `checkHistory` reports them under `illegal`. Equal input gives equal bytes. */
export function counterexampleOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): Counterexample<Input, Output> {
  const history = minimise(model, operations);
  const diagram = diagramOf(model, history);
  return { history, text: renderText(diagram), svg: renderSvg(diagram) };
}

/** What a drawing of a history shows, before it is known whether it will be text or SVG. */
import { Budget } from '../budget.ts';
import { type Operation, UNKNOWN } from '../history.ts';
import type { MinimalHistory } from '../minimise.ts';
import { ILLEGAL, type Model } from '../model.ts';
import { eventOrder } from '../order.ts';
import { search } from '../search.ts';

/** One operation. Columns are numbered events: every invocation and return has its own. */
export interface Bar {
  readonly label: string;
  /** Everything there is to say about it, times included. */
  readonly details: string;
  readonly startColumn: number;
  /** `undefined`: the outcome is unknown, and the operation stays open. */
  readonly endColumn: number | undefined;
  /** Where the longest linearizable prefix places it, from 1; `undefined` if it does not. */
  readonly step: number | undefined;
  /** False for what is only there to make the others understood. */
  readonly isCulprit: boolean;
}

export interface Lane {
  /** Empty for a further lane of the client above, which had several operations open at once. */
  readonly client: string;
  readonly bars: readonly Bar[];
}

export interface Step {
  readonly bar: Bar;
  readonly client: string;
  readonly stateAfter: string;
  /** The operation takes effect in the gap that follows this column, `fraction` of the way across. */
  readonly column: number;
  readonly fraction: number;
}

export interface Diagram {
  readonly title: string;
  readonly columnCount: number;
  readonly lanes: readonly Lane[];
  /** The longest linearizable prefix: as many operations as can be put in order before no further one fits. */
  readonly steps: readonly Step[];
  readonly initialState: string;
  /** Operations with known outcomes that the prefix leaves over, with their clients. */
  readonly stuck: readonly { readonly bar: Bar; readonly client: string }[];
}

/** Steps spent on finding the longest prefix; with fewer than needed, a shorter prefix is shown. */
const PREFIX_STEPS_MAX = 1_000_000;

/** Draws a minimal history, or any other of one key: the prefix is found by search. */
export function diagramOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  { operations, culprits }: Pick<MinimalHistory<Input, Output>, 'operations' | 'culprits'>,
): Diagram {
  const { order } = search(model, operations, new Budget({ stepsMax: PREFIX_STEPS_MAX }));
  const { invokeRank, returnRank, events } = eventOrder(operations);
  const bars = operations.map((operation, index): Bar => {
    const step = order.indexOf(index);
    return {
      label: model.describe(operation.input, operation.output),
      details: detailsOf(model, operation),
      startColumn: invokeRank[index]!,
      endColumn: operation.output === UNKNOWN ? undefined : returnRank[index]!,
      step: step < 0 ? undefined : step + 1,
      isCulprit: culprits.has(operation),
    };
  });
  const clientOf = (index: number): string => String(operations[index]!.client);
  const stuck = bars.flatMap((bar, index) => {
    return bar.step === undefined && bar.endColumn !== undefined ? [{ bar, client: clientOf(index) }] : [];
  });
  return {
    title: `${model.name}, key ${JSON.stringify(operations[0]?.key ?? '')}: ${stuck.length > 0 ? 'not ' : ''}linearizable`,
    columnCount: events.length,
    lanes: lanesOf(bars, operations),
    steps: stepsOf(model, operations, order, bars),
    initialState: model.describeState(model.init()),
    stuck,
  };
}

function detailsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  { client, input, output, invokeAt, returnAt, recorded }: Operation<Input, Output>,
): string {
  const start = recorded?.invokeTime ?? invokeAt;
  const end = output === UNKNOWN ? 'outcome unknown' : `returned at ${recorded?.returnTime ?? returnAt}`;
  return `client ${client}: ${model.describe(input, output)}, invoked at ${start}, ${end}`;
}

/** Clients in numeric order where they are numbers; a client gets as many lanes as it has operations open at once. */
function lanesOf<Input, Output>(bars: readonly Bar[], operations: readonly Operation<Input, Output>[]): Lane[] {
  const byClient = new Map<string, Bar[][]>();
  const sorted = [...bars.keys()].sort((a, b) => bars[a]!.startColumn - bars[b]!.startColumn);
  for (const index of sorted) {
    const bar = bars[index]!;
    const client = String(operations[index]!.client);
    const lanes = byClient.get(client) ?? [];
    byClient.set(client, lanes);
    const free = lanes.find((lane) => (lane.at(-1)!.endColumn ?? Infinity) < bar.startColumn);
    if (free === undefined) lanes.push([bar]);
    else free.push(bar);
  }
  const collator = new Intl.Collator('en', { numeric: true });
  return [...byClient]
    .sort(([a], [b]) => collator.compare(a, b))
    .flatMap(([client, lanes]) => lanes.map((lane, index) => ({ client: index === 0 ? client : '', bars: lane })));
}

function stepsOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  order: readonly number[],
  bars: readonly Bar[],
): Step[] {
  let state = model.init();
  // An operation takes effect no earlier than it, or anything placed before it, was invoked; so the earliest gap
  // that can hold it follows the latest of those invocations.
  let column = 0;
  const steps = order.map((index) => {
    const { input, output, client } = operations[index]!;
    const after = model.step(state, input, output);
    if (after !== ILLEGAL) state = after;
    column = Math.max(column, bars[index]!.startColumn);
    return { bar: bars[index]!, client: String(client), stateAfter: model.describeState(state), column };
  });
  const inColumn = new Map<number, number>();
  for (const step of steps) inColumn.set(step.column, (inColumn.get(step.column) ?? 0) + 1);
  const seen = new Map<number, number>();
  return steps.map((step) => {
    const position = (seen.get(step.column) ?? 0) + 1;
    seen.set(step.column, position);
    return { ...step, fraction: position / (inColumn.get(step.column)! + 1) };
  });
}

/**
 * Where each column goes, from 0, and at last the right edge: at least `gap` between neighbours (`gapOf` may ask for
 * more), and wider wherever a bar needs `widthOf` for its label.
 */
export function columnPositions(
  { columnCount, lanes }: Diagram,
  gapOf: (column: number) => number,
  widthOf: (bar: Bar) => number,
): number[] {
  const bars = lanes.flatMap((lane) => lane.bars);
  const endOf = (bar: Bar): number => bar.endColumn ?? columnCount;
  const positions = [0];
  for (let column = 1; column <= columnCount; column += 1) {
    let position = positions[column - 1]! + gapOf(column - 1);
    for (const bar of bars) {
      if (endOf(bar) === column) position = Math.max(position, positions[bar.startColumn]! + widthOf(bar));
    }
    positions.push(position);
  }
  return positions;
}

/** Long values differ at either end as often as not, so the middle gives way. */
export function shortenMiddle(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  const head = lengthMax >> 1;
  return `${text.slice(0, head)}…${text.slice(text.length - (lengthMax - head - 1))}`;
}

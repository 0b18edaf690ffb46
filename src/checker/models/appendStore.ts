/** A key-value store with get, put and append, where a missing key reads as the empty string. */
import { type Operation, UNKNOWN, type Unknown } from '../history.ts';
import { ILLEGAL, type Illegal, type Model, type Reduction } from '../model.ts';

export type AppendInput =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'append'; readonly value: string };

/** What a get saw; the acknowledgement of a put or append carries `undefined`. */
export type AppendOutput = string | undefined;

type Operations = readonly Operation<AppendInput, AppendOutput>[];

const identity = (input: AppendInput): string => (input.kind === 'get' ? 'get' : `${input.kind} ${input.value}`);
const isReadOnly = (input: AppendInput): boolean => input.kind === 'get';

export const appendStoreModel: Model<string, AppendInput, AppendOutput> = {
  name: 'append store',
  init: () => '',
  step: (state, input, output) => {
    if (input.kind === 'put') return input.value;
    if (input.kind === 'append') return state + input.value;
    return output === UNKNOWN || output === state ? state : ILLEGAL;
  },
  key: (state) => state,
  isReadOnly,
  identity,
  describe,
  describeState: (state) => JSON.stringify(state),
  reduce,
};

function describe(input: AppendInput, output: AppendOutput | Unknown): string {
  if (input.kind === 'get') return `get → ${output === UNKNOWN ? '?' : JSON.stringify(output)}`;
  return `${input.kind} ${JSON.stringify(input.value)}${output === UNKNOWN ? ' → ?' : ''}`;
}

/**
 * Replaces strings by *positions in what was read*. A value that is no prefix of any value ever read stays so until
 * the next put, and until then no get can succeed; all such values behave alike and become one state. What is left is
 * at most one state for each prefix of a value read, however many orders the appends could have come in.
 *
 * Without puts values only grow, so every value at any time is a prefix of the longest value read or an extension of
 * it; an append that leads anywhere else can be refused on the spot.
 */
function reduce(all: Operations): Reduction<AppendInput, AppendOutput> {
  const reads = new Set<string>();
  let hasPut = false;
  for (const { input, output } of all) {
    if (input.kind === 'put') hasPut = true;
    if (input.kind === 'get' && output !== UNKNOWN && output !== undefined) reads.add(output);
  }
  const sorted = [...reads].sort(compareText);
  const longest = sorted.reduce((best, read) => (read.length > best.length ? read : best), '');
  const model = prefixModel(sorted, hasPut ? undefined : longest);
  return { model, operations: all };
}

/** A prefix of the value `sorted[read]`, or `undefined` for a value that is no prefix of any. */
type Prefix = { readonly read: number; readonly length: number } | undefined;

function prefixModel(sorted: readonly string[], longest: string | undefined): Model<Prefix, AppendInput, AppendOutput> {
  const text = (state: Prefix): string | undefined =>
    state === undefined ? undefined : sorted[state.read]!.slice(0, state.length);
  const locate = (value: string): Prefix => locatePrefix(sorted, value);
  const afterAppend = (state: Prefix, value: string): Prefix | Illegal => {
    const before = text(state);
    if (before === undefined) return undefined;
    const after = before + value;
    const next = locate(after);
    return next === undefined && longest !== undefined && !after.startsWith(longest) ? ILLEGAL : next;
  };
  return {
    name: appendStoreModel.name,
    init: () => locate(''),
    step: (state, input, output) => {
      if (input.kind === 'put') return locate(input.value);
      if (input.kind === 'append') return afterAppend(state, input.value);
      if (output === UNKNOWN) return state;
      return state !== undefined && output?.length === state.length && output === text(state) ? state : ILLEGAL;
    },
    key: (state) => (state === undefined ? 'unread' : `${state.read}:${state.length}`),
    isReadOnly,
    identity,
    describe,
    describeState: (state) => (state === undefined ? '(never read)' : JSON.stringify(text(state))),
  };
}

/** Names a prefix by the first value, in sorted order, that starts with it: equal prefixes get equal names. */
function locatePrefix(sorted: readonly string[], value: string): Prefix {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareText(sorted[middle]!, value) < 0) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.startsWith(value) ? { read: low, length: value.length } : undefined;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

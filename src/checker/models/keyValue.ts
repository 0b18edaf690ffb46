/** rkv's own store: get and put on one key. A key that was never put answers `undefined`, which clients show as `(none)`. */
import { type Operation, UNKNOWN, type Unknown } from '../history.ts';
import { ILLEGAL, type Model, type Reduction } from '../model.ts';
import { decideUniqueWrites } from './uniqueWrites.ts';

export type KeyValueInput = { readonly kind: 'get' } | { readonly kind: 'put'; readonly value: string };

/** What a get saw; a put's acknowledgement carries `undefined`. */
export type KeyValueOutput = string | undefined;

export const keyValueModel: Model<string | undefined, KeyValueInput, KeyValueOutput> = {
  name: 'key-value store',
  init: () => undefined,
  step: (state, input, output) => {
    if (input.kind === 'put') return input.value;
    return output === UNKNOWN || output === state ? state : ILLEGAL;
  },
  key: (state) => (state === undefined ? 'none' : JSON.stringify(state)),
  isReadOnly: (input) => input.kind === 'get',
  identity: (input) => (input.kind === 'get' ? 'get' : `put ${input.value}`),
  describe,
  describeState: valueText,
  reduce,
};

function valueText(value: string | undefined): string {
  return value ?? '(none)';
}

function describe(input: KeyValueInput, output: KeyValueOutput | Unknown): string {
  if (input.kind === 'get') return `get → ${output === UNKNOWN ? '?' : valueText(output)}`;
  return `put ${input.value}${output === UNKNOWN ? ' → ?' : ''}`;
}

/** An unknown put that no get saw explains nothing, so it is left out; unique values are settled without a search. */
function reduce(all: readonly Operation<KeyValueInput, KeyValueOutput>[]): Reduction<KeyValueInput, KeyValueOutput> {
  const seen = new Set<KeyValueOutput>();
  for (const { input, output } of all) if (input.kind === 'get' && output !== UNKNOWN) seen.add(output);
  const operations = all.filter(
    ({ input, output }) => output !== UNKNOWN || (input.kind === 'put' && seen.has(input.value)),
  );
  const verdict = decideUniqueWrites(
    operations.map(({ input, output, invokeAt, returnAt }) => {
      if (input.kind === 'put') return { kind: 'write', value: input.value, invokeAt, returnAt };
      return { kind: 'read', value: output as KeyValueOutput, invokeAt, returnAt };
    }),
  );
  return verdict === undefined ? { model: keyValueModel, operations } : { verdict };
}

/** A single register with read, write and compare-and-set, unset at first. Jepsen's etcd histories are of this kind. */
import { type Operation, UNKNOWN, type Unknown } from '../history.ts';
import { ILLEGAL, type Illegal, type Model, type Reduction } from '../model.ts';
import { type Access, decideUniqueWrites } from './uniqueWrites.ts';

type Value = string | number;

export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: Value }
  | { readonly kind: 'cas'; readonly expected: Value; readonly value: Value };

/** A read answers what it saw (`null`: unset), a write nothing, a compare-and-set whether it found what it expected. */
export type RegisterOutput =
  | { readonly kind: 'read'; readonly value: Value | null }
  | { readonly kind: 'write' }
  | { readonly kind: 'cas'; readonly swapped: boolean };

type Operations = readonly Operation<RegisterInput, RegisterOutput>[];

export const registerModel: Model<Value | null, RegisterInput, RegisterOutput> = {
  name: 'register',
  init: () => null,
  step,
  key: valueKey,
  isReadOnly: (input, output) =>
    input.kind === 'read' || (output !== UNKNOWN && output.kind === 'cas' && !output.swapped),
  identity: (input) => {
    if (input.kind === 'read') return 'read';
    if (input.kind === 'write') return `write ${valueKey(input.value)}`;
    return JSON.stringify(['cas', input.expected, input.value]);
  },
  describe,
  describeState: valueText,
  reduce,
};

/** Keeps 1 and '1' apart, and both from unset. */
function valueKey(value: Value | null): string {
  return value === null ? 'unset' : JSON.stringify(value);
}

function valueText(value: Value | null): string {
  return value === null ? 'nil' : String(value);
}

function step(state: Value | null, input: RegisterInput, output: RegisterOutput | Unknown): Value | null | Illegal {
  if (input.kind === 'read') {
    return output === UNKNOWN || (output.kind === 'read' && output.value === state) ? state : ILLEGAL;
  }
  if (input.kind === 'write') return output === UNKNOWN || output.kind === 'write' ? input.value : ILLEGAL;
  const matches = state === input.expected;
  if (output !== UNKNOWN && (output.kind !== 'cas' || output.swapped !== matches)) return ILLEGAL;
  return matches ? input.value : state;
}

function describe(input: RegisterInput, output: RegisterOutput | Unknown): string {
  if (input.kind === 'read') {
    return `read → ${output !== UNKNOWN && output.kind === 'read' ? valueText(output.value) : '?'}`;
  }
  if (input.kind === 'write') return `write ${input.value}${output === UNKNOWN ? ' → ?' : ''}`;
  const call = `cas ${input.expected} → ${input.value}`;
  if (output === UNKNOWN) return `${call}: ?`;
  return `${call}: ${output.kind === 'cas' && output.swapped ? 'done' : 'refused'}`;
}

function reduce(all: Operations): Reduction<RegisterInput, RegisterOutput> {
  const { seen, hasRefusal } = observations(all);
  const operations = all.filter(({ input, output }) => {
    return output !== UNKNOWN || (input.kind !== 'read' && (hasRefusal || seen.has(input.value)));
  });
  const verdict = decideWithoutCas(operations);
  if (verdict !== undefined) return { verdict };
  return { model: registerModel, operations: mergeUnseenValues(operations, seen) };
}

/**
 * What clients saw or expected to see, and whether a compare-and-set was refused.
 *
 * An unknown operation whose new value is not among those can be left out: if it takes effect in some linearization,
 * nothing between it and the next change can depend on its value, so the linearization stands without it. But it has
 * to stay where there was a refusal, which may be explained by *any* value other than the expected one.
 */
function observations(operations: Operations): {
  readonly seen: ReadonlySet<Value | null>;
  readonly hasRefusal: boolean;
} {
  const seen = new Set<Value | null>();
  let hasRefusal = false;
  for (const { input, output } of operations) {
    if (input.kind === 'cas') {
      seen.add(input.expected);
      hasRefusal ||= output !== UNKNOWN && output.kind === 'cas' && !output.swapped;
    } else if (output !== UNKNOWN && output.kind === 'read') seen.add(output.value);
  }
  return { seen, hasRefusal };
}

function decideWithoutCas(operations: Operations): 'ok' | 'illegal' | undefined {
  const accesses: Access[] = [];
  for (const { input, output, invokeAt, returnAt } of operations) {
    if (input.kind === 'cas') return undefined;
    if (input.kind === 'write') accesses.push({ kind: 'write', value: input.value, invokeAt, returnAt });
    else if (output !== UNKNOWN && output.kind === 'read') {
      accesses.push({ kind: 'read', value: output.value ?? undefined, invokeAt, returnAt });
    }
  }
  return decideUniqueWrites(accesses);
}

/** Values that nobody saw or expected cannot be told apart, so they become one: fewer states, and fewer kinds of write. */
function mergeUnseenValues(operations: Operations, seen: ReadonlySet<Value | null>): Operations {
  let unseen = 'unseen';
  while (seen.has(unseen)) unseen += "'";
  return operations.map((operation) => {
    const { input } = operation;
    if (input.kind === 'read' || seen.has(input.value)) return operation;
    return { ...operation, input: { ...input, value: unseen } };
  });
}

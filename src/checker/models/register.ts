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
  const operations = dropUnseenEffects(all);
  const accesses: Access[] = [];
  for (const { input, output, invokeAt, returnAt } of operations) {
    if (input.kind === 'cas') return { model: registerModel, operations };
    if (input.kind === 'write') accesses.push({ kind: 'write', value: input.value, invokeAt, returnAt });
    else if (output !== UNKNOWN && output.kind === 'read') {
      accesses.push({ kind: 'read', value: output.value ?? undefined, invokeAt, returnAt });
    }
  }
  const verdict = decideUniqueWrites(accesses);
  return verdict === undefined ? { model: registerModel, operations } : { verdict };
}

/**
 * Leaves out unknown operations whose new value nobody ever saw. If such an operation takes effect in some
 * linearization, nothing between it and the next change can depend on its value, so the linearization stands without
 * it. That fails only where a compare-and-set was refused, which may be explained by *any* unexpected value.
 */
function dropUnseenEffects(operations: Operations): Operations {
  const seen = new Set<Value | null>();
  for (const { input, output } of operations) {
    if (input.kind === 'cas') {
      if (output !== UNKNOWN && output.kind === 'cas' && !output.swapped) return operations;
      seen.add(input.expected);
    } else if (output !== UNKNOWN && output.kind === 'read') seen.add(output.value);
  }
  return operations.filter(({ input, output }) => {
    return output !== UNKNOWN || (input.kind !== 'read' && seen.has(input.value));
  });
}

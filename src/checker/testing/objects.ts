/** What generated clients ask for, and what a correct object answers. */
import type { AppendInput, AppendOutput } from '../models/appendStore.ts';
import type { KeyValueInput, KeyValueOutput } from '../models/keyValue.ts';
import type { RegisterInput, RegisterOutput } from '../models/register.ts';
import type { GeneratorSettings, SeededRandom } from './generate.ts';

type Sizes = 'seed' | 'clientCount' | 'operationCount' | 'keyCount' | 'unknownPerMille';
type Behaviour<State, Input, Output> = Omit<GeneratorSettings<State, Input, Output>, Sizes>;

/** Reads, writes and compare-and-sets in equal parts, on values below `valueCount`. */
export function registerObject(valueCount: number): Behaviour<number | null, RegisterInput, RegisterOutput> {
  return {
    init: () => null,
    input: (random) => {
      const kind = random.below(3);
      if (kind === 0) return { kind: 'read' };
      if (kind === 1) return { kind: 'write', value: random.below(valueCount) };
      return { kind: 'cas', expected: random.below(valueCount), value: random.below(valueCount) };
    },
    apply: (state, input) => {
      if (input.kind === 'read') return { state, output: { kind: 'read', value: state } };
      if (input.kind === 'write') return { state: Number(input.value), output: { kind: 'write' } };
      const swapped = state === input.expected;
      return { state: swapped ? Number(input.value) : state, output: { kind: 'cas', swapped } };
    },
  };
}

/** Half gets, half puts; with `valueCount` undefined no value is put twice. */
export function keyValueObject(
  valueCount: number | undefined,
): Behaviour<string | undefined, KeyValueInput, KeyValueOutput> {
  const pick = (random: SeededRandom, serial: number): string =>
    String(valueCount === undefined ? serial : random.below(valueCount));
  return {
    init: () => undefined,
    input: (random, serial) => (random.below(2) === 0 ? { kind: 'get' } : { kind: 'put', value: pick(random, serial) }),
    apply: (state, input) =>
      input.kind === 'get' ? { state, output: state } : { state: input.value, output: undefined },
  };
}

/** Gets, appends and, `putPerMille` times in a thousand, puts; every value put or appended is different. */
export function appendObject(putPerMille: number): Behaviour<string, AppendInput, AppendOutput> {
  return {
    init: () => '',
    input: (random, serial) => {
      if (random.below(1000) < putPerMille) return { kind: 'put', value: `p${serial};` };
      return random.below(2) === 0 ? { kind: 'get' } : { kind: 'append', value: `a${serial};` };
    },
    apply: (state, input) => {
      if (input.kind === 'get') return { state, output: state };
      return { state: input.kind === 'put' ? input.value : state + input.value, output: undefined };
    },
  };
}

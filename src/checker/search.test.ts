/** The search, and every shortcut around it, against the definition of linearizability on small random histories. */
import { describe, expect, it } from 'vitest';
import { Budget } from './budget.ts';
import { decide } from './check.ts';
import { type Operation, UNKNOWN } from './history.ts';
import { ILLEGAL, type Model } from './model.ts';
import { type AppendInput, type AppendOutput, appendStoreModel } from './models/appendStore.ts';
import { type KeyValueInput, type KeyValueOutput, keyValueModel } from './models/keyValue.ts';
import { type RegisterInput, type RegisterOutput, registerModel } from './models/register.ts';
import { search } from './search.ts';
import { isLinearizableByDefinition } from './testing/bruteForce.ts';
import { generateHistory, SeededRandom } from './testing/generate.ts';
import { appendObject, registerObject } from './testing/objects.ts';

const ROUNDS = 2_500;

type Draw<Input, Output> = (random: SeededRandom) => { readonly input: Input; readonly output: Output };

/** Up to seven operations with random overlaps, answers and ties in time; about half are linearizable. */
function randomHistory<Input, Output>(random: SeededRandom, draw: Draw<Input, Output>): Operation<Input, Output>[] {
  return Array.from({ length: 1 + random.below(7) }, (_, client) => {
    const invokeAt = random.below(12);
    const { input, output } = draw(random);
    const common = { client, key: 'k', input, invokeAt };
    if (random.below(4) === 0) return { ...common, output: UNKNOWN, returnAt: Infinity };
    return { ...common, output, returnAt: invokeAt + random.below(6) };
  });
}

const drawRegister: Draw<RegisterInput, RegisterOutput> = (random) => {
  const [value, expected] = [random.below(3), random.below(3)];
  const kind = random.below(3);
  if (kind === 0) return { input: { kind: 'write', value }, output: { kind: 'write' } };
  if (kind === 1) return { input: { kind: 'read' }, output: { kind: 'read', value: value === 0 ? null : value } };
  return { input: { kind: 'cas', expected, value }, output: { kind: 'cas', swapped: random.below(2) === 0 } };
};

const drawUniqueWrites = (): Draw<KeyValueInput, KeyValueOutput> => {
  let written = 0;
  return (random) => {
    if (random.below(2) === 0) return { input: { kind: 'get' }, output: [undefined, '1', '2', '3'][random.below(4)] };
    written += 1;
    return { input: { kind: 'put', value: String(written) }, output: undefined };
  };
};

const drawKeyValue: Draw<KeyValueInput, KeyValueOutput> = (random) => {
  if (random.below(2) === 0) return { input: { kind: 'get' }, output: [undefined, 'a', 'b'][random.below(3)] };
  return { input: { kind: 'put', value: ['a', 'b'][random.below(2)]! }, output: undefined };
};

const drawAppend =
  (hasPuts: boolean): Draw<AppendInput, AppendOutput> =>
  (random) => {
    const value = ['a', 'b', 'ab', ''][random.below(4)]!;
    const kind = random.below(hasPuts ? 5 : 4);
    if (kind < 2) return { input: { kind: 'append', value }, output: undefined };
    if (kind < 4) return { input: { kind: 'get' }, output: ['', 'a', 'b', 'ab', 'ba', 'aab', 'abb'][random.below(7)] };
    return { input: { kind: 'put', value }, output: undefined };
  };

/** Replays an order found: every step legal, nothing before what precedes it, everything answered included. */
function assertProof<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  order: readonly number[],
): void {
  let state = model.init();
  let latestInvoke = -Infinity;
  order.forEach((index, position) => {
    const operation = operations[index]!;
    latestInvoke = Math.max(latestInvoke, operation.invokeAt);
    if (operation.returnAt < latestInvoke) throw new Error(`step ${position} comes after an operation it precedes`);
    const after = model.step(state, operation.input, operation.output);
    if (after === ILLEGAL) throw new Error(`step ${position} is not legal`);
    state = after;
  });
  expect(new Set(order).size).toBe(order.length);
  const answered = [...operations.keys()].filter((index) => operations[index]!.output !== UNKNOWN);
  expect(answered.every((index) => order.includes(index))).toBe(true);
}

function compareWithDefinition<State, Input, Output>(
  model: Model<State, Input, Output>,
  seed: number,
  drawOf: () => Draw<Input, Output>,
): void {
  const random = new SeededRandom(seed);
  const count = { ok: 0, illegal: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const operations = randomHistory(random, drawOf());
    const expected = isLinearizableByDefinition(model, operations) ? 'ok' : 'illegal';
    count[expected] += 1;
    const context = `round ${round}: ${operations.map((each) => JSON.stringify({ ...each, unknown: each.output === UNKNOWN })).join('\n')}`;
    const found = search(model, operations);
    expect(found.verdict, context).toBe(expected);
    expect(decide(model, operations, new Budget()).verdict, context).toBe(expected);
    if (expected === 'ok') assertProof(model, operations, found.order);
  }
  expect(Math.min(count.ok, count.illegal)).toBeGreaterThan(ROUNDS / 20);
}

describe('verdicts equal the definition', () => {
  it('on registers', () => compareWithDefinition(registerModel, 1, () => drawRegister));
  it('on a key with values put once', () => compareWithDefinition(keyValueModel, 2, drawUniqueWrites));
  it('on a key with values put again', () => compareWithDefinition(keyValueModel, 3, () => drawKeyValue));
  it('on a key with appends', () => compareWithDefinition(appendStoreModel, 4, () => drawAppend(false)));
  it('on a key with appends and puts', () => compareWithDefinition(appendStoreModel, 5, () => drawAppend(true)));
});

describe('larger histories that are linearizable by construction', () => {
  it('are found so, with an order that proves it', () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const sizes = { seed, clientCount: 8, operationCount: 150, keyCount: 1, unknownPerMille: 60 };
      const register = generateHistory({ ...sizes, ...registerObject(4) });
      const found = search(registerModel, register);
      expect(found.verdict).toBe('ok');
      assertProof(registerModel, register, found.order);
      const appends = generateHistory({ ...sizes, ...appendObject(20) });
      expect(decide(appendStoreModel, appends, new Budget()).verdict).toBe('ok');
    }
  });

  it('take few steps with 50 clients on ten keys', () => {
    const sizes = { seed: 1, clientCount: 50, operationCount: 500, keyCount: 1, unknownPerMille: 0 };
    const appends = generateHistory({ ...sizes, clientCount: 5, ...appendObject(0) });
    expect(decide(appendStoreModel, appends, new Budget({ stepsMax: 5_000 })).verdict).toBe('ok');
    const crowded = generateHistory({ ...sizes, ...appendObject(0) });
    expect(decide(appendStoreModel, crowded, new Budget({ stepsMax: 500_000 })).verdict).toBe('ok');
  });
});

describe('the longest order', () => {
  it('is reported when there is no complete one', () => {
    const at = (input: KeyValueInput, output: KeyValueOutput, invokeAt: number) => {
      return { client: 0, key: 'k', input, output, invokeAt, returnAt: invokeAt + 1 };
    };
    const operations = [
      at({ kind: 'put', value: 'a' }, undefined, 0),
      at({ kind: 'get' }, 'a', 2),
      at({ kind: 'get' }, undefined, 4),
      at({ kind: 'get' }, 'a', 6),
    ];
    expect(search(keyValueModel, operations)).toEqual({ verdict: 'illegal', order: [0, 1] });
  });
});

import { describe, expect, it } from 'vitest';
import { checkHistory } from './check.ts';
import { HistoryError, type Operation, UNKNOWN } from './history.ts';
import { type KeyValueInput, type KeyValueOutput, keyValueModel } from './models/keyValue.ts';
import { type RegisterInput, type RegisterOutput, registerModel } from './models/register.ts';
import { generateHistory } from './testing/generate.ts';
import { keyValueObject, registerObject } from './testing/objects.ts';

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

/** `time` is [invoke, return]; without a return the outcome is unknown. */
type Time = readonly [number, number?];

function operation(input: RegisterInput, answer: RegisterOutput, [invokeAt, returnAt]: Time): RegisterOperation {
  if (returnAt === undefined) return { client: 0, key: 'r', input, output: UNKNOWN, invokeAt, returnAt: Infinity };
  return { client: 0, key: 'r', input, output: answer, invokeAt, returnAt };
}
const write = (value: number, ...time: Time): RegisterOperation =>
  operation({ kind: 'write', value }, { kind: 'write' }, time);
const read = (value: number | null, ...time: Time): RegisterOperation =>
  operation({ kind: 'read' }, { kind: 'read', value }, time);
const cas = (expected: number, value: number, swapped: boolean, ...time: Time): RegisterOperation =>
  operation({ kind: 'cas', expected, value }, { kind: 'cas', swapped }, time);

describe('histories of a register', () => {
  const cases: [string, 'ok' | 'illegal', RegisterOperation[]][] = [
    ['nothing at all', 'ok', []],
    ['a read of the unset register', 'ok', [read(null, 0, 1)]],
    ['a read of a value never written', 'illegal', [read(1, 0, 1)]],
    ['a read after the write it saw', 'ok', [write(1, 0, 1), read(1, 2, 3)]],
    ['a read that returns before the write it saw is invoked', 'illegal', [read(1, 0, 1), write(1, 2, 3)]],
    ['a read of the unset register after a write', 'illegal', [write(1, 0, 1), read(null, 2, 3)]],
    ['a stale read', 'illegal', [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)]],
    [
      'an old value during the write that replaces it',
      'ok',
      [write(1, 0, 1), write(2, 2, 9), read(1, 3, 4), read(2, 5, 6)],
    ],
    [
      'the new value, then the old one, during a write',
      'illegal',
      [write(1, 0, 1), write(2, 2, 9), read(2, 3, 4), read(1, 5, 6)],
    ],
    [
      'two readers who see two concurrent writes the other way round',
      'illegal',
      [write(1, 0, 1), write(2, 0, 1), read(1, 2, 3), read(2, 4, 5), read(1, 6, 7)],
    ],
    ['a lost update', 'illegal', [write(0, 0, 1), cas(0, 1, true, 2, 5), cas(0, 2, true, 2, 5)]],
    [
      'a compare-and-set that loses against another',
      'ok',
      [write(0, 0, 1), cas(0, 1, true, 2, 5), cas(0, 2, false, 2, 5)],
    ],
    ['a refusal that nothing explains', 'illegal', [write(0, 0, 1), cas(0, 2, false, 2, 5)]],
    ['an unknown write that takes effect late', 'ok', [write(2, 0), write(1, 1, 2), read(1, 3, 4), read(2, 5, 6)]],
    ['an unknown write that never takes effect', 'ok', [write(1, 0, 1), write(2, 2), read(1, 3, 4), read(1, 8, 9)]],
    ['an unknown write seen before it was invoked', 'illegal', [read(2, 0, 1), write(2, 2)]],
    [
      'an unknown write that is seen, overwritten and seen again',
      'illegal',
      [write(2, 0), read(2, 1, 2), write(1, 3, 4), read(2, 5, 6)],
    ],
    [
      'two unknown writes of one value, seen twice',
      'ok',
      [write(2, 0), write(2, 0), read(2, 1, 2), write(1, 3, 4), read(2, 5, 6)],
    ],
    ['an unknown write that only a refusal noticed', 'ok', [write(1, 0, 1), write(2, 2), cas(1, 3, false, 4, 5)]],
    ['an unknown compare-and-set that did happen', 'ok', [write(1, 0, 1), cas(1, 2, true, 2), read(2, 3, 4)]],
    ['a chain of unknown operations', 'ok', [write(1, 0), cas(1, 2, true, 0), cas(2, 3, true, 0), read(3, 1, 2)]],
    ['operations that only touch are concurrent', 'ok', [write(1, 0, 1), read(null, 1, 2)]],
  ];
  it.each(cases)('%s: %s', (_, verdict, operations) => {
    expect(checkHistory(registerModel, operations).verdict).toBe(verdict);
  });

  it('keeps 1, "1" and unset apart', () => {
    const written: RegisterOperation = { ...write(1, 0, 1), input: { kind: 'write', value: '1' } };
    expect(checkHistory(registerModel, [written, read(1, 2, 3)]).verdict).toBe('illegal');
  });
});

describe('a history of several keys', () => {
  const on = (key: string, operations: RegisterOperation[]): RegisterOperation[] =>
    operations.map((each) => ({ ...each, key }));

  it('is judged key by key, and names those that fail', () => {
    const operations = [
      ...on('fine', [write(1, 0, 1), read(1, 2, 3)]),
      ...on('stale', [write(1, 0, 1), read(null, 2, 3)]),
      ...on('also stale', [write(1, 0, 1), read(null, 2, 3)]),
    ];
    const report = checkHistory(registerModel, operations);
    expect(report).toMatchObject({ verdict: 'illegal', operationCount: 6, keyCount: 3, undecided: [] });
    expect(report.illegal.map(({ key }) => key)).toEqual(['stale', 'also stale']);
    expect(report.illegal[0]!.operations).toEqual(operations.slice(2, 4));
  });

  it('refuses an interval that makes no sense', () => {
    expect(() => checkHistory(registerModel, [write(1, 2, 1)])).toThrow(HistoryError);
  });
});

describe('the limits', () => {
  const hard = generateHistory({
    ...{ seed: 3, clientCount: 12, operationCount: 400, keyCount: 1, unknownPerMille: 50 },
    ...registerObject(3),
  });

  it('turn into "unknown", naming the key and what ran out, never into a guess', () => {
    const noSteps = checkHistory(registerModel, hard, { stepsMax: 5 });
    expect(noSteps).toMatchObject({ verdict: 'unknown', undecided: [{ key: 'key0', exhausted: 'steps' }] });
    const noRoom = checkHistory(registerModel, hard, { memoryBytesMax: 200 });
    expect(noRoom).toMatchObject({ verdict: 'unknown', undecided: [{ key: 'key0', exhausted: 'memory' }] });
    expect(checkHistory(registerModel, hard).verdict).toBe('ok');
  });

  it('ask the clock they are given, and no other', () => {
    let reads = 0;
    const now = (): number => {
      reads += 1;
      return reads;
    };
    const late = checkHistory(registerModel, hard, { now, deadline: 1 });
    expect(late).toMatchObject({ verdict: 'unknown', undecided: [{ exhausted: 'deadline' }] });
    expect(reads).toBe(1);
  });

  it('do not hide a key that is certainly wrong', () => {
    const operations = [...hard, read(99, 0, 1)];
    const report = checkHistory(registerModel, operations, { stepsMax: 5 });
    expect(report).toMatchObject({ verdict: 'illegal', illegal: [{ key: 'r' }], undecided: [{ key: 'key0' }] });
  });
});

describe('100 000 operations on 1 000 keys', () => {
  const sizes = { seed: 1, clientCount: 50, operationCount: 100_000, keyCount: 1_000, unknownPerMille: 20 };
  type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;

  it('take no search where every value is different', () => {
    const history = generateHistory({ ...sizes, ...keyValueObject(undefined) });
    expect(checkHistory(keyValueModel, history, { stepsMax: 0 }).verdict).toBe('ok');
    const last = history.findLastIndex(({ input, output }) => input.kind === 'get' && typeof output === 'string');
    const stale = history.map((each, index): KeyValueOperation => {
      return index === last ? { ...each, output: undefined } : each;
    });
    const report = checkHistory(keyValueModel, stale, { stepsMax: 0 });
    expect(report.illegal.map(({ key }) => key)).toEqual([history[last]!.key]);
  });

  it('take a few steps for each operation where values repeat', () => {
    const history = generateHistory({ ...sizes, ...keyValueObject(10) });
    expect(checkHistory(keyValueModel, history, { stepsMax: 10 * history.length }).verdict).toBe('ok');
  });
});

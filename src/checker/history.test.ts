import { describe, expect, it } from 'vitest';
import {
  assertWellFormed,
  HistoryError,
  type HistoryEvent,
  HistoryRecorder,
  type Operation,
  operationsFromEvents,
  UNKNOWN,
} from './history.ts';

describe('a history recorder', () => {
  it('turns events into operations by invocation, timed by their position', () => {
    const recorder = new HistoryRecorder<string, number>();
    const a = recorder.invoke('alice', 'k', 'read', 100);
    const b = recorder.invoke('bob', 'k', 'write', 100);
    recorder.ok(b, 7, 100);
    recorder.ok(a, 8, 105);
    const operations = recorder.operations();
    expect(operations).toEqual([
      {
        client: 'alice',
        key: 'k',
        input: 'read',
        output: 8,
        invokeAt: 0,
        returnAt: 3,
        recorded: { invokeTime: 100, returnTime: 105 },
      },
      {
        client: 'bob',
        key: 'k',
        input: 'write',
        output: 7,
        invokeAt: 1,
        returnAt: 2,
        recorded: { invokeTime: 100, returnTime: 100 },
      },
    ]);
  });

  it('drops what failed, and leaves open what is unknown or still in flight', () => {
    const recorder = new HistoryRecorder<string, number>();
    recorder.fail(recorder.invoke(1, 'k', 'failed', 0), 1);
    recorder.unknown(recorder.invoke(1, 'k', 'unknown', 2), 3);
    recorder.invoke(1, 'k', 'in flight', 4);
    const operations = recorder.operations();
    expect(operations.map(({ input }) => input)).toEqual(['unknown', 'in flight']);
    expect(operations.every(({ output, returnAt }) => output === UNKNOWN && returnAt === Infinity)).toBe(true);
  });

  it('lets one client have several operations in flight', () => {
    const recorder = new HistoryRecorder<string, number>();
    const first = recorder.invoke(1, 'k', 'a', 0);
    const second = recorder.invoke(1, 'k', 'b', 0);
    recorder.ok(second, 2, 0);
    recorder.ok(first, 1, 0);
    expect(recorder.operations().map(({ output }) => output)).toEqual([1, 2]);
  });
});

describe('an impossible sequence of events', () => {
  const invoke = { type: 'invoke', id: 1, client: 0, key: 'k', input: 'x', time: 0 } as const;
  const cases: [string, HistoryEvent<string, number>[], string][] = [
    [
      'an outcome without an invocation',
      [{ type: 'unknown', id: 1, time: 0 }],
      'event 0: unknown for operation 1, which was never invoked',
    ],
    ['a second invocation', [invoke, invoke], 'event 1: operation 1 was invoked before'],
    [
      'a second outcome',
      [invoke, { type: 'unknown', id: 1, time: 0 }, { type: 'ok', id: 1, output: 1, time: 0 }],
      'event 2: ok for operation 1, which already has an outcome',
    ],
    [
      'an outcome after a failure',
      [invoke, { type: 'fail', id: 1, time: 0 }, { type: 'ok', id: 1, output: 1, time: 0 }],
      'event 2: ok for operation 1, which already has an outcome',
    ],
  ];
  it.each(cases)('%s is refused', (_, events, message) => {
    expect(() => operationsFromEvents(events)).toThrow(new HistoryError(message));
  });
});

describe('an interval that makes no sense', () => {
  const operation = { client: 0, key: 'k', input: 'x', output: 1, invokeAt: 5, returnAt: 6 };
  it.each<[string, Operation<string, number>]>([
    ['returns before it is invoked', { ...operation, returnAt: 4 }],
    ['has no number for a time', { ...operation, invokeAt: Number.NaN }],
    ['has an answer but never returned', { ...operation, returnAt: Infinity }],
    ['has a return but no answer', { ...operation, output: UNKNOWN }],
  ])('%s is refused', (_, bad) => {
    expect(() => assertWellFormed([operation, bad])).toThrow(HistoryError);
    expect(() => assertWellFormed([operation, bad])).toThrow('operation 1 (client 0, key "k")');
  });
});

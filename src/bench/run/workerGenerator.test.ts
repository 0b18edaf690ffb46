import { describe, expect, it } from 'vitest';
import { latencyHistogram, type SecondRow } from '../../client/load/latencyRecorder.ts';
import { valuesOnly } from '../testing/valuesOnly.ts';
import { encoded } from './loadWorkerMessages.ts';
import { clientsOfPart, commonSpans, MergedSeconds } from './workerGenerator.ts';
import { WriteAudit } from './writeAudit.ts';
import { MergedChecks } from './writeChecks.ts';

function second(at: number, latenciesUs: readonly number[]): [SecondRow, string] {
  const histogram = latencyHistogram();
  for (const us of latenciesUs) histogram.recordValue(us);
  const none = { latencyUsP50: 0, latencyUsP99: 0, latencyUsMax: 0 };
  return [{ second: at, reads: 0, writes: latenciesUs.length, failed: 1, dropped: 0, ...none }, encoded(histogram)];
}

describe('parts of a load', () => {
  it('have all clients between them, and so the whole of the rate', () => {
    for (const [clients, parts] of [
      [200, 3],
      [5, 5],
      [7, 2],
    ] as const) {
      const each = Array.from({ length: parts }, (_, part) => clientsOfPart(clients, part, parts));
      expect(each.reduce((sum, count) => sum + count, 0)).toBe(clients);
      expect(Math.max(...each) - Math.min(...each)).toBeLessThan(2);
    }
  });

  it('have seconds that are told once all have had them, with percentiles of all requests', () => {
    const told: SecondRow[] = [];
    const seconds = new MergedSeconds(2, (row) => told.push(row));
    seconds.add(...second(0, [100, 100, 100]));
    expect(told).toEqual([]);
    seconds.add(...second(0, [5000]));
    const first = { second: 0, reads: 0, writes: 4, failed: 2, dropped: 0, latencyUsP50: 100, latencyUsMax: 5003 };
    expect(told).toEqual([{ ...first, latencyUsP99: 5003 }]);
    // Only one had requests in the third, and none in the second.
    seconds.add(...second(2, [7]));
    expect(seconds.finish().map(({ writes, latencyUsP50 }) => [writes, latencyUsP50])).toEqual([
      [4, 100],
      [0, 0],
      [1, 7],
    ]);
  });

  it('stall together where all of them do', () => {
    const span = (fromMs: number, untilMs: number) => ({ fromMs, untilMs });
    expect(commonSpans([[span(0, 10), span(20, 40)], [span(5, 30)], [span(8, 25)]])).toEqual([
      span(8, 10),
      span(20, 25),
    ]);
    expect(commonSpans([[span(0, 10)], []])).toEqual([]);
  });
});

describe('writes of several processes', () => {
  const payloadBytes = 20;
  /** Two that share a clock. */
  const pair = () => {
    let now = 0;
    return ['processA', 'processB'].map((mark) => {
      const audit = new WriteAudit(valuesOnly(payloadBytes), { mark, keyspace: 10, payloadBytes, clock: () => ++now });
      return {
        audit,
        begin: (slot: number, key: number) => {
          audit.issued(slot, false, key);
          return new TextDecoder().decode(audit.workload.nextValue(slot));
        },
        acknowledge: (slot: number) => audit.completed(false, 0, 0, slot),
      };
    }) as [One, One];
  };
  interface One {
    audit: WriteAudit;
    begin: (slot: number, key: number) => string;
    acknowledge: (slot: number) => void;
  }
  const judge = (parts: readonly One[], key: number, value: string | undefined) =>
    new MergedChecks(parts.map(({ audit }) => audit.writes)).judge(key, value);

  it('are judged together: what a later one of another process replaced is stale', () => {
    const [a, b] = pair();
    const first = a.begin(0, 1);
    a.acknowledge(0);
    const second = b.begin(0, 1);
    expect([judge([a, b], 1, first), judge([a, b], 1, second)]).toEqual(['good', 'good']);
    b.acknowledge(0);
    expect([judge([a, b], 1, first), judge([a, b], 1, second)]).toEqual(['stale', 'good']);
    expect(judge([a, b], 1, undefined)).toBe('lost');
    expect(judge([a, b], 1, second.replace('processB', 'processC'))).toBe('foreign');
    // One that was dropped for a later one of its own process is as stale.
    const third = a.begin(0, 1);
    a.acknowledge(0);
    a.audit.compact();
    expect([judge([a, b], 1, first), judge([a, b], 1, second), judge([a, b], 1, third)]).toEqual([
      'stale',
      'stale',
      'good',
    ]);
    const checks = new MergedChecks([a.audit.writes, b.audit.writes]);
    expect([checks.acknowledged, checks.keysToRead()]).toEqual([3, [1]]);
  });

  it('at the same time may be either', () => {
    const [a, b] = pair();
    const [one, other] = [a.begin(0, 1), b.begin(0, 1)];
    a.acknowledge(0);
    b.acknowledge(0);
    expect([judge([a, b], 1, one), judge([a, b], 1, other)]).toEqual(['good', 'good']);
  });
});

import { describe, expect, it } from 'vitest';
import type { RunRecord } from '../results/schema.ts';
import { sampleRecovery, sampleRepeat, sampleRun, seriesOf } from '../testing/sampleRun.ts';
import { CONDITIONS, obstaclesBetween } from './comparability.ts';
import { compareRuns, verdictOf } from './comparison.ts';
import { sharedMetrics } from './metrics.ts';
import { isPrecise, precisionOf } from './precision.ts';
import { crossingsOf, parseThreshold, runCrossings, ThresholdError } from './threshold.ts';

const none = new Set<never>();
const figure = (comparisons: ReturnType<typeof compareRuns>, name: string, at = 0) =>
  comparisons.each[at]!.metrics.find(({ metric }) => metric.name === name);

describe('compareRuns', () => {
  it('calls what is shown by pairs, though the rounds drift by half', () => {
    const [base, slow, fast] = seriesOf([1, 0.9, 1.1], 8);
    const comparisons = compareRuns([base!, slow!, fast!]);
    expect(figure(comparisons, 'throughput')).toMatchObject({ verdict: 'slower', ratio: expect.closeTo(0.9, 1) });
    expect(figure(comparisons, 'throughput', 1)).toMatchObject({ verdict: 'faster' });
    // Times go the other way.
    expect(figure(comparisons, 'insert-p50')).toMatchObject({ verdict: 'slower' });
    expect(figure(comparisons, 'insert-p50')!.ratio).toBeGreaterThan(1);
    expect(comparisons.each.map(({ pairs }) => pairs)).toEqual([8, 8]);
  });

  it('leaves undecided what runs that were made apart do not show', () => {
    const [base, slow] = seriesOf([1, 0.9], 8);
    const comparisons = compareRuns([base!, { ...slow!, series: { id: 'another' } }]);
    expect(comparisons.each[0]!.pairs).toBeUndefined();
    expect(figure(comparisons, 'throughput')!.verdict).toBe('undecided');
  });

  it('pairs by round, not by place: a round that one side lacks is left out, as is one that was cut short', () => {
    const [base, other] = seriesOf([1, 1], 8);
    const repeats = other!.repeats
      .filter(({ round }) => round !== 3)
      .map((each) => (each.round === 7 ? { ...each, interrupted: true, writesPerSecond: 1 } : each));
    const [compared] = compareRuns([base!, { ...other!, repeats }]).each;
    expect(compared!.pairs).toBe(6);
    expect(compared!.metrics[0]!.ratio).toBeCloseTo(1, 1);
  });

  it('has wider intervals the more there are', () => {
    const runs = seriesOf([1, 1, 1, 1], 6);
    const width = (count: number) => figure(compareRuns(runs.slice(0, count)), 'throughput')!.interval!;
    expect(width(4).high - width(4).low).toBeGreaterThan(1.2 * (width(2).high - width(2).low));
  });

  it('lets stand only what a generator that held a side back could not have made', () => {
    const [base, slow, same] = seriesOf([1, 0.9, 1], 12);
    const limited = (run: RunRecord) => ({
      ...run,
      repeats: run.repeats.map((each) => ({ ...each, generator: { ...each.generator!, limitedBy: ['cpu' as const] } })),
    });
    const verdict = (...runs: RunRecord[]) => figure(compareRuns(runs), 'throughput')!.verdict;
    expect(verdict(base!, slow!)).toBe('slower');
    expect(verdict(limited(base!), slow!)).toBe('slower');
    expect(verdict(base!, limited(slow!))).toBe('undecided');
    expect(verdict(slow!, limited(base!))).toBe('faster');
    expect(verdict(limited(slow!), base!)).toBe('undecided');
    expect(verdict(limited(base!), limited(slow!))).toBe('undecided');
    expect(verdict(base!, same!)).toBe('no-difference');
    expect(verdict(base!, limited(same!))).toBe('undecided');
    expect(compareRuns([base!, limited(same!)]).each[0]!.limits).toEqual({
      baseline: undefined,
      candidate: expect.stringMatching(/^limited by the generator in 12 of 12 rounds: it was busy for 24 %/),
    });
  });

  it('has no verdict on single runs, and no figure that only one has', () => {
    const one = sampleRun('one', [800, 900]);
    const [compared] = compareRuns([one, sampleRun('two', [800, 900])]).each;
    expect(compared!.metrics.map(({ metric, interval, verdict }) => [metric.name, interval, verdict])).toEqual([
      ['throughput', undefined, 'undecided'],
    ]);
    expect(compareRuns([one, sampleRun('none', [])]).each[0]!.metrics).toEqual([]);
    expect(compareRuns([]).each).toEqual([]);
  });

  it.each([
    [1.01, 1.2, 'faster'],
    [0.8, 0.99, 'slower'],
    [0.985, 1.015, 'no-difference'],
    [0.97, 1.01, 'undecided'],
    [0.99, 1.03, 'undecided'],
  ] as const)('calls a rate of %f to %f %s', (low, high, verdict) => {
    expect(verdictOf({ ratio: 1, low, high }, 'higher')).toBe(verdict);
    const opposite = { faster: 'slower', slower: 'faster' } as const;
    const other = verdict === 'faster' || verdict === 'slower' ? opposite[verdict] : verdict;
    expect(verdictOf({ ratio: 1, low, high }, 'lower')).toBe(other);
  });

  it('has the percentiles that the sample carries, of every repeat', () => {
    const names = (...counts: number[]) => {
      const repeats = counts.map((count) => sampleRepeat(Array.from({ length: count }, (_, at) => 100 + at)));
      return sharedMetrics([{ ...sampleRun('x', []), repeats }]).map(({ name }) => name);
    };
    expect(names(1000)).toEqual(['throughput', 'insert-p50', 'insert-p90', 'insert-p99']);
    expect(names(10_000)).toContain('insert-p99.9');
    expect(names(1000, 999)).not.toContain('insert-p99');
    expect(names(19)).toEqual(['throughput']);
  });
});

describe('obstaclesBetween', () => {
  const run = sampleRun('one', [1]);
  const { load, cluster } = run.settings;
  const withLoad = (changes: object) => ({ ...run, settings: { ...run.settings, load: { ...load, ...changes } } });

  it.each([
    ['durability', { ...run, disk: { ...run.disk!, inMemory: true } }],
    ['durability', { ...run, disk: null }],
    ['load', withLoad({ ratePerClient: 5 })],
    ['load', withLoad({ clients: 3 })],
    ['load', withLoad({ rpc: 'unary' as const })],
    ['load', withLoad({ workload: 'ycsb-a' as const })],
    ['reads', withLoad({ reads: 0.5 })],
    ['payload', withLoad({ payloadBytes: 64 })],
    [
      'distance',
      { ...run, settings: { ...run.settings, cluster: { ...cluster, distance: '20ms' } as typeof cluster } },
    ],
    ['machine', { ...run, machine: { ...run.machine, cpuModel: 'Another' } }],
  ] as const)('is of %s, unless that is what varies', (condition, other) => {
    const obstacles = obstaclesBetween(run, other, none);
    expect(new Set(obstacles.map((each) => each.condition))).toEqual(new Set([condition]));
    expect(obstaclesBetween(run, other, new Set([condition]))).toEqual([]);
  });

  it('is none of what people compare: engines, settings, versions', () => {
    const other = { ...cluster, backend: 'etcd', batch: false, entriesPerMsg: 1 } as typeof cluster;
    expect(obstaclesBetween(run, { ...run, git: null, settings: { ...run.settings, cluster: other } }, none)).toEqual(
      [],
    );
  });

  it('is a check that failed, whatever varies: what loses writes has no speed', () => {
    const failed = { ...run, verdict: { ...run.verdict, passed: false } };
    for (const [one, other] of [
      [run, failed],
      [failed, run],
    ] as const) {
      const all = new Set(CONDITIONS);
      expect(obstaclesBetween(one, other, all)).toMatchObject([{ condition: 'check' }]);
      expect(compareRuns([one, other], { across: all }).each[0]!.metrics).toEqual([]);
    }
  });
});

describe('precisionOf', () => {
  it('tells when to stop, and how many rounds it would take', () => {
    const asked = 0.04;
    const few = precisionOf(
      seriesOf([1, 1], 3).map((run) => run),
      asked,
    );
    expect(isPrecise(few, asked)).toBe(false);
    expect(few.roundsNeeded).toBeGreaterThan(3);
    const many = precisionOf(seriesOf([1, 1], 12), asked);
    expect(many.rounds).toBe(12);
    expect(isPrecise(many, asked)).toBe(true);
    expect(isPrecise({ ...many, rounds: 4 }, asked)).toBe(false);
  });

  it('is of a single run its own, drift and all', () => {
    const own = precisionOf(seriesOf([1], 8), 0.04);
    expect(own.share).toBeGreaterThan(0.05);
    expect(precisionOf([sampleRun('one', [1])], 0.04)).toEqual({
      rounds: 1,
      share: undefined,
      roundsNeeded: undefined,
    });
  });

  it('is not known where a check failed', () => {
    const [one, other] = seriesOf([1, 1], 8);
    const failed = { ...other!, verdict: { ...other!.verdict, passed: false } };
    expect(precisionOf([one!, failed], 0.04).share).toBeUndefined();
  });
});

describe('--fail-if', () => {
  const [base, slow] = seriesOf([1, 0.8], 8);
  const comparison = compareRuns([base!, slow!]).each[0]!;
  const crossed = (text: string) => crossingsOf(comparison, [parseThreshold(text, true)]).map(({ what }) => what);

  it('sees changes in the direction that it names', () => {
    expect(crossed('throughput < -10%')).toHaveLength(1);
    expect(crossed('throughput < -30%')).toEqual([]);
    expect(crossed('throughput > 10%')).toEqual([]);
    expect(crossed('insert-p50>10%')).toHaveLength(1);
    expect(crossed('p50 > +10 %')).toHaveLength(1);
    expect(crossed('lookup-p50 > 10%')).toEqual([]);
  });

  it('sees what a run itself is', () => {
    const lossy = { ...base!, merged: { ...base!.merged, dropped: 3 } };
    const crossedBy = (text: string) => runCrossings(lossy, [parseThreshold(text, false)]).map(({ what }) => what);
    expect(crossedBy('dropped > 0')).toEqual(['run-1: dropped is 3']);
    expect(crossedBy('failed > 0')).toEqual([]);
    expect(crossedBy('throughput < 1000000')).toEqual([expect.stringMatching(/^run-1: throughput is \d+ a second$/)]);
    expect(crossedBy('p50 > 1us')).toEqual([expect.stringMatching(/^run-1: insert-p50 is \d\.\d{3} ms$/)]);
    expect(crossedBy('p50 > 1s')).toEqual([]);
  });

  it.each([
    ['throughput', true],
    ['throughput = 5%', true],
    ['throughput < 5', true],
    ['dropped > 5%', true],
    ['speed < 5%', true],
    ['p99 > 10', false],
    ['throughput < 5ms', false],
    ['dropped > 5%', false],
  ])('refuses %j (of a change: %s)', (text, isChange) => {
    expect(() => parseThreshold(text, isChange)).toThrow(ThresholdError);
  });
});

describe('runs with a fault', () => {
  it('have thresholds by the whole name of a figure', () => {
    expect(parseThreshold('first-write > 20%', true).figures.map(({ name }) => name)).toEqual(['first-write']);
    expect(() => parseThreshold('write > 20%', true)).toThrow(/expected a figure among throughput, p50/);
    expect(parseThreshold('full-rate > 2s', false).limit).toBe(2_000_000);
  });

  const withFault = (run: RunRecord, firstMs: number, catchUpMs: number | null): RunRecord => ({
    ...run,
    settings: { ...run.settings, schedule: { name: 'x', steps: [{ at: '1s', fault: 'kill', server: 'leader' }] } },
    repeats: run.repeats.map((each, at) => ({
      ...each,
      recovery: sampleRecovery({ firstWriteMs: firstMs * (1 + 0.01 * (at % 3)), catchUpMs, slow: 10 }),
    })),
  });

  it('are compared by how they got over it, as far as both have it, and not by percentiles', () => {
    const [one, other] = seriesOf([1, 1], 5);
    const { each } = compareRuns([withFault(one!, 1000, 5000), withFault(other!, 2000, null)]);
    const found = each[0]!.metrics.map(({ metric, verdict }) => [metric.name, verdict]);
    expect(found.map(([name]) => name)).toEqual(['throughput', 'detect', 'elect', 'first-write', 'gap']);
    expect(found).toContainEqual(['first-write', 'slower']);
    expect(found).toContainEqual(['elect', 'no-difference']);
  });

  it('are not comparable with runs without one', () => {
    const [one, other] = seriesOf([1, 1], 5);
    const [comparison] = compareRuns([one!, withFault(other!, 1000, null)]).each;
    expect(comparison!.obstacles).toMatchObject([{ condition: 'scenario', baseline: 'none' }]);
  });
});

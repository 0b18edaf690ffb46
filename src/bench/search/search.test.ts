import { describe, expect, it } from 'vitest';
import { mergeRepeats } from '../merge.ts';
import { type BenchRequest, type PlannedRun, planBench } from '../plan/plan.ts';
import type { RunRecord } from '../results/schema.ts';
import { SAMPLE_REQUEST } from '../testing/sampleRequest.ts';
import { sampleHistograms, sampleRepeat, sampleRun } from '../testing/sampleRun.ts';
import { predictedPerSecond } from './scalability.ts';
import { type SearchRequest, search } from './search.ts';
import { judgeObjective, parseObjective } from './slo.ts';

const P99: SearchRequest = { objective: parseObjective('p99<10ms'), precision: 0.05, wantsKnee: false };

/** A run at this plan's load in which every insert took so long, 2,000 of them measured. */
function runOf(
  { name, settings }: PlannedRun,
  us: number,
  perSecond: number,
  changes: Partial<RunRecord> = {},
): RunRecord {
  const times = Array.from({ length: 2000 }, () => us);
  const repeats = [sampleRepeat(times, { writesPerSecond: perSecond })];
  return {
    ...sampleRun(name, []),
    settings,
    repeats,
    merged: mergeRepeats(repeats, [sampleHistograms(times)]),
    ...changes,
  };
}

/** Servers that do 8,000 requests a second, and take over 10 ms from 5,000 on. */
function measured(names: string[]) {
  return async (run: PlannedRun): Promise<RunRecord> => {
    names.push(run.name);
    const { clients, ratePerClient } = run.settings.load;
    const asked = ratePerClient === null ? 8000 : ratePerClient * clients;
    return runOf(run, asked <= 5000 ? 4000 : 12_000, Math.min(asked, 8000));
  };
}

const TWO: Partial<BenchRequest> = { settings: new Map([['backend', ['gorums', 'etcd']]]) };
const plan = (changes: Partial<BenchRequest> = {}) =>
  planBench({ ...SAMPLE_REQUEST, timeMs: 10_000, ...changes }, new Date(0)).runs;

describe('a search', () => {
  it('begins at half of what a closed loop gets, ends with an interval, and confirms its lower end for longer', async () => {
    const names: string[] = [];
    const { limits, answers, knees } = await search(plan(TWO), P99, measured(names));
    expect(names.slice(0, 3)).toEqual(['gorums-closed', 'gorums-r4000', 'gorums-r6000']);
    expect(limits.map(({ name, isConfirmed }) => [name, isConfirmed])).toEqual([
      ['gorums', true],
      ['etcd', true],
    ]);
    const { low, high } = limits[0]!;
    expect(low).toBeLessThanOrEqual(5000);
    expect(high).toBeGreaterThan(5000);
    expect(high! / low!).toBeLessThan(1.06);
    expect(names).toContain(`gorums-r${low}-long`);
    expect(answers[0]).toMatch(
      /^gorums: p99<10ms is met up to 4,9\d\d requests a second, in a run of 3 times the length too; missed at 5,\d\d\d \(insert-p99 is 12\.0\d\d ms\)$/,
    );
    expect(knees).toEqual([]);
  });

  it('lets a probe of few requests a second last until there are enough to judge it by', async () => {
    const lengths = new Map<string, number>();
    const slow = async (run: PlannedRun) => {
      lengths.set(run.name, run.settings.load.timeMs);
      const { clients, ratePerClient } = run.settings.load;
      return runOf(run, 4000, ratePerClient === null ? 100 : Math.min(100, ratePerClient * clients));
    };
    await search(plan({ reads: [0.5] }), P99, slow);
    // 1,000 inserts and as many lookups, and a tenth more.
    expect([lengths.get('gorums-closed'), lengths.get('gorums-r50')]).toEqual([10_000, 44_000]);
  });

  it('keeps what it found where it is interrupted', async () => {
    const all = measured([]);
    const findings = await search(plan(TWO), P99, async (run) => (run.name.startsWith('etcd') ? undefined : all(run)));
    expect(findings.limits.map(({ name }) => name)).toEqual(['gorums']);
  });

  it('doubles the clients until more get no more, and says where the knee is', async () => {
    const law = { alonePerSecond: 800, contention: 0.02, coherence: 0.000_05 };
    const names: string[] = [];
    const findings = await search(plan(), { ...P99, objective: undefined, wantsKnee: true }, async (run) => {
      names.push(run.name);
      return runOf(run, 1000, predictedPerSecond(law, run.settings.load.clients));
    });
    expect(names).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((clients) => `gorums-c${clients}`));
    expect(findings.knees[0]!.peakClients).toBeCloseTo(140, 1);
    expect(findings.answers[0]).toMatch(
      /^gorums: the knee is at \d+ clients \([\d,]+ requests a second; p99 1\.00 ms with 32\); most with 140 \([\d,]+\); one alone gets 800, contention 2 %, coherence 0\.005 %$/,
    );
  });

  it('does not go by a load that cannot say, or that failed its check', async () => {
    const few = async (run: PlannedRun) =>
      runOf(run, 1000, 100, { repeats: [sampleRepeat([1000, 1000], { writesPerSecond: 8000 })] });
    await expect(search(plan(), P99, few)).rejects.toThrow('too few requests for p99<10ms: it takes a longer --time');
    const verdict = { passed: false, verified: false, problems: ['key 1 has no value'], warnings: [] };
    await expect(search(plan(), P99, async (run) => runOf(run, 1000, 100, { verdict }))).rejects.toThrow(
      'gorums-closed: key 1 has no value',
    );
  });
});

describe('an objective', () => {
  const [run] = plan({ throughputs: [5], clients: [10] });
  const objective = parseObjective('p99 < 10ms');

  it.each<[string, RunRecord, object]>([
    ['is met', runOf(run!, 9000, 50), { kind: 'met' }],
    ['is missed by what takes longer', runOf(run!, 11_000, 50), { why: expect.stringMatching(/insert-p99 is 11\.0/) }],
    [
      'is missed by what falls behind',
      runOf(run!, 9000, 40),
      { why: '40 of 50 requests a second were answered in time' },
    ],
    [
      'is missed by what leaves requests out',
      runOf(run!, 9000, 50, { merged: { ...runOf(run!, 9000, 50).merged, dropped: 3 } }),
      { why: '3 requests failed or were dropped' },
    ],
  ])('%s', (_, record, expected) => {
    expect(judgeObjective(record, objective)).toMatchObject(expected);
  });

  it('that is none is refused in its own name', () => {
    expect(() => parseObjective('p99')).toThrow(/^--slo: expected a threshold such as/);
  });
});

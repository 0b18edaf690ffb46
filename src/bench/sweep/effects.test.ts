import { describe, expect, it } from 'vitest';
import { sampleRecovery, sampleRepeat, sampleRun } from '../testing/sampleRun.ts';
import { describeEffect, effectsOf, type MeasuredConfiguration } from './effects.ts';
import { contests } from './groups.ts';
import { summaryOf } from './summary.ts';

/** A grid whose throughput is as told, in rounds that drift and with a little scatter. */
function grid(
  axes: Record<string, string[]>,
  rate: (levels: Record<string, string>) => number,
  rounds = 4,
): MeasuredConfiguration[] {
  let all: Record<string, string>[] = [{}];
  for (const [axis, levels] of Object.entries(axes)) {
    all = all.flatMap((one) => levels.map((level) => ({ ...one, [axis]: level })));
  }
  return all.map((levels, at) => {
    const repeats = Array.from({ length: rounds }, (_, round) => {
      const scatter = 1 + 0.01 * (((5 * round + 3 * at) % 7) - 3);
      return sampleRepeat([100], { round, writesPerSecond: rate(levels) * 1.1 ** round * scatter });
    });
    return { levels, record: { ...sampleRun(`c${at}`, []), repeats } };
  });
}

describe('effectsOf', () => {
  const axes = { backend: ['gorums', 'etcd'], batch: ['batch', 'nobatch'], clients: ['c1', 'c50', 'c200'] };

  it('finds what each setting does, and where that depends on another', () => {
    const measured = grid(axes, ({ backend, batch, clients }) => {
      const base = { c1: 800, c50: 20_000, c200: 40_000 }[clients!]! * (backend === 'etcd' ? 0.9 : 1);
      // Batching matters where there are clients.
      return batch === 'nobatch' && clients !== 'c1' ? base / 5 : base;
    });
    const effects = effectsOf(measured, 0.95);
    expect(effects.map(({ axis, level }) => `${axis} ${level}`)).toEqual([
      'backend etcd',
      'batch nobatch',
      'clients c50',
      'clients c200',
    ]);
    const [backend, batch] = effects;
    expect(backend!.overall.ratio).toBeCloseTo(0.9, 1);
    expect(backend!.interactions).toEqual([]);
    expect(batch!.overall.ratio).toBeCloseTo(5 ** (-2 / 3), 1);
    expect(batch!.interactions.map(({ axis }) => axis)).toEqual(['clients']);
    expect(describeEffect(batch!)).toMatch(
      /^batch: nobatch makes ×0\.3\d of what batch does \(×0\.3\d – ×0\.3\d\); it depends: ×(1\.0\d|0\.9\d) with c1, ×0\.20 with c50, ×0\.20 with c200$/,
    );
  });

  it('shows nothing where there is nothing', () => {
    const effects = effectsOf(
      grid({ backend: ['gorums', 'etcd'] }, () => 1000),
      0.95,
    );
    expect(effects.map(describeEffect)).toEqual([
      expect.stringMatching(/^backend: no difference shown between etcd and gorums \(×0\.\d\d – ×1\.\d\d\)$/),
    ]);
  });

  it('says nothing after one round, nor of what failed its check', () => {
    expect(
      effectsOf(
        grid(axes, () => 1000, 1),
        0.95,
      ),
    ).toEqual([]);
    const failed = grid({ batch: ['batch', 'nobatch'] }, () => 1000).map(({ levels, record }, at) => ({
      levels,
      record: at === 0 ? record : { ...record, verdict: { ...record.verdict, passed: false } },
    }));
    expect(effectsOf(failed, 0.95)).toEqual([]);
    expect(effectsOf([], 0.95)).toEqual([]);
  });

  it('goes on where a configuration is missing, or a round of one', () => {
    const measured = grid({ backend: ['gorums', 'etcd'], batch: ['batch', 'nobatch'] }, ({ batch }) =>
      batch === 'batch' ? 1000 : 200,
    );
    const part = measured.slice(0, 3).map(({ levels, record }, at) => ({
      levels,
      record: at === 0 ? { ...record, repeats: record.repeats.slice(1) } : record,
    }));
    const batch = effectsOf(part, 0.95).find(({ axis }) => axis === 'batch');
    expect(batch!.overall.ratio).toBeCloseTo(0.2, 1);
  });
});

describe('contests', () => {
  it('are between engines that differ in nothing else', () => {
    const configuration = (name: string, levels: Record<string, string>) => ({
      name,
      levels,
      rounds: 1,
      throughput: null,
      passed: true,
    });
    const configurations = [
      configuration('a5', { backend: 'a', throughput: 't5' }),
      configuration('a30', { backend: 'a', throughput: 't30' }),
      configuration('b5', { backend: 'b', throughput: 't5' }),
      configuration('b30', { backend: 'b', throughput: 't30' }),
      configuration('c5', { backend: 'c', throughput: 't5' }),
    ];
    const runs = ['a5', 'a30', 'b5', 'c5'].map((name) => sampleRun(name, [100]));
    expect(contests({ configurations }, runs).map((group) => group.map(({ name }) => name))).toEqual([
      ['a5', 'b5', 'c5'],
    ]);
  });
});

describe('summaryOf', () => {
  it('says how a fault was got over instead of what settings do to the throughput', () => {
    const schedule = { name: 'x', steps: [] };
    const configured = (name: string, firstMs: readonly number[]) => {
      const run = sampleRun(name, [100]);
      const repeats = firstMs.map((ms, round) =>
        sampleRepeat([100], {
          round,
          recovery: sampleRecovery({
            detectMs: null,
            successorMs: null,
            leaderlessMs: 0,
            firstWriteMs: ms,
            failed: round,
          }),
        }),
      );
      return { ...run, settings: { ...run.settings, schedule }, repeats };
    };
    const records = [configured('a', [100, 400, 200]), configured('b', [500])];
    const runs = records.map(({ name, settings }) => {
      return { name, label: name, settings, levels: { backend: name }, dataDirectory: undefined };
    });
    const plan = {
      name: 'crash',
      experiment: 'crash-leader',
      why: undefined,
      runs,
      rounds: { kind: 'fixed', count: 3 } as const,
    };
    const summary = summaryOf(
      plan,
      records.map((record) => ({ record, folder: record.name })),
    );
    expect(summary).toMatchObject({ experiment: 'crash-leader', effects: [] });
    const [a, b] = summary.configurations;
    expect(a!.recovery!['first-write']!.mean).toBeCloseTo(200, 6);
    expect(a!.recovery!['first-write']!.low).toBeLessThan(200);
    expect(Object.keys(a!.recovery!)).toEqual(['first-write', 'gap']);
    expect([a!.failed, a!.slow]).toEqual([1, 4]);
    expect(b!.recovery!['first-write']).toEqual({ mean: expect.closeTo(500, 6), low: null, high: null });
  });
});

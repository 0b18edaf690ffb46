import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Condition } from '../compare/comparability.ts';
import { compareRuns } from '../compare/comparison.ts';
import { comparisonsJson } from '../compare/comparisonJson.ts';
import { mergeRepeats } from '../merge.ts';
import type { RunRecord } from '../results/schema.ts';
import {
  sampleHistograms,
  sampleIncident,
  sampleRecovery,
  sampleRepeat,
  sampleRun,
  seriesOf,
} from '../testing/sampleRun.ts';
import { renderComparison } from './compareTable.ts';
import { formatCount, formatSpread, formatUsAsMs } from './format.ts';
import { describeIncidents } from './incidents.ts';
import { renderRecovery } from './recoveryTable.ts';
import { renderRuns } from './runTable.ts';

/** `REWRITE=1 npx vitest run src/bench/render` writes them anew; a person reads the difference. */
function expectGolden(name: string, text: string): void {
  const path = fileURLToPath(new URL(`./testdata/${name}.txt`, import.meta.url));
  if (process.env.REWRITE === '1') writeFileSync(path, `${text}\n`);
  expect(`${text}\n`).toBe(readFileSync(path, 'utf8'));
}

const compared = (runs: readonly RunRecord[], across: readonly Condition[] = []) =>
  renderComparison(runs, compareRuns(runs, { across: new Set(across) }), 'terminal');

const times = (count: number, us: number) => Array.from({ length: count }, () => us);

describe('renderComparison', () => {
  const first = sampleRun('monday', [...times(1500, 800), ...times(20, 12_000)]);

  it('shows ratios to the first run, and the settings that differ', () => {
    const repeats = [sampleRepeat(times(3000, 400)), sampleRepeat(times(2500, 500))];
    const histograms = [sampleHistograms(times(3000, 400)), sampleHistograms(times(2500, 500))];
    const { cluster, load } = first.settings;
    const second = sampleRun('tuesday', [], {
      settings: { cluster, load: { ...load, clients: 4, ratePerClient: 750 }, repeats: 2 },
      repeats,
      merged: mergeRepeats(repeats, histograms),
      git: { commit: '123456789abcdef', dirty: true },
    });
    expectGolden('compare-not-comparable', compared([first, second]));
    expectGolden('compare-differing', compared([first, second], ['load']));
  });

  it('gives a verdict with its interval to runs that were made together', () => {
    const [monday, tuesday] = seriesOf([1, 0.9], 8);
    expectGolden('compare-verdicts', compared([monday!, tuesday!]));
    const runs = [monday!, { ...tuesday!, series: { id: 'another' } }];
    expectGolden('compare-unpaired', renderComparison(runs, compareRuns(runs), 'markdown'));
  });

  it('says no figure for an interval that reaches anywhere, as after two rounds it may', () => {
    const [monday, tuesday] = seriesOf([1, 0.9], 2);
    const [half, twice] = [0.5, 20].map((factor) => times(1500, 800 * factor));
    const repeats = [half!, twice!].map((us) => sampleRepeat(us));
    const histograms = [half!, twice!].map((us) => sampleHistograms(us));
    const wild = { ...tuesday!, repeats, merged: mergeRepeats(repeats, histograms) };
    const text = compared([monday!, wild]);
    expect(text).toContain('– more than 1,000 │ undecided');
    expect(text).not.toMatch(/\d{5,}\.\d/);
  });

  it('says so where nothing differs, and marks what must not be trusted', () => {
    const failed = sampleRun('wrong', times(10, 100), {
      interrupted: true,
      git: null,
      verdict: { passed: false, verified: false, problems: ['key 1 has no value'], warnings: [] },
    });
    expectGolden('compare-failed', compared([{ ...failed, name: 'same', interrupted: false }, failed]));
  });
});

describe('renderRuns', () => {
  it('tells a newcomer what was done, what it means and where it is', () => {
    const run = sampleRun('demo', [...times(99, 800), 12_000]);
    expectGolden('run', renderRuns([{ record: run, folder: 'results/demo' }], 'bin/rkv-bench'));
  });

  it('tables a sweep together, with what went wrong by name', () => {
    const slow = sampleRun('sweep-slow', times(50, 4000), {
      verdict: {
        passed: false,
        verified: false,
        problems: ['key 1 has no value'],
        warnings: ['requests failed: 2 timeout'],
      },
      interrupted: true,
    });
    const fast = sampleRun('sweep-fast', times(100, 500));
    const runs = [fast, slow].map((record) => ({ record, folder: `results/${record.name}` }));
    expectGolden('sweep', renderRuns(runs, 'bin/rkv-bench'));
  });

  it('says of failed requests that the times are without them', () => {
    const run = sampleRun('lossy', [...times(99, 800), 12_000]);
    const lossy = { ...run, merged: { ...run.merged, failed: 1200, dropped: 34 } };
    const text = renderRuns([{ record: lossy, folder: 'results/lossy' }], 'rkv-bench');
    expect(text).toContain('half of the answered requests');
    expect(text).toContain('1,234 requests got no answer');
    expect(text).not.toContain('half of the requests');
    expect(compared([run, lossy])).toContain('Requests that failed or were dropped stand in no rate');
  });

  it('says so where there is nothing', () => {
    expect(renderRuns([], 'rkv-bench')).toBe('nothing was measured');
  });
});

describe('incidents', () => {
  const calm = sampleRun('calm', times(1500, 800));
  const hit = {
    ...calm,
    name: 'hit',
    repeats: [
      sampleRepeat(times(1500, 800), {
        incidents: [
          sampleIncident('election', 'an election: term 3', 3200),
          sampleIncident('leaderless', 'no server led', 2100, 3250),
          sampleIncident('notice', 'server 1 takes unary calls only', -400),
          sampleIncident('election', 'an election: term 4', 4200),
        ],
      }),
    ],
  };

  it('stand below the table of their run', () => {
    const text = renderRuns([{ record: hit, folder: 'results/hit' }], 'rkv-bench');
    expect(text).toContain('incidents at 3.20 s: an election: term 3\n');
    expect(text).toContain('          at 2.10 s, for 1.15 s: no server led\n');
    // It stands among the warnings.
    expect(text).not.toContain('server 1 takes unary calls only');
    expect(renderRuns([{ record: calm, folder: 'results/calm' }], 'rkv-bench')).not.toContain('incidents');
  });

  it('are carried into a comparison, as counts and by name', () => {
    const text = compared([calm, hit]);
    expect(text).toMatch(/incidents +│ +none │ 2 elections, 1 time without a leader, 1 notice │/);
    expect(text).toContain('hit, at 2.10 s, for 1.15 s: no server led\n');
    expect(text).toContain('hit, 0.40 s before it was measured: server 1 takes unary calls only\n');
    expect(comparisonsJson(compareRuns([calm, hit]))).toMatchObject({
      incidents: { baseline: [], candidate: [{ round: 0, kind: 'election', atMs: 3200 }, {}, {}, {}] },
    });
  });

  it('are not all told where there are many', () => {
    const incidents = Array.from({ length: 40 }, (_, at) => sampleIncident('election', `term ${at}`, at));
    const many = describeIncidents([sampleRepeat([1], { incidents }), sampleRepeat([1])]);
    expect([many.length, many[0], many.at(-1)]).toEqual([
      13,
      'round 1, at 0.00 s: term 0',
      'and 28 more, which run.json has',
    ]);
  });
});

describe('numbers for people', () => {
  it('have as many digits as they are worth', () => {
    expect([0, 7, 7.25, 99.94, 21_034.4].map(formatCount)).toEqual(['0', '7', '7.3', '99.9', '21,034']);
    expect([0, 843, 4120, 17_700, 1_204_000].map(formatUsAsMs)).toEqual(['0.000', '0.843', '4.12', '17.7', '1,204']);
    expect(formatSpread({ median: 5, min: 4, max: 7 }, formatCount)).toBe('5 (4–7)');
    expect(formatSpread({ median: 5, min: 5, max: 5 }, formatCount)).toBe('5');
  });
});

describe('recovery', () => {
  const recovery = (firstWriteMs: number) => sampleRecovery({ firstWriteMs, slow: 1234 });
  const run = (name: string, times: readonly number[]): RunRecord => ({
    ...sampleRun(name, [100]),
    repeats: times.map((ms) => sampleRepeat([100], { recovery: recovery(ms) })),
  });

  it('is tabled by run, with where its means lie, and without what nobody has', () => {
    const text = renderRecovery(
      [run('once', [1400]), run('thrice', [1400, 1500, 1600]), sampleRun('calm', [1])],
      'terminal',
    );
    expect(text.join('\n')).toMatch(/│ once +│ +1\.10 │ +1\.20 │ +1\.40 │ +1\.30 │ +0\.00 │ +0 │ 1,234 │/);
    expect(text.join('\n')).toMatch(/│ thrice +│.*│ 1\.50 \(1\.27 – 1\.77\) │/);
    expect(text.join('\n')).not.toMatch(/calm|catch-up|operator/);
    expect(renderRecovery([sampleRun('calm', [1])], 'terminal')).toEqual([]);
  });

  it('has no row of a run whose check failed', () => {
    const wrong = run('wrong', [1400]);
    expect(renderRecovery([{ ...wrong, verdict: { ...wrong.verdict, passed: false } }], 'terminal')).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import type { RunRecord, StagesRecord } from '../results/schema.ts';
import { sampleRepeat, sampleRun } from '../testing/sampleRun.ts';
import { renderStages, stageTable } from './stageTable.ts';

const spread = (p50: number, p99: number, count = 5, unit = 'us') => ({
  unit,
  count,
  mean: p50,
  p50,
  p90: p99,
  p99,
  max: p99,
});

function stages(spreads: StagesRecord['spreads'], loopUtilization = 0.25): StagesRecord {
  return { seconds: 1, spreads, loopUtilization, collectionShare: 0.01 };
}

/** Server 1 leads. */
function runOf(name: string, each: readonly (readonly [StagesRecord | null, StagesRecord | null])[]): RunRecord {
  const repeats = each.map(([leader, follower]) => {
    const repeat = sampleRepeat([1000]);
    return {
      ...repeat,
      servers: repeat.servers.map((server) => ({ ...server, stages: server.id === 1 ? leader : follower })),
    };
  });
  return { ...sampleRun(name, [1000]), repeats };
}

describe('the table of stages', () => {
  it('has the leader’s stages and the followers’ disks, each the median over the rounds', () => {
    const follower = stages({ disk: spread(700, 7000), write: spread(1, 1) });
    const run = runOf('r', [
      [
        stages({ write: spread(2000, 9000), disk: spread(500, 900), 'entries-per-sync': spread(9, 9, 5, 'entries') }),
        follower,
      ],
      [stages({ write: spread(4000, 11_000), read: spread(0, 0, 0) }, 0.75), follower],
    ]);
    expect(stageTable([run])).toEqual({
      head: [
        '',
        'write ms',
        'disk ms',
        "followers' disk ms",
        'entries/sync',
        'busy',
        'GC',
        'generator busy',
        'generator loop ms',
      ],
      rows: [['r', '3.00 (10.0)', '0.500 (0.900)', '0.700 (7.00)', '9', '50.0 %', '1.0 %', '24.0 %', '1.10 (3.20)']],
    });
  });

  it('leaves out runs that cannot say, and those that failed their check', () => {
    const told = runOf('told', [[stages({ write: spread(1000, 2000) }), null]]);
    const silent = runOf('silent', [[null, null]]);
    const wrong = { ...told, name: 'wrong', verdict: { ...told.verdict, passed: false } };
    expect(stageTable([silent, told, wrong])?.rows.map(([name]) => name)).toEqual(['told']);
    expect(stageTable([silent, wrong])).toBeUndefined();
    expect(renderStages([silent], 'terminal').join()).toContain('do not say');
  });

  it('stands upright for people, a column a run', () => {
    const runs = ['one', 'two'].map((name) => runOf(name, [[stages({ write: spread(1000, 2000) }), null]]));
    const text = renderStages(runs, 'markdown').join('\n');
    expect(text).toMatch(/\| +\| +one \| +two \|/);
    expect(text).toMatch(/\| write ms +\| +1\.00 \(2\.00\) \| +1\.00 \(2\.00\) \|/);
  });
});

import { describe, expect, it } from 'vitest';
import { type Evidence, judge } from './judge.ts';
import { mergeRepeats } from './merge.ts';
import type { RepeatRecord, Verification } from './results/schema.ts';
import { sampleHistograms, sampleIncident, sampleRepeat, sampleRun } from './testing/sampleRun.ts';

const { load } = sampleRun('sample', [100]).settings;

function evidence(repeats: RepeatRecord[], changes: Partial<Evidence> = {}): Evidence {
  const merged = mergeRepeats(
    repeats,
    repeats.map(() => sampleHistograms([100])),
  );
  return { load, repeats, merged, disk: null, ...changes };
}

const verification = (changes: Partial<Verification>): Verification => ({
  status: 'verified',
  acknowledgedWrites: 1,
  appliedEntries: 1,
  keysRead: 1,
  problems: [],
  ...changes,
});

describe('judge', () => {
  it('passes a run without a stain', () => {
    expect(judge(evidence([sampleRepeat([100])]))).toEqual({
      passed: true,
      verified: true,
      problems: [],
      warnings: [],
    });
  });

  it('fails a run that answered nothing', () => {
    expect(judge(evidence([sampleRepeat([])]))).toMatchObject({ passed: false, problems: ['no request was answered'] });
  });

  it('fails a run of which one repeat lost a write', () => {
    const lost = verification({ status: 'failed', problems: ['key 1 has no value'] });
    const verdict = judge(evidence([sampleRepeat([100]), sampleRepeat([100], { verification: lost })]));
    expect(verdict).toMatchObject({ passed: false, verified: false, problems: ['repeat 2: key 1 has no value'] });
  });

  it('passes, unverified, what could not be checked', () => {
    const unchecked = verification({ status: 'not-checked', problems: ['others wrote too'] });
    const verdict = judge(evidence([sampleRepeat([100], { verification: unchecked })]));
    expect(verdict).toMatchObject({ passed: true, verified: false });
    expect(verdict.warnings).toEqual(['what was acknowledged could not be checked (others wrote too)']);
  });

  it('warns of an open loop that falls behind', () => {
    const open = { ...load, ratePerClient: 100 };
    const repeat = sampleRepeat(
      Array.from({ length: 150 }, () => 100),
      { dropped: 7 },
    );
    expect(judge(evidence([repeat], { load: open })).warnings).toEqual([
      '7 requests were due but not sent, because too many were unanswered',
      '150/s of the 200/s that were due completed in time: the servers are past their limit',
    ]);
  });

  it('warns of failures, what the client gave up, repeats apart, a busy machine and data in memory', () => {
    const repeats = [
      sampleRepeat([100], {
        othersCpuShare: 0.5,
        incidents: [sampleIncident('notice', 'unary calls are used'), sampleIncident('down', 'server 2 crashed')],
        failed: 2,
        errorsByKind: { timeout: 2 },
      }),
      sampleRepeat([100, 100]),
    ];
    const disk = { fileSystem: 'tmpfs', inMemory: true, syncUs: { count: 1, p50: 1, p99: 1, max: 1 } };
    expect(judge(evidence(repeats, { disk })).warnings).toEqual([
      'requests failed: 2 timeout',
      'unary calls are used',
      'the repeats lie 67 % apart',
      'other processes took 50 % of the machine: the figures are lower bounds',
      "the servers' data was in memory (tmpfs): nothing was durable; choose a disk by --datadir",
    ]);
  });
});

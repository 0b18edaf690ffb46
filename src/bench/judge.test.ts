import { describe, expect, it } from 'vitest';
import { limitsOf } from './generatorLimits.ts';
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

  it('says in words what the generator limited, and of how many rounds', () => {
    const { generator } = sampleRepeat([100]);
    const busy = sampleRepeat([100], { generator: { ...generator!, cpuShareMax: 0.93, limitedBy: ['cpu'] } });
    const late = sampleRepeat([100], {
      generator: { ...generator!, sentLateUs: { p50: 900, p99: 12_345, max: 20_000 }, limitedBy: ['late'] },
    });
    const calm = sampleRepeat([100]);
    expect(judge(evidence([busy])).warnings).toEqual([
      "limited by the generator: it was busy for 93 % of a core's time, so the servers may do more than this (more --workers, where there are cores for them)",
    ]);
    expect(judge(evidence([busy, calm, late])).warnings).toEqual([
      expect.stringMatching(
        /^limited by the generator in 2 of 3 rounds: .*93 %.*; one of 100 requests left 12\.3 ms or more after/,
      ),
    ]);
    const open = { ...load, ratePerClient: 100 };
    expect(judge(evidence([late], { load: open })).warnings[0]).toContain(
      'the generator or the servers are past their limit',
    );
    // One round in ten is an accident.
    expect(judge(evidence([busy, ...Array.from({ length: 9 }, () => calm)])).warnings).toEqual([]);
  });

  it('calls a generator the limit whose core has no fifth idle, and one that sends later than a timer can', () => {
    expect(limitsOf({ cpuShareMax: 0.8 }, 1000)).toEqual([]);
    expect(limitsOf({ cpuShareMax: 0.81 }, 1000)).toEqual(['cpu']);
    const late = (p99: number, responseUs: number) =>
      limitsOf({ cpuShareMax: 0.1, sentLateUs: { p50: 0, p99, max: p99 } }, responseUs);
    expect(late(4999, 5000)).toEqual([]);
    expect(late(5001, 25_000)).toEqual(['late']);
    expect(late(5001, 25_010)).toEqual([]);
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

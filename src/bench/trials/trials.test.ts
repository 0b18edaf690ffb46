import { describe, expect, it } from 'vitest';
import { seriesOf } from '../testing/sampleRun.ts';
import { delayFor, delayOfKind } from './calibration.ts';
import { judgeTrials, outcomeOf, type TrialOutcome, trialsTable } from './outcome.ts';

const outcome = (verdict: string, others: readonly string[] = []): TrialOutcome => ({
  rounds: 9,
  minutes: 4,
  ratio: 0.95,
  low: 0.93,
  high: 0.97,
  verdict,
  others,
});
const times = (count: number, of: TrialOutcome): TrialOutcome[] => Array.from({ length: count }, () => of);

describe('a delay', () => {
  it('is as long as a request has to take longer, by what another did to it', () => {
    // 20 ns made a request take 1.25 times as long.
    const known = { nsPerByte: 20, ratio: 0.8 };
    expect(delayFor(0.8, known)).toBeCloseTo(20);
    expect(delayFor(1 / 1.125, known)).toBeCloseTo(10);
    const calibration = { load: '', nsPerByte: 8, measured: { ratio: 0.9, low: 0.89, high: 0.91 }, rounds: 30 };
    expect(delayOfKind('aa', calibration)).toBe(0);
    expect(delayOfKind('slow10', calibration)).toBeCloseTo(8);
    expect(delayOfKind('slow3', calibration)).toBeCloseTo((8 * (1 / 0.97 - 1)) / (1 / 0.9 - 1));
  });
});

describe('trials', () => {
  it('have an outcome each, of throughput and of what else was called', () => {
    const [one, other] = seriesOf([1, 0.9], 12);
    const found = outcomeOf(one!, other!);
    expect(found).toMatchObject({ rounds: 12, verdict: 'slower', ratio: expect.closeTo(0.9, 1) });
    expect(found.others).toContain('insert-p50 slower');
    expect(() => outcomeOf(one!, { ...other!, disk: null })).toThrow(/cannot be compared .*: durable writes/);
    expect(
      trialsTable([outcome('no-difference'), outcome('slower', ['insert-p50 slower'])])
        .split('\n')
        .slice(2),
    ).toEqual([
      '| 1 | 9 | 4.0 | 0.950 | 0.930 – 0.970 | no difference | none |',
      '| 2 | 9 | 4.0 | 0.950 | 0.930 – 0.970 | slower | insert-p50 slower |',
    ]);
  });

  it.each([
    ['aa', [...times(19, outcome('no-difference')), outcome('faster')], true],
    ['aa', [...times(18, outcome('undecided')), outcome('faster'), outcome('undecided', ['insert-p99 slower'])], false],
    ['slow10', [...times(18, outcome('slower')), ...times(2, outcome('undecided'))], true],
    ['slow10', [...times(17, outcome('slower')), ...times(3, outcome('undecided'))], false],
    ['slow3', [...times(10, outcome('undecided')), ...times(10, outcome('slower'))], true],
    ['slow3', [...times(19, outcome('undecided')), outcome('no-difference')], false],
  ] as const)('%s has what has to come of it, or not', (kind, outcomes, isMet) => {
    expect(judgeTrials(kind, outcomes).isMet).toBe(isMet);
  });
});

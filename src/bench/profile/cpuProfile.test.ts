import { describe, expect, it } from 'vitest';
import { CpuProfileError, looksBetween, parseCpuProfile } from './cpuProfile.ts';
import { frame, sampleProfile } from './testing/sampleProfile.ts';

const names = (looks: ReturnType<typeof looksBetween>) =>
  looks.map(({ frames, looks: count }) => [frames.map(({ functionName }) => functionName).join(' < '), count]);

describe('looks of a profile', () => {
  const profile = sampleProfile(1000, [
    [
      [frame('inner'), frame('outer')],
      [1000, 1100, 5000],
    ],
    [[frame('outer')], [1200]],
    [[frame('inner')], [2000]],
  ]);

  it('are counted by what ran and who had called it', () => {
    expect(names(looksBetween(profile, 0, 10_000))).toEqual([
      ['inner < outer', 3],
      ['outer', 1],
      ['inner', 1],
    ]);
  });

  it('count in the window alone, from its beginning to before its end', () => {
    expect(names(looksBetween(profile, 1100, 2000))).toEqual([
      ['inner < outer', 1],
      ['outer', 1],
    ]);
  });

  it('of what is not there are refused', () => {
    const broken = { ...profile, samples: [99], timeDeltas: [0] };
    expect(() => looksBetween(broken, 0, 10_000)).toThrow(CpuProfileError);
  });
});

it.each([
  ['no JSON', 'expected a CPU profile as JSON'],
  ['{"nodes":[]}', 'expected nodes, samples and a startTime'],
  ['{"nodes":[],"samples":[1],"timeDeltas":[],"startTime":0}', 'expected as many timeDeltas as samples'],
  ['null', 'expected nodes, samples and a startTime'],
])('%s is not taken for a profile', (text, why) => {
  expect(() => parseCpuProfile(text, 'a.cpuprofile')).toThrow(`a.cpuprofile: ${why}`);
});

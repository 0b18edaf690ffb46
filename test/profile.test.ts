import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { packagePath } from '../src/cli/packagePath.ts';

it('says where the time of a request goes, of the program that is published, and adds up to what the bench sees', () => {
  const load = ['--clients', '20', '--time', '500ms', '--warmup', '100ms'];
  const program = packagePath('dist', 'bench', 'profile', 'main.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, ...load, '--no-compare', '--calls', '0s', '--json'],
    { encoding: 'utf8', timeout: 60_000 },
  );
  expect(status, stderr).toBe(0);
  const found = JSON.parse(stdout) as {
    readonly profiled: { readonly serversCpuUs: number };
    readonly breakdowns: Record<
      'leader' | 'followers' | 'bench',
      { readonly cpuUs: number; readonly stages: Record<string, number>; readonly packages: Record<string, number> }
    >;
  };
  const { leader, followers, bench } = found.breakdowns;
  const share = (leader.cpuUs + followers.cpuUs) / found.profiled.serversCpuUs;
  // The bench counts in hundredths of a second, and looks a moment before and after.
  expect(share).toBeGreaterThan(0.3);
  expect(share).toBeLessThan(3);
  expect(Object.keys(leader.packages)).toContain('src/server/host');
  expect(Object.keys(bench.stages).length).toBeGreaterThan(2);
});

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { allocatorEnvironment } from './allocator.ts';
import { packagePath } from './packagePath.ts';

const COMMANDS = ['rkvd', 'rkvctl', 'rkv-cluster', 'rkv-bench'];

describe("the allocator's settings", () => {
  it('are the same whoever starts a process: the supervisor, or a person', () => {
    vi.stubEnv('GLIBC_TUNABLES', undefined);
    const told = `GLIBC_TUNABLES="\${GLIBC_TUNABLES-${allocatorEnvironment().GLIBC_TUNABLES}}"`;
    for (const command of COMMANDS) expect(readFileSync(packagePath('bin', command), 'utf8')).toContain(told);
  });

  it('are what the user says, where the user says something, be it nothing', () => {
    vi.stubEnv('GLIBC_TUNABLES', '');
    expect(allocatorEnvironment()).toEqual({ GLIBC_TUNABLES: '' });
  });

  it('leave a command what it is: its arguments, its exit code, its process', () => {
    const { status, stderr } = spawnSync(packagePath('bin', 'rkvctl'), ['-cluster=a b:x', 'get', 'key'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('a b:x');
  });
});

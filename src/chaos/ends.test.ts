import { expect, it } from 'vitest';
import { ExitCode } from '../wire/supervision.ts';
import { Ends } from './ends.ts';

const exit = (code: number | null, signal: NodeJS.Signals | null = null) => ({ code, signal, spawnError: undefined });

it('takes no end for ours that was not brought about in that way, or by nobody any more', () => {
  const told = (...notes: ((ends: Ends) => void)[]) => {
    const ends = new Ends();
    for (const note of notes) note(ends);
    return ends.foreign;
  };
  const crash =
    (id: number, ...how: Parameters<typeof exit>) =>
    (ends: Ends) =>
      ends.note({ type: 'crashed', id, pid: 70 + id, exit: exit(...how) });
  const killed = crash(1, null, 'SIGKILL');
  const expecting = (id: number, end: 'kill' | 'full disk') => (ends: Ends) => ends.expect(id, end);
  expect(told(expecting(1, 'kill'), killed)).toBeUndefined();
  expect(told(expecting(1, 'full disk'), crash(1, ExitCode.DiskFull))).toBeUndefined();
  expect(told(expecting(1, 'full disk'), crash(1, 1))).toBe('server 1 (pid 71) crashed: exit code 1');
  expect(told(killed)).toBe('server 1 (pid 71) crashed: signal SIGKILL');
  expect(told(expecting(2, 'kill'), killed, crash(3, 1))).toBe('server 1 (pid 71) crashed: signal SIGKILL');
  expect(told(expecting(1, 'kill'), crash(1, 1))).toBe('server 1 (pid 71) crashed: exit code 1');
  expect(told(expecting(1, 'full disk'), crash(1, null, 'SIGSEGV'))).toBe('server 1 (pid 71) crashed: signal SIGSEGV');
  expect(told(expecting(1, 'kill'), (ends) => ends.expectNone(1), killed)).toMatch(/crashed/);
  const refused = (ends: Ends) => ends.note({ type: 'refused', id: 1, pid: 71, why: 'its data' });
  expect(told(expecting(1, 'full disk'), refused)).toMatch(/^server 1 \(pid 71\) refuses its data/);
});

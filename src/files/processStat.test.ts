import { describe, expect, it } from 'vitest';
import { mainThreadStat, parseProcessStat, processStat } from './processStat.ts';

describe('what the kernel says of a process', () => {
  it('is read behind its name, whatever that holds', () => {
    const stat = parseProcessStat('12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 4711');
    expect(stat).toEqual({ state: 'S', cpuSeconds: 2, startTicks: '4711' });
    expect(parseProcessStat('12 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20')?.cpuSeconds).toBe(2);
  });

  it('is nothing where there is none', () => {
    expect(parseProcessStat('')).toBeUndefined();
    expect(parseProcessStat('garbage')).toBeUndefined();
    expect(processStat(2 ** 30)).toBeUndefined();
  });

  it.runIf(process.platform === 'linux')('is of this process and of its main thread', () => {
    const [whole, thread] = [processStat(process.pid)!, mainThreadStat()!];
    expect(whole.cpuSeconds).toBeGreaterThan(0);
    expect(thread.cpuSeconds).toBeLessThanOrEqual(processStat(process.pid)!.cpuSeconds);
    expect(thread.startTicks).toBe(whole.startTicks);
  });
});

import { describe, expect, it } from 'vitest';
import type { Log } from './log.ts';
import { LogLimiter, limitLog } from './logLimiter.ts';

describe('LogLimiter', () => {
  it('lets one line a second through, and says how many it kept back', () => {
    let nowMs = 0;
    const limiter = new LogLimiter(() => nowMs, 1);
    expect(limiter.pass('a')).toBe('');
    for (let i = 0; i < 1000; i++) expect(limiter.pass('a')).toBeUndefined();
    expect(limiter.pass('b')).toBe('');
    nowMs = 999;
    expect(limiter.pass('a')).toBeUndefined();
    nowMs = 1000;
    expect(limiter.pass('a')).toBe(' (and 1001 like it since, not logged)');
    expect(limiter.pass('b')).toBe('');
  });

  it('is bounded in lines and in memory where every line is another', () => {
    let nowMs = 0;
    const limiter = new LogLimiter(() => nowMs, 1);
    let passed = 0;
    for (let i = 0; i < 100_000; i++) {
      nowMs = i / 10;
      if (limiter.pass(`key ${i}`) !== undefined) passed++;
    }
    // Ten seconds of 10,000 lines each.
    expect(passed).toBeLessThanOrEqual(11 * 16);
    nowMs += 1000;
    expect(limiter.pass('a')).toMatch(/^ \(and \d+ of other kinds since, not logged\)$/);
  });
});

describe('limitLog', () => {
  it('takes lines that differ in numbers only for alike', () => {
    const lines: string[] = [];
    const write = (level: string) => (fields: object, message: string) =>
      void lines.push(`${level} ${JSON.stringify(fields)} ${message}`);
    const log = { info: write('info'), warn: write('warn'), error: write('error') } as unknown as Log;
    let nowMs = 0;
    const limited = limitLog(log, () => nowMs, 2);
    for (let peer = 0; peer < 50; peer++)
      limited.warn({ peer }, `refused: this is server 1, not server ${peer}: ${'x'.repeat(100)}`);
    limited.error({}, 'refused: no hello');
    nowMs = 1000;
    limited.warn({ peer: 50 }, `refused: this is server 1, not server 50: ${'x'.repeat(100)}`);
    expect(lines.map((line) => line.replace(/: x+/, ''))).toEqual([
      'warn {"peer":0} refused: this is server 1, not server 0',
      'warn {"peer":1} refused: this is server 1, not server 1',
      'error {} refused: no hello',
      'warn {"peer":50} refused: this is server 1, not server 50 (and 48 like it since, not logged)',
    ]);
  });
});

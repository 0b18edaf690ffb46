import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogBuffer } from './logBuffer.ts';
import { LogFile } from './logFile.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('LogBuffer', () => {
  it('puts lines together however they arrive, byte by byte too', () => {
    const buffer = new LogBuffer();
    for (const byte of bytes('one\ntwö\r\nthree')) buffer.push('stdout', Uint8Array.of(byte));
    expect(buffer.last(10)).toEqual(['one', 'twö', 'three']);
  });

  it('keeps the lines of two streams apart', () => {
    const buffer = new LogBuffer();
    buffer.push('stdout', bytes('half '));
    buffer.push('stderr', bytes('whole\n'));
    buffer.push('stdout', bytes('a line\n'));
    expect(buffer.last(10)).toEqual(['whole', 'half a line']);
  });

  it('keeps the last lines, and no more than it may', () => {
    const buffer = new LogBuffer(3);
    for (let i = 0; i < 1000; i++) buffer.push('stdout', bytes(`line ${i}\n`));
    expect(buffer.last(2)).toEqual(['line 998', 'line 999']);
    expect(buffer.last(100)).toEqual(['line 997', 'line 998', 'line 999']);
  });

  it('keeps the beginning of a line that never ends', () => {
    const buffer = new LogBuffer();
    for (let i = 0; i < 100; i++) buffer.push('stdout', bytes('x'.repeat(1000)));
    expect(buffer.last(1)[0]).toHaveLength(2000);
  });
});

describe('LogFile', () => {
  it('appends, and puts a full file aside', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rkv-log-'));
    try {
      const path = join(folder, 'logs', 'a.log');
      const file = new LogFile(path, 10);
      for (const text of ['12345', '67890', 'abc']) file.write(bytes(text));
      file.close();
      file.write(bytes('too late'));
      const again = new LogFile(path, 10);
      again.write(bytes('def'));
      again.close();
      expect(readFileSync(path, 'utf8')).toBe('abcdef');
      expect(readFileSync(`${path}.1`, 'utf8')).toBe('1234567890');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

import { describe, expect, it } from 'vitest';
import { GatheredBytes } from '../http2/gatheredBytes.ts';
import { framed, MessageReader } from './messageReader.ts';
import { percentEncode } from './status.ts';
import { coarseMs, parseTimeoutMs } from './timeout.ts';

describe('grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['40m', 40],
    ['500u', 0.5],
    ['1000000n', 1],
    ['99999999H', 2 ** 31 - 1],
    ['0m', 0],
    ['', undefined],
    ['1', undefined],
    ['123456789S', undefined],
    ['-1S', undefined],
    ['1.5S', undefined],
  ])('%s', (text, ms) => expect(parseTimeoutMs(text)).toBe(ms));

  it('is kept by timers that many calls share, never early and a sixteenth late at most', () => {
    const times = new Set<number>();
    for (let ms = 1; ms < 4096; ms += 0.25) {
      const coarse = coarseMs(ms);
      expect(coarse).toBeGreaterThanOrEqual(ms);
      expect(coarse).toBeLessThanOrEqual(Math.max(ms + 1, ms * (1 + 1 / 16)));
      times.add(coarse);
    }
    expect(times.size).toBeLessThan(250);
  });
});

describe('grpc-message', () => {
  it.each([
    ['plain text, "quoted"', 'plain text, "quoted"'],
    ['100 %', '100 %25'],
    ['ü\n', '%C3%BC%0A'],
    ['\ud800', '%EF%BF%BD'],
  ])('%j', (text, encoded) => expect(percentEncode(text)).toBe(encoded));

  it('is bounded', () => {
    expect(percentEncode('x'.repeat(100_000)).length).toBeLessThan(5000);
  });
});

function reading(bytesMax = 1 << 20) {
  const messages: Buffer[] = [];
  const state = { kept: 0, keptMost: 0, refused: [] as number[] };
  const reader = new MessageReader({
    message: (bytes) => messages.push(Buffer.from(bytes)),
    begins: (bytes, isCompressed) => {
      if (bytes <= bytesMax && !isCompressed) return true;
      state.refused.push(bytes);
      return false;
    },
    kept: (bytes) => {
      state.kept += bytes;
      state.keptMost = Math.max(state.keptMost, state.kept);
    },
  });
  return { reader, messages, state };
}

describe('messages', () => {
  const texts = ['', 'a', 'bb', 'x'.repeat(5000), '', 'end'];
  const stream = Buffer.concat(texts.map((text) => framed(Buffer.from(text))));

  it.each([1, 2, 3, 4, 5, 6, 7, 100, 4096, 10_000])('are found in pieces of %i bytes', (size) => {
    const { reader, messages, state } = reading();
    for (let at = 0; at < stream.length; at += size) reader.take(stream.subarray(at, at + size));
    expect(messages.map(String)).toEqual(texts);
    expect(state.kept).toBe(0);
    expect(reader.isUnfinished).toBe(false);
  });

  it('take what came of them, and not what they announce', () => {
    const { reader, state } = reading();
    reader.take(framed(Buffer.alloc(1 << 20)).subarray(0, 100));
    expect(state.kept).toBeLessThanOrEqual(1024);
    for (let i = 0; i < 1000; i++) reader.take(Buffer.alloc(100));
    expect(state.kept).toBeLessThan(210_000);
    reader.stop();
    expect(state.kept).toBe(0);
  });

  it('are refused by their length before they come, and nothing behind them is taken', () => {
    const { reader, messages, state } = reading(10);
    reader.take(Buffer.concat([framed(Buffer.from('fits')), framed(Buffer.alloc(11)).subarray(0, 5)]));
    reader.take(framed(Buffer.from('later')));
    expect(messages.map(String)).toEqual(['fits']);
    expect(state.refused).toEqual([11]);
  });
});

describe('gathered bytes', () => {
  it('come out as they went in', () => {
    const gathered = new GatheredBytes();
    const all = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251));
    const out: Buffer[] = [];
    for (let at = 0; at < all.length; at += 7) {
      gathered.append(all.subarray(at, at + 7));
      if (at % 5 === 0) out.push(gathered.take(11));
    }
    while (gathered.length > 0) out.push(gathered.take(100));
    expect(Buffer.concat(out).equals(all)).toBe(true);
    expect(gathered.capacity).toBe(0);
  });
});

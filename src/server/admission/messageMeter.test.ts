import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageMeter } from './messageMeter.ts';

const framed = (size: number) => {
  const bytes = Buffer.alloc(5 + size, 0xff);
  bytes[0] = 0;
  bytes.writeUInt32BE(size, 1);
  return bytes;
};

describe('a message meter', () => {
  it('knows what of an unfinished message came, however the stream is cut', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (messages, cuts) => {
        const stream = Buffer.concat(messages.map(framed));
        const ends = messages.map((_, i) => messages.slice(0, i + 1).reduce((sum, size) => sum + size + 5, 0));
        const meter = new MessageMeter();
        for (let pos = 0, i = 0; pos < stream.length; i++) {
          const next = Math.min(stream.length, pos + cuts[i % cuts.length]!);
          meter.take(stream.subarray(pos, next));
          pos = next;
          const whole = Math.max(0, ...ends.filter((end) => end <= pos));
          expect([meter.wholeBytes, meter.unfinishedBytes]).toEqual([whole, pos - whole]);
        }
      }),
    );
  });

  it('counts what came, not what was announced', () => {
    const meter = new MessageMeter();
    const announced = Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    meter.take(announced);
    expect(meter.unfinishedBytes).toBe(8);
    expect(meter.largestBytes).toBe(0xffffffff);
  });
});

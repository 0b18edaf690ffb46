import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommandType, decodeCommand, encodeCommand, REGISTER_BYTES } from './command.ts';
import { scanCommand } from './commandScan.ts';
import { decodeFence, encodeFence, mayBeFence } from './fence.ts';

describe('a fence', () => {
  it('is read as it was written, and found by its first byte', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), fc.string(), (id, instance) => {
        const bytes = encodeFence({ id, instance });
        expect(decodeFence(bytes)).toEqual({ id, instance });
        expect(mayBeFence(bytes)).toBe(true);
      }),
    );
  });

  it('is a registration to whoever does not know it', () => {
    const bytes = encodeFence({ id: 2, instance: 'f'.repeat(32) });
    expect(decodeCommand(bytes)).toEqual({ type: CommandType.Register });
    expect(scanCommand(bytes)).toMatchObject({ type: CommandType.Register });
  });

  it('is nothing that a client’s command is written as', () => {
    const insert = encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq: 1, key: 'k', value: 'v' });
    for (const bytes of [REGISTER_BYTES, insert]) {
      expect(mayBeFence(bytes)).toBe(false);
      expect(decodeFence(bytes)).toBeUndefined();
    }
    const bytes = encodeFence({ id: 2, instance: 'a' });
    expect(decodeFence(Uint8Array.of(...bytes, ...insert))).toBeUndefined();
    for (let length = 0; length < bytes.length; length++)
      expect(decodeFence(bytes.subarray(0, length))).toBeUndefined();
  });

  it('cannot be had from garbage by an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (garbage) => {
        const fence = decodeFence(Uint8Array.of(0x7a, ...garbage));
        if (fence !== undefined) expect(fence.id).toBeGreaterThan(0);
      }),
    );
  });
});

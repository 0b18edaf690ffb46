import { describe, expect, it } from 'vitest';
import { UnknownFormatError } from './contract.ts';
import { encodeVersion, readVersion } from './version.ts';

describe('the version of a store', () => {
  it('is read as it was written', () => {
    expect(readVersion(encodeVersion())).toEqual({ damage: undefined });
    expect(readVersion(undefined)).toEqual({ damage: 'it is missing' });
  });

  it('is another only where it is whole: with any flipped bit, and cut anywhere, it is damaged', () => {
    for (const whole of [encodeVersion(), encodeVersion(23)]) {
      for (let at = 0; at < whole.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const flipped = Uint8Array.from(whole);
          flipped[at]! ^= 1 << bit;
          expect(readVersion(flipped)).toEqual({ damage: 'it is damaged' });
        }
        expect(readVersion(whole.subarray(0, at))).toEqual({ damage: 'it is damaged' });
      }
    }
    expect(() => readVersion(encodeVersion(23))).toThrow(UnknownFormatError);
    expect(() => readVersion(encodeVersion(23))).toThrow('stored in format 23; this program reads format 1');
  });
});

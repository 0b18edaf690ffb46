import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { NO_FENCE } from './fence.ts';
import { fenceMetadata, fenceOf, reasonOf } from './reason.ts';

const INSTANCE = '0123456789abcdef'.repeat(2);

describe('the fence that a refusal names', () => {
  it.each([NO_FENCE, { index: 1, instance: INSTANCE }, { index: Number.MAX_SAFE_INTEGER, instance: INSTANCE }])(
    'comes back as it was: %o',
    (fence) => {
      const metadata = fenceMetadata('superseded', fence);
      expect(reasonOf({ metadata })).toBe('superseded');
      expect(fenceOf({ metadata })).toEqual(fence);
    },
  );

  it.each(['', '7', `x ${INSTANCE}`, `-1 ${INSTANCE}`, '7 another', `9007199254740992 ${INSTANCE}`, `7 ${INSTANCE}0`])(
    'is not taken from %j',
    (text) => {
      const metadata = new Metadata();
      metadata.set('rkv-fence', text);
      expect(fenceOf({ metadata })).toBeUndefined();
    },
  );

  it('is none where nothing is said of it', () => {
    expect(fenceOf({})).toBeUndefined();
    expect(fenceOf({ metadata: new Metadata() })).toBeUndefined();
  });
});

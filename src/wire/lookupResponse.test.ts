import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LookupResponse } from './generated/rkv.ts';
import { encodeLookupResponse } from './lookupResponse.ts';

it('the answer to a lookup is what the generated code makes of it, in memory of its own', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const value = Buffer.from(text);
      const bytes = encodeLookupResponse(value);
      value.fill(0x78);
      expect(LookupResponse.decode(bytes)).toEqual({ value: text });
    }),
  );
});

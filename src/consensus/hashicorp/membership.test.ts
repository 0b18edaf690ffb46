import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedBytesError } from '../../bytes/byteReader.ts';
import { MalformedMessageError, simpleConfiguration } from '../contract.ts';
import { decodeConfiguration, encodeConfiguration } from './membership.ts';

const configurations = fc
  .uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 })
  .chain((ids) =>
    fc
      .integer({ min: 1, max: ids.length })
      .map((voters) => simpleConfiguration(ids.slice(0, voters), ids.slice(voters))),
  );
describe('the data of a membership entry', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(configurations, (configuration) => {
        expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
      }),
    );
  });

  it('is refused by name where it is malformed', () => {
    const refused = [
      [],
      [2, 1, 1, 0],
      [1, 1, 1],
      [1, 2, 2, 1, 0],
      [1, 1, 0, 0],
      [1, 1, 1, 1, 1],
      [1, 9, 1, 0],
      [1, 1, 1, 0, 7],
    ];
    for (const bytes of refused) {
      let thrown: unknown;
      try {
        decodeConfiguration(Uint8Array.from(bytes));
      } catch (error) {
        thrown = error;
      }
      expect(thrown instanceof MalformedMessageError || thrown instanceof MalformedBytesError, String(bytes)).toBe(
        true,
      );
    }
  });
});

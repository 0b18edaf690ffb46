import { describe, expect, it } from 'vitest';
import { parseAddresses } from './addresses.ts';
import { AddressError } from './errors.ts';
import { grpcReason } from './grpcReason.ts';

describe('parseAddresses', () => {
  it('fills in the host', () => {
    expect(parseAddresses(':9201, db:9202,[::1]:9203')).toEqual(['127.0.0.1:9201', 'db:9202', '[::1]:9203']);
  });

  it('says what is wrong', () => {
    for (const bad of ['', ':', '9201', ':0', ':65536', 'a b:1', ':9201,', 'http://x:1']) {
      expect(() => parseAddresses(bad), bad).toThrow(AddressError);
    }
    expect(() => parseAddresses(':9201,127.0.0.1:9201')).toThrow('127.0.0.1:9201 stands twice');
  });
});

describe('grpcReason', () => {
  it("unwraps the connection's error", () => {
    const details =
      'No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:9301. Resolution note: ';
    expect(grpcReason({ details })).toBe('connect ECONNREFUSED 127.0.0.1:9301');
    expect(grpcReason({ details: 'the key is empty' })).toBe('the key is empty');
  });
});

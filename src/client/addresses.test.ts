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
    for (const other of ['127.1:09201', '[::ffff:127.0.0.1]:9201', '0x7f.0.0.1:9201']) {
      expect(() => parseAddresses(`:9201,${other}`), other).toThrow('stands twice');
    }
    for (const same of ['db:1,DB:1', 'db:1,db.:1', '[::1]:1,[0:0::1]:1', '[fe80::A]:1,[FE80::a]:1']) {
      expect(() => parseAddresses(same), same).toThrow('stands twice');
    }
    expect(parseAddresses('db:1,db:2,[::1]:1,[::2]:1')).toHaveLength(4);
    for (const bad of ['[:::]:1', '[1]:1', '[1.2.3.4]:1']) expect(() => parseAddresses(bad), bad).toThrow(AddressError);
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

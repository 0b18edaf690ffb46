import { describe, expect, it } from 'vitest';
import { connectionsFor, parseDescriptorLimit } from './descriptors.ts';

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units     
Max processes             unlimited            unlimited            processes 
Max open files            64                   1024                 files     
Max locked memory         8388608              8388608              bytes     
`;

describe('the number of connections', () => {
  it('reads the soft limit on open files as Linux tells it', () => {
    expect(parseDescriptorLimit(LIMITS)).toBe(64);
    expect(parseDescriptorLimit(LIMITS.replace('64   ', 'unlimited'))).toBeUndefined();
  });

  it('200 connections took the descriptors of the store under `ulimit -n 64`', () => {
    const inUse = 24;
    expect(connectionsFor(64, inUse, 2)).toBeLessThanOrEqual(64 - inUse - 20);
  });

  it('is no less than what peers and a client need, and no more than a process can look after', () => {
    expect(connectionsFor(20, 24, 2)).toBe(4);
    expect(connectionsFor(1_000_000, 24, 2)).toBe(16_384);
    expect(connectionsFor(undefined, 24, 2)).toBe(16_384);
  });

  it('took the descriptors of the store where -maxconnections asked for more than they leave room for', () => {
    expect(connectionsFor(64, 24, 2, 1000)).toBe(connectionsFor(64, 24, 2));
    expect(connectionsFor(64, 24, 2, 3)).toBe(3);
    for (const limit of [1_000_000, undefined]) expect(connectionsFor(limit, 24, 2, 20_000)).toBe(20_000);
  });
});

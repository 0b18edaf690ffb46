import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../../consensus/contract.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshotRecord.ts';

describe('the stored form of a snapshot', () => {
  it('a configuration of very many servers, as a peer may send it, took down the server that stored it', () => {
    const voters = Array.from({ length: 300_000 }, (_, i) => i + 1);
    const snapshot = {
      index: 5,
      term: 2,
      configuration: simpleConfiguration(voters, [400_000]),
      data: Uint8Array.of(7),
    };
    const { value, checksum } = encodeSnapshot(snapshot);
    const decoded = decodeSnapshot('s', value, checksum).snapshot;
    expect(decoded?.configuration).toEqual(snapshot.configuration);
    expect(decoded?.data).toEqual(snapshot.data);
  });
});

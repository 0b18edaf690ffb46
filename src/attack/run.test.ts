import { describe, expect, it } from 'vitest';
import { frameBytes } from '../net/http2/frame.ts';
import { ATTACKS } from './attacks.ts';
import { CASES } from './cases.ts';
import { abandonedStreams, BEGINNING, grpcMessage } from './http2Frames.ts';
import { failuresOf } from './run.ts';

describe('an attack', () => {
  it('has bounds to be held to, and bounds have an attack', () => {
    expect(CASES.map(({ name }) => name).sort()).toEqual(Object.keys(ATTACKS).sort());
  });

  it('fails for memory, for silence and for a lost leader, each named', () => {
    const one = { name: 'x', nodes: 3, rssMibMax: 100, gapMsMax: 50 };
    expect(failuresOf(one, { rssMib: 100, gapMs: 50, leaderChanges: 0 })).toEqual([]);
    const shared = { ...one, throughputShareMin: 0.9 };
    const held = { rssMib: 100, gapMs: 50, leaderChanges: 0 };
    expect(failuresOf(shared, { ...held, throughputShare: 0.9 })).toEqual([]);
    expect(failuresOf(shared, { ...held, throughputShare: 0.884 })).toEqual([
      '88 % of the answers a second were left, at least 90 % have to be',
    ]);
    const failures = failuresOf(one, { rssMib: 101, gapMs: 51, leaderChanges: 2 });
    expect(failures).toEqual([
      expect.stringContaining('101 MiB'),
      expect.stringContaining('51 ms'),
      expect.stringContaining('leadership changed'),
    ]);
  });
});

describe('frames', () => {
  it('are laid out as RFC 9113 says', () => {
    expect([...frameBytes(6, 1, 5, Uint8Array.of(7, 8))]).toEqual([0, 0, 2, 6, 1, 0, 0, 0, 5, 7, 8]);
    expect(BEGINNING.subarray(0, 24).toString()).toBe('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect([...grpcMessage(Uint8Array.of(9), 300)]).toEqual([0, 0, 0, 1, 44, 9]);
  });

  it('of abandoned streams number them oddly and upwards', () => {
    const bytes = abandonedStreams('/a', 3, 2);
    const streams: number[] = [];
    for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) streams.push(bytes.readUInt32BE(at + 5));
    expect(streams).toEqual([3, 3, 5, 5]);
  });
});

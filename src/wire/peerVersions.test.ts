import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHello, encodeHello, encodeWelcome } from './peerCodec.ts';
import { HEADER_BYTES } from './peerFrames.ts';
import {
  agreedVersion,
  allRead,
  clusterVersion,
  does,
  explainVersions,
  OPENING_VERSION,
  PEER_VERSIONS,
  rangeOf,
  readersOf,
  toldVersions,
  type VersionRange,
} from './peerVersions.ts';

const versions = fc.integer({ min: 1, max: 12 });
const ranges = fc.tuple(versions, versions).map(([one, other]): VersionRange => {
  return { oldest: Math.min(one, other), newest: Math.max(one, other) };
});

/** The same, slowly. */
function newestOfAll(all: readonly VersionRange[]): number | undefined {
  for (let version = 12; version >= 1; version--) {
    if (all.every(({ oldest, newest }) => oldest <= version && version <= newest)) return version;
  }
  return undefined;
}

describe('the versions of the peers’ protocol', () => {
  it('are agreed upon by both ends alike: the newest that both speak', () => {
    fc.assert(
      fc.property(ranges, ranges, (one, other) => {
        const expected = newestOfAll([one, other]);
        expect(agreedVersion(one, toldVersions(other))).toBe(expected);
        expect(agreedVersion(other, toldVersions(one))).toBe(expected);
      }),
    );
  });

  it('of a cluster are those of all its members, and of who did not tell the oldest alone', () => {
    fc.assert(
      fc.property(ranges, fc.array(fc.option(ranges, { nil: undefined }), { maxLength: 5 }), (own, others) => {
        const oldestAlone = { oldest: own.oldest, newest: own.oldest };
        expect(clusterVersion(own, others)).toBe(newestOfAll([own, ...others.map((each) => each ?? oldestAlone)]));
      }),
    );
  });

  it('are told as they are, and what is no range is none', () => {
    fc.assert(fc.property(ranges, (range) => void expect(rangeOf(toldVersions(range))).toEqual(range)));
    const bad = [
      { version: 0, newest: 0 },
      { version: 0, newest: 7 },
      { version: 7, newest: 6 },
      { version: 6, newest: 256 },
      { version: 256, newest: 0 },
    ];
    expect(bad.map(rangeOf)).toEqual(bad.map(() => undefined));
    expect(bad.map((told) => agreedVersion(PEER_VERSIONS, told))).toEqual(bad.map(() => undefined));
    expect(rangeOf({ version: 255, newest: 0 })).toEqual({ oldest: 255, newest: 255 });
  });

  it('are named where none is common', () => {
    const own = { oldest: 6, newest: 7 };
    expect(explainVersions(1, own, 3, { version: 8, newest: 9 })).toBe(
      'server 3 speaks peer protocol 8 to 9; server 1 speaks 6 to 7',
    );
    expect(explainVersions(1, own, 3, { version: 5, newest: 0 })).toBe(
      'server 3 speaks peer protocol 5; server 1 speaks 6 to 7',
    );
    expect(explainVersions(1, own, 3, { version: 7, newest: 6 })).toBe(
      'server 3 speaks peer protocol 7 to 6, which is no range; server 1 speaks 6 to 7',
    );
  });

  it.each(['boundSessions', 'promises'] as const)('let be written what all of them read: %s', (feature) => {
    const may = [undefined, 6, 7, 8, 9].map((version) => allRead(version, feature));
    expect(may).toEqual([false, false, false, true, true]);
  });

  it('admit nobody who does not read what the log may have', () => {
    expect(readersOf({ oldest: 6, newest: 9 }, 'boundSessions')).toEqual({ oldest: 8, newest: 9 });
    expect(readersOf({ oldest: 9, newest: 9 }, 'boundSessions')).toEqual({ oldest: 9, newest: 9 });
  });

  it('have features from one version on', () => {
    expect([5, 6, 7, 8].map((version) => does(version, 'namedPings'))).toEqual([false, false, true, true]);
  });
});

describe('a hello', () => {
  const hello = { from: 1, to: 2, engine: 'etcd', introduction: undefined };

  it('is read by versions that speak 6 alone: it is a frame of 6, and says 6 where they look', () => {
    const bytes = encodeHello(hello, PEER_VERSIONS);
    const alone = encodeHello(hello, { oldest: 6, newest: 6 });
    expect(bytes[4]).toBe(OPENING_VERSION);
    expect(alone.subarray(HEADER_BYTES).toString('hex')).toBe('080610011802220465746364');
    // What they do not know is behind all that they know.
    expect(bytes.subarray(HEADER_BYTES).toString('hex')).toBe('0806100118022204657463643008');
    expect(encodeWelcome({ introduction: undefined }, PEER_VERSIONS).subarray(HEADER_BYTES).toString('hex')).toBe(
      '08061808',
    );
  });

  it('says a version that they refuse by name, where 6 is not spoken any more, in a frame that they can read', () => {
    const bytes = encodeHello(hello, { oldest: 7, newest: 9 });
    expect(bytes[4]).toBe(OPENING_VERSION);
    expect(decodeHello(bytes.subarray(HEADER_BYTES))).toMatchObject({ version: 7, newest: 9 });
  });
});

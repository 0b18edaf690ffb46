import { describe, expect, it } from 'vitest';
import { type Snapshot, simpleConfiguration } from '../../consensus/contract.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { UnknownFormatError } from './contract.ts';
import { seal } from './record.ts';
import { decodeSnapshot } from './snapshotRecord.ts';
import { encodeSnapshot, randomFrom, snapshotAt } from './testing.ts';

describe('the stored form of a snapshot', () => {
  it('says what was put into it', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const draw = () => Array.from({ length: below(5) }, () => 1 + below(400));
      const ids = () => simpleConfiguration(draw()).voters;
      const snapshot: Snapshot = {
        index: below(3) === 0 ? Number.MAX_SAFE_INTEGER : below(1000),
        term: below(1000),
        configuration: {
          voters: ids(),
          learners: ids(),
          outgoing: ids(),
          learnersNext: ids(),
          autoLeave: below(2) === 0,
        },
        content: new MemoryContent(Uint8Array.from({ length: below(50) }, () => below(256))),
      };
      const { value, checksum } = encodeSnapshot(snapshot);
      expect(decodeSnapshot('s', value, checksum)).toEqual({ snapshot });
    }
  });

  it('with a flipped bit, cut short, missing or of another snapshot is known to be damaged', () => {
    const { value, checksum } = encodeSnapshot(snapshotAt(5, 2));
    for (let at = 0; at < value.length; at++) {
      const flipped = Uint8Array.from(value);
      flipped[at]! ^= 1 << (at % 8);
      for (const each of [flipped, value.subarray(0, at)]) {
        expect(decodeSnapshot('s', each, checksum).snapshot).toBeUndefined();
        expect(decodeSnapshot('s', each, checksum).damage!.reason).toMatch(/checksum is wrong|has \d+ bytes/);
      }
    }
    expect(decodeSnapshot('s', undefined, checksum).damage!.reason).toBe('it is missing');
    const other = encodeSnapshot(snapshotAt(6, 2));
    expect(decodeSnapshot('s', other.value, checksum)).toEqual({
      damage: { reason: 'it is another snapshot', expectedChecksum: checksum, foundChecksum: other.checksum },
    });
  });

  it('is told from another version, and from what ends within its numbers though it was sealed', () => {
    const other = Uint8Array.from(encodeSnapshot(snapshotAt(5, 2)).value);
    other[4] = 2;
    const checksum = seal(other);
    expect(() => decodeSnapshot('s5', other, checksum)).toThrow(UnknownFormatError);
    const short = Uint8Array.from(encodeSnapshot(snapshotAt(5, 2)).value.subarray(0, 8));
    const { reason } = decodeSnapshot('s', short, seal(short)).damage!;
    expect([/cut short/.test(reason), /Error/.test(reason)]).toEqual([true, false]);
  });

  it('a configuration of very many servers, as a peer may send it, took down the server that stored it', () => {
    const voters = Array.from({ length: 300_000 }, (_, i) => i + 1);
    const snapshot = {
      index: 5,
      term: 2,
      configuration: simpleConfiguration(voters, [400_000]),
      content: new MemoryContent(Uint8Array.of(7)),
    };
    const { value, checksum } = encodeSnapshot(snapshot);
    const decoded = decodeSnapshot('s', value, checksum).snapshot;
    expect(decoded?.configuration).toEqual(snapshot.configuration);
    expect(decoded?.content).toEqual(snapshot.content);
  });
});

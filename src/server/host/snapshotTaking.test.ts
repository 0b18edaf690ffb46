import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../../consensus/contract.ts';
import { contentBytes, PieceKeeper } from '../../consensus/snapshotContent.ts';
import { isSnapshotDue, SnapshotTaking } from './snapshotTaking.ts';

/** Where a server takes its snapshots that applies entry after entry. */
function places(id: number, every: number, last: number): number[] {
  const taken: number[] = [];
  for (let index = 1; index <= last; index++) if (isSnapshotDue(id, every, index, taken.at(-1) ?? 0)) taken.push(index);
  return taken;
}

describe('when a server takes a snapshot', () => {
  it('is every so many entries, from the first of them on', () => {
    expect(places(1, 10, 45)).toEqual([10, 20, 30, 40]);
    expect(places(2, 10, 45)).toEqual([4, 14, 24, 34, 44]);
    expect(places(3, 10, 45)).toEqual([8, 18, 28, 38]);
    expect(places(1, 0, 45)).toEqual([]);
    expect(places(5, 1, 4)).toEqual([1, 2, 3, 4]);
  });

  it('is at entries that no other server of a cluster comes near', () => {
    for (const servers of [2, 3, 5, 7]) {
      const every = 100_000;
      const firsts = Array.from({ length: servers }, (_, i) => places(i + 1, every, every)[0]!);
      firsts.sort((a, b) => a - b);
      const gaps = firsts.map((first, i) => (i + 1 < servers ? firsts[i + 1]! : firsts[0]! + every) - first);
      expect(Math.min(...gaps)).toBeGreaterThan(every / servers / 2);
    }
  });

  it('is never later than that, and at the same places after one that came from a leader', () => {
    const ids = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 1000 }), fc.nat(10_000), fc.nat(2000), (id, every, last, more) => {
        const isDue = isSnapshotDue(id, every, last + more, last);
        if (more >= every) expect(isDue).toBe(true);
        const passed = places(id, every, last + more).some((place) => place > last);
        expect(isDue).toBe(passed);
      }),
    );
  });
});

describe('a snapshot that is being taken', () => {
  const head = { index: 7, term: 2, configuration: simpleConfiguration([1]) };

  /** A state of these bytes, and what was asked of it. */
  function source(...bytes: readonly number[]) {
    const asked: string[] = [];
    let read = 0;
    return {
      asked,
      size: bytes.length,
      read: (into: Uint8Array, at: number, end: number) => {
        asked.push(`${at} to ${end}`);
        into.set(bytes.slice(read, read + end - at), at);
        read += end - at;
        return end;
      },
      close: () => void asked.push('close'),
    };
  }

  it('is read so many bytes at a time, no more than there are, each handed on, and let go of once it is whole', () => {
    const state = source(1, 2, 3, 4, 5);
    const keeper = new PieceKeeper();
    const pieces: number[][] = [];
    const taking = new SnapshotTaking(head, state, {
      hasRoom: true,
      addPiece: (piece) => {
        pieces.push([...piece.data]);
        keeper.addPiece(piece);
      },
    });
    expect([taking.read(2), taking.read(2)]).toEqual([undefined, undefined]);
    expect(pieces).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const { content, ...place } = taking.read(2)!;
    expect(place).toEqual(head);
    expect(contentBytes(content)).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
    expect(state.asked).toEqual(['0 to 2', '0 to 2', '0 to 1', 'close']);
  });

  it('is let go of where it is given up', () => {
    const state = source(1, 2);
    const taking = new SnapshotTaking(head, state, new PieceKeeper());
    taking.read(1);
    taking.abandon();
    expect(state.asked).toEqual(['0 to 1', 'close']);
  });
});

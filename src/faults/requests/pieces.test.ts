import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultBook } from '../faultBook.ts';
import { checkFault, type LinkTrouble } from '../serverFault.ts';
import { type OwnFault, type Pieces, piecesOf } from './pieces.ts';

const ALL = [1, 2, 3, 4, 5];
const CUT: LinkTrouble = { kind: 'cut' };
const SLOW: LinkTrouble = { kind: 'delay', shape: { kind: 'fixed', us: 5 } };

/** What servers that were told these do to a message from one to the other: how often it is cut, and how often it is delayed. */
function onTheWay(pieces: Pieces, from: number, to: number): { readonly cuts: number; readonly delays: number } {
  const ends = [
    [from, to, 'to'],
    [to, from, 'from'],
  ] as const;
  const conditions = ends.map(([server, peer, way]) => {
    const book = new FaultBook();
    for (const [i, fault] of (pieces.get(server) ?? []).entries()) {
      checkFault(fault, server, ALL.length);
      book.set(String(i), fault, 0, 1);
    }
    return book.linkCondition(peer, way);
  });
  return {
    cuts: conditions.filter((condition) => condition?.isCut).length,
    delays: conditions.reduce((sum, condition) => sum + (condition?.delays.length ?? 0), 0),
  };
}

function everyWay(): (readonly [from: number, to: number])[] {
  return ALL.flatMap((from) => ALL.filter((to) => to !== from).map((to) => [from, to] as const));
}

const servers = fc.uniqueArray(fc.constantFrom(...ALL), { minLength: 1 });
const link = (trouble: LinkTrouble, to = true, from = true): Extract<OwnFault, { kind: 'link' }> => ({
  kind: 'link',
  targets: 'as the test says',
  to,
  from,
  trouble,
});

describe('what servers are told of a fault', () => {
  it('delays each message once that goes a way which was named, and no other', () => {
    fc.assert(
      fc.property(
        servers,
        fc.option(servers, { nil: undefined }),
        fc.boolean(),
        fc.boolean(),
        (targets, peers, to, from) => {
          const pieces = piecesOf(link(SLOW, to, from), ALL, targets, peers);
          for (const [one, other] of everyWay()) {
            const isSent = to && targets.includes(one) && (peers ?? ALL).includes(other);
            const isGot = from && targets.includes(other) && (peers ?? ALL).includes(one);
            expect(onTheWay(pieces, one, other)).toEqual({ cuts: 0, delays: isSent || isGot ? 1 : 0 });
          }
        },
      ),
    );
  });

  it('keeps targets together apart from the rest, at both ends', () => {
    fc.assert(
      fc.property(servers, (targets) => {
        const pieces = piecesOf(link(CUT), ALL, targets, undefined);
        const isAll = targets.length === ALL.length;
        for (const [one, other] of everyWay()) {
          const isCut = isAll || targets.includes(one) !== targets.includes(other);
          expect(onTheWay(pieces, one, other).cuts).toBe(isCut ? 2 : 0);
        }
      }),
    );
  });

  it('keeps groups apart, and leaves alone who is in none', () => {
    const pieces = piecesOf({ kind: 'groups', groups: [[1, 2], [3], [4]] }, ALL, [], undefined);
    const group = new Map([
      [1, 'a'],
      [2, 'a'],
      [3, 'b'],
      [4, 'c'],
    ]);
    for (const [one, other] of everyWay()) {
      const isCut = group.has(one) && group.has(other) && group.get(one) !== group.get(other);
      expect(onTheWay(pieces, one, other).cuts).toBe(isCut ? 2 : 0);
    }
  });

  it('is the same for each target where it is of the server itself', () => {
    const slow: OwnFault = { kind: 'slow-disk', targets: 'all', syncAddedUs: 7 };
    expect(piecesOf(slow, ALL, [2, 4], undefined)).toEqual(
      new Map([2, 4].map((id) => [id, [{ kind: 'slow-disk', syncAddedUs: 7 }]])),
    );
    const clock: OwnFault = { kind: 'clock', targets: '1', rate: 2 };
    expect(piecesOf(clock, ALL, [1], undefined)).toEqual(new Map([[1, [{ kind: 'clock', rate: 2 }]]]));
    const clients: OwnFault = { kind: 'client-link', targets: 'all', to: true, from: false, trouble: CUT };
    expect(piecesOf(clients, ALL, [2, 4], undefined)).toEqual(
      new Map([2, 4].map((id) => [id, [{ kind: 'client-link', to: true, from: false, trouble: CUT }]])),
    );
    for (const kind of ['stalled-disk', 'full-disk'] as const) {
      expect(piecesOf({ kind, targets: '3' }, ALL, [3], undefined)).toEqual(new Map([[3, [{ kind }]]]));
    }
  });
});

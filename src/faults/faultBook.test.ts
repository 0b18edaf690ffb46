import { describe, expect, it } from 'vitest';
import { FAULT_MS_MAX, FAULTS_MAX, FaultBook } from './faultBook.ts';
import { InvalidFaultError, type LinkTrouble, type ServerFault } from './serverFault.ts';

const link = (peers: readonly number[], trouble: LinkTrouble, ways = { to: true, from: true }): ServerFault => ({
  kind: 'link',
  peers,
  ...ways,
  trouble,
});
const CUT: LinkTrouble = { kind: 'cut' };

describe('the book of faults', () => {
  it('ends each fault in its own time, and keeps one up that is said again', () => {
    const book = new FaultBook();
    book.set('a', { kind: 'stalled-disk' }, 0, 10);
    book.set('b', { kind: 'full-disk' }, 0, 20);
    expect(book.nextEndMs).toBe(10);
    book.set('a', { kind: 'stalled-disk' }, 5, 10);
    expect(book.expire(14)).toEqual([]);
    expect(book.expire(15).map(({ id }) => id)).toEqual(['a']);
    expect(book.list()).toEqual([{ id: 'b', fault: { kind: 'full-disk' }, endsMs: 20 }]);
    expect([book.heal('a'), book.heal('b'), book.nextEndMs]).toEqual([false, true, Number.POSITIVE_INFINITY]);
  });

  it('says what befalls each peer in each direction, and nothing of the others', () => {
    const book = new FaultBook();
    book.set('cut', link([2], CUT, { to: true, from: false }), 0, 10);
    book.set('loss', link([], { kind: 'loss', chance: 0.5 }), 0, 10);
    book.set('more loss', link([3], { kind: 'loss', chance: 0.5 }, { to: false, from: true }), 0, 10);
    book.set('thin', link([3], { kind: 'bandwidth', bytesPerSecond: 100 }), 0, 10);
    book.set('thinner', link([3], { kind: 'bandwidth', bytesPerSecond: 10 }), 0, 10);
    const shape = { kind: 'fixed', us: 5 } as const;
    book.set('late', link([3], { kind: 'delay', shape }), 0, 10);
    expect(book.linkCondition(2, 'to')).toMatchObject({ isCut: true, lossChance: 0.5, delays: [], keepsOrder: true });
    expect(book.linkCondition(2, 'from')).toMatchObject({ isCut: false, lossChance: 0.5 });
    expect(book.linkCondition(3, 'from')).toEqual({
      isCut: false,
      lossChance: 0.75,
      delays: [shape],
      bytesPerSecond: 10,
      keepsOrder: true,
    });
    book.heal('loss');
    expect(book.linkCondition(2, 'from')).toBeUndefined();
  });

  it('says what befalls clients apart from what befalls peers', () => {
    const book = new FaultBook();
    book.set('peers', link([], CUT), 0, 10);
    book.set('clients', { kind: 'client-link', to: false, from: true, trouble: { kind: 'loss', chance: 0.5 } }, 0, 10);
    expect(book.clientCondition('to')).toBeUndefined();
    expect(book.clientCondition('from')).toMatchObject({ isCut: false, lossChance: 0.5 });
    expect(book.linkCondition(2, 'from')).toMatchObject({ isCut: true, lossChance: 0 });
  });

  it('adds up what befalls the disk and the clock', () => {
    const book = new FaultBook();
    expect(book.diskCondition).toEqual({ syncAddedUs: 0, isStalled: false, isFull: false });
    expect(book.clockRate).toBe(1);
    book.set('1', { kind: 'slow-disk', syncAddedUs: 5 }, 0, 10);
    book.set('2', { kind: 'slow-disk', syncAddedUs: 7 }, 0, 10);
    book.set('3', { kind: 'stalled-disk' }, 0, 10);
    book.set('4', { kind: 'full-disk' }, 0, 10);
    book.set('5', { kind: 'clock', rate: 2 }, 0, 10);
    book.set('6', { kind: 'clock', rate: 1.5 }, 0, 10);
    expect(book.diskCondition).toEqual({ syncAddedUs: 12, isStalled: true, isFull: true });
    expect(book.clockRate).toBe(3);
  });

  it.each([
    ['', 10],
    ['x'.repeat(65), 10],
    ['a', 0],
    ['a', Number.NaN],
    ['a', FAULT_MS_MAX + 1],
  ])('refuses the id %j for %d ms', (id, lastsMs) => {
    const book = new FaultBook();
    expect(() => book.set(id, { kind: 'full-disk' }, 0, lastsMs)).toThrow(InvalidFaultError);
    expect(book.list()).toEqual([]);
  });

  it('has a bound, up to which known faults are kept up', () => {
    const book = new FaultBook();
    for (let i = 0; i < FAULTS_MAX; i++) book.set(String(i), { kind: 'full-disk' }, 0, 10);
    book.set('0', { kind: 'stalled-disk' }, 0, 10);
    expect(() => book.set('one more', { kind: 'full-disk' }, 0, 10)).toThrow(/a fault too many/);
  });
});

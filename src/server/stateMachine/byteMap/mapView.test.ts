import { describe, expect, it } from 'vitest';
import { ByteMap } from './byteMap.ts';
import type { MapView } from './mapView.ts';

/** Entry `number` gets `length` bytes of `fill`, under a key of two bytes. */
function put(map: ByteMap, number: number, length: number, fill: number): void {
  const bytes = new Uint8Array(2 + length).fill(fill);
  bytes.set([number >> 8, number & 255]);
  map.put(bytes, 0, 2, 2, 2 + length);
}

function read(view: MapView, bytes = view.size): number[] {
  const into = new Uint8Array(bytes);
  return [...into.subarray(0, view.read(into, 0, bytes))];
}

/** A map of `count` entries of 30 bytes. */
function mapOf(count: number): ByteMap {
  const map = new ByteMap();
  for (let i = 0; i < count; i++) put(map, i, 30, 1);
  return map;
}

describe('a view of the map', () => {
  it('needs the entries that were there, until they are read or held', () => {
    const map = mapOf(4);
    const view = map.openView();
    put(map, 4, 30, 1);
    const needed = () => [0, 1, 2, 3, 4, 5].filter((entry) => view.needs(entry));
    expect(needed()).toEqual([0, 1, 2, 3]);
    read(view, 34);
    expect(needed()).toEqual([1, 2, 3]);
    // Half of one is not all of it.
    read(view, 10);
    expect(needed()).toEqual([1, 2, 3]);
    put(map, 2, 30, 2);
    expect(needed()).toEqual([1, 3]);
    map.closeView(view);
    expect(needed()).toEqual([]);
  });

  it('ends with the last of its entries, whatever room there is', () => {
    const map = mapOf(3);
    const view = map.openView();
    put(map, 3, 30, 1);
    const into = new Uint8Array(500);
    expect(view.read(into, 5, 5)).toBe(5);
    expect(view.read(into, 5, 500)).toBe(5 + view.size);
    expect(view.read(into, 7, 500)).toBe(7);
  });

  it('is what it was where the one before it is closed once more', () => {
    const map = mapOf(3);
    const before = map.openView();
    const view = map.openView();
    map.closeView(before);
    for (let i = 0; i < 3; i++) put(map, i, 30, 2);
    expect(read(view)).toEqual([0, 1, 2].flatMap((i) => [2, 0, i, 30, ...new Array<number>(30).fill(1)]));
  });

  it('gives back what it holds when it is closed, when the next one is opened, and as it is read', () => {
    const count = 2000;
    for (const end of ['closed', 'next', 'read'] as const) {
      const map = mapOf(count);
      const before = map.byteLength;
      const view = map.openView();
      for (let i = 0; i < count; i++) put(map, i, 30, 2);
      const holding = map.byteLength;
      expect(holding).toBeGreaterThanOrEqual(before + count * 34);
      if (end === 'closed') map.closeView(view);
      else if (end === 'next') map.openView();
      else read(view);
      expect(map.byteLength, end).toBeLessThanOrEqual(holding - (count * 34) / 2);
      // Once closed it holds no more.
      if (end !== 'closed') continue;
      for (let i = 0; i < count; i++) put(map, i, 30, 3);
      expect(map.byteLength).toBeLessThanOrEqual(holding - (count * 34) / 2);
    }
  });
});

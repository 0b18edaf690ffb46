import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../bytes/byteReader.ts';
import { ByteWriter } from '../../../bytes/byteWriter.ts';
import { ByteMap } from './byteMap.ts';
import type { MapView } from './mapView.ts';
import { APART_BYTES_MIN, SLAB_BYTES_MAX } from './records.ts';

/** The map in its own words. */
class SlowMap {
  private readonly values = new Map<string, Uint8Array>();

  get size(): number {
    return this.values.size;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.values.get(nameOf(key));
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.values.set(nameOf(key), value.slice());
  }

  content(): Uint8Array {
    const out = new ByteWriter();
    for (const [name, value] of this.values) {
      out.field(Buffer.from(name, 'latin1'));
      out.field(value);
    }
    return out.finish();
  }
}

const nameOf = (key: Uint8Array) => Buffer.from(key).toString('latin1');

/** Key and value stand in the middle of other bytes, which are then written over: what is put must be a copy. */
function put(map: ByteMap, key: Uint8Array, value: Uint8Array): void {
  const held = new Uint8Array(key.length + value.length + 3 + value.length);
  held.set(key, 1);
  held.set(value, 2 + key.length);
  map.put(held, 1, 1 + key.length, 2 + key.length, 2 + key.length + value.length);
  held.fill(0xee);
}

function contentOf(map: ByteMap): Uint8Array {
  const bytes = new Uint8Array(map.contentBytes);
  expect(map.readAll(bytes, 0)).toBe(bytes.length);
  return bytes;
}

function restored(content: Uint8Array, size: number): ByteMap {
  const map = new ByteMap({ low: 1, high: size });
  const reader = new ByteReader(content);
  for (let i = 0; i < size; i++) {
    const keyStart = reader.field();
    const keyEnd = reader.pos;
    const from = reader.field();
    map.put(content, keyStart, keyEnd, from, reader.pos);
  }
  return map;
}

type Step =
  | { readonly put: readonly [key: number, length: number, fill: number] }
  | { readonly open: true }
  | { readonly read: number }
  | { readonly close: true }
  | { readonly restore: true };

const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.nat(200) },
  { weight: 4, arbitrary: fc.nat(3000) },
  { weight: 1, arbitrary: fc.integer({ min: APART_BYTES_MIN - 2, max: APART_BYTES_MIN + 3 }) },
);
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 40, arbitrary: fc.record({ put: fc.tuple(fc.nat(30), lengths, fc.nat(255)) }) },
    { weight: 3, arbitrary: fc.constant<Step>({ open: true }) },
    { weight: 6, arbitrary: fc.record({ read: fc.nat(4000) }) },
    { weight: 1, arbitrary: fc.constant<Step>({ close: true }) },
    { weight: 1, arbitrary: fc.constant<Step>({ restore: true }) },
  ),
  { maxLength: 300, size: 'max' },
);

/** Some are longer than one byte says, one takes a slab of its own. */
const KEYS = Array.from({ length: 31 }, (_, number) => {
  const length = number === 30 ? 200_000 : number > 24 ? 120 + number : number;
  return patterned(length, number, 7);
});
const keyOf = (number: number) => KEYS[number]!;

function patterned(length: number, start: number, step: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = start + i * step;
  return bytes;
}

/** Runs the steps on the map and on its twin. */
class Run {
  map = new ByteMap({ low: 3, high: 4 });
  readonly twin = new SlowMap();
  private view: MapView | undefined;
  private expected: Uint8Array = new Uint8Array(0);
  private position = 0;

  step(step: Step): void {
    if ('put' in step) this.put(...step.put);
    else if ('read' in step) this.read(step.read);
    else if ('restore' in step) {
      this.view = undefined;
      this.map = restored(contentOf(this.map), this.map.size);
    } else if ('open' in step) {
      this.view = this.map.openView();
      this.expected = this.twin.content();
      this.position = 0;
      expect(this.view.size).toBe(this.expected.length);
    } else {
      if (this.view !== undefined) this.map.closeView(this.view);
      this.view = undefined;
    }
  }

  private put(keyNumber: number, length: number, fill: number): void {
    const key = keyOf(keyNumber);
    const value = patterned(length, fill, 3);
    put(this.map, key, value);
    this.twin.put(key, value);
    expect(equal(this.map.get(key), value)).toBe(true);
  }

  private read(length: number): void {
    if (this.view === undefined) return;
    const into = new Uint8Array(length + 2).fill(0xcc);
    const end = this.view.read(into, 1, 1 + length);
    const read = Math.min(length, this.expected.length - this.position);
    expect(end).toBe(1 + read);
    expect(equal(into.subarray(1, end), this.expected.subarray(this.position, this.position + read))).toBe(true);
    expect([into[0], into[end]]).toEqual([0xcc, 0xcc]);
    this.position += read;
  }

  finish(): void {
    this.read(this.expected.length);
    const content = this.twin.content();
    expect(this.map.size).toBe(this.twin.size);
    expect(equal(contentOf(this.map), content)).toBe(true);
    for (let number = 0; number <= 30; number++) {
      expect(equal(this.map.get(keyOf(number)), this.twin.get(keyOf(number)))).toBe(true);
    }
  }
}

const equal = (one: Uint8Array | undefined, other: Uint8Array | undefined) =>
  one === undefined || other === undefined ? one === other : Buffer.compare(one, other) === 0;

describe('the map of bytes', () => {
  it('holds what a simple one holds, and a view of it stays as it was while it goes on', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const run = new Run();
        for (const step of all) run.step(step);
        run.finish();
      }),
      { numRuns: 50 },
    );
  });

  it('gives the same bytes whatever its hash, whenever it was tidied, and through a restore', () => {
    const puts = fc.array(fc.tuple(fc.nat(30), lengths, fc.nat(255)), { maxLength: 100 });
    fc.assert(
      fc.property(puts, puts, fc.nat(), (before, after, low) => {
        const value = (length: number, fill: number) => new Uint8Array(length).fill(fill);
        const one = new ByteMap({ low, high: 1 });
        const other = new ByteMap({ low: 1, high: low });
        const view = other.openView();
        for (const [key, length, fill] of before)
          for (const each of [one, other]) put(each, keyOf(key), value(length, fill));
        const third = restored(contentOf(one), one.size);
        other.openView();
        for (const [key, length, fill] of after) {
          for (const each of [one, other, third]) put(each, keyOf(key), value(length, fill));
        }
        expect(view.size).toBe(0);
        expect(equal(contentOf(other), contentOf(one))).toBe(true);
        expect(equal(contentOf(third), contentOf(one))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('finds all of very many keys, none of others, and gives back none before its time', () => {
    const map = new ByteMap();
    const key = new Uint8Array(4);
    const words = new DataView(key.buffer);
    for (let i = 0; i < 100_000; i++) {
      words.setUint32(0, i);
      put(map, key, key.subarray(i % 4));
      if (i % 1000 !== 0) continue;
      words.setUint32(0, i + 1);
      expect(map.get(key)).toBeUndefined();
    }
    expect(map.size).toBe(100_000);
    for (let i = 0; i < 100_000; i++) {
      words.setUint32(0, i);
      if (!equal(map.get(key), key.subarray(i % 4))) expect.fail(`key ${i}`);
    }
  });

  it('a value that fills the memory it came in stays there, and a view has what it was', () => {
    const map = new ByteMap();
    const bytes = new Uint8Array(3 * APART_BYTES_MIN).fill(1);
    map.put(bytes, 0, 3, 3, bytes.length);
    expect(map.get(bytes, 0, 3)!.buffer).toBe(bytes.buffer);
    const view = map.openView();
    const other = new Uint8Array(bytes.length).fill(1, 0, 3);
    map.put(other, 0, 3, 3, bytes.length);
    const read = new Uint8Array(view.size);
    expect(view.read(read, 0, 70_000)).toBe(70_000);
    expect(view.read(read, 70_000, view.size)).toBe(view.size);
    expect(read.subarray(-100)).toEqual(bytes.subarray(-100));
    // One that is a small part of what it came in would keep all of that.
    map.put(bytes, 0, 3, 3, 3 + APART_BYTES_MIN);
    expect(map.get(bytes, 0, 3)!.buffer).not.toBe(bytes.buffer);
  });
});

describe('memory', () => {
  /** Key `number` of 16 bytes, and a value of `length`. */
  function write(map: ByteMap, number: number, length: number): void {
    const bytes = new Uint8Array(16 + length);
    bytes.set(Buffer.from(String(number).padStart(16, '0')));
    map.put(bytes, 0, 16, 16, 16 + length);
  }

  it('is what keys and values take, and 48 bytes a key', () => {
    const map = new ByteMap();
    for (let i = 0; i < 200_000; i++) write(map, i, 100);
    expect(map.byteLength).toBeLessThan(200_000 * (16 + 100 + 48));
    // Values that fit are written where the ones before them are.
    const before = map.byteLength;
    for (let i = 0; i < 200_000; i++) write(map, i, 100 - (i % 20));
    expect(map.byteLength).toBe(before);
  });

  it('follows the keys and not their history: twice that, and some slabs', () => {
    const map = new ByteMap();
    let greatest = 0;
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 5000; i++) write(map, i, (round * 131 + i) % 400);
      greatest = Math.max(greatest, map.byteLength);
    }
    expect(greatest).toBeLessThan(2 * 5000 * (16 + 200 + 48) + 6 * SLAB_BYTES_MAX);
    const content = contentOf(map);
    expect(equal(contentOf(restored(content, map.size)), content)).toBe(true);
  });

  it('that a view holds is given back as it is read, and when it is closed', () => {
    for (const end of ['read', 'closed']) {
      const map = new ByteMap();
      for (let i = 0; i < 20_000; i++) write(map, i, 100);
      const view = map.openView();
      for (let i = 0; i < 20_000; i++) write(map, i, 90);
      expect(map.byteLength).toBeGreaterThan(2 * 20_000 * 116);
      if (end === 'read') view.read(new Uint8Array(view.size), 0, view.size);
      else map.closeView(view);
      expect(map.byteLength).toBeLessThan(20_000 * (16 + 100 + 48) + 4 * SLAB_BYTES_MAX);
    }
  });

  it('of large values is given back with them, or when no view needs them', () => {
    const map = new ByteMap();
    for (let round = 0; round < 20; round++) write(map, round % 2, 10 * APART_BYTES_MIN + round);
    expect(map.byteLength).toBeLessThan(21 * APART_BYTES_MIN + SLAB_BYTES_MAX);
    const view = map.openView();
    for (let round = 0; round < 20; round++) write(map, round % 2, 10 * APART_BYTES_MIN + round);
    expect(map.byteLength).toBeLessThan(42 * APART_BYTES_MIN + SLAB_BYTES_MAX);
    view.read(new Uint8Array(view.size), 0, view.size);
    expect(map.byteLength).toBeLessThan(21 * APART_BYTES_MIN + SLAB_BYTES_MAX);
    for (let number = 0; number < 2; number++) write(map, number, 5);
    expect(map.byteLength).toBeLessThan(SLAB_BYTES_MAX);
  });
});

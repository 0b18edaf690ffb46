import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../bytes/byteWriter.ts';
import { randomFrom } from '../../storage/testing.ts';
import { APART_BYTES_MIN, Records, SLAB_BYTES_MAX } from './records.ts';

/** Records with what a map has of them: where that of each entry stands. */
class Held {
  readonly addresses: number[] = [];
  readonly records = new Records({
    get: (entry) => this.addresses[entry] ?? 0,
    set: (entry, address) => {
      this.addresses[entry] = address;
    },
  });

  /** A record for the next entry, or another one for `entry`. */
  append(key: Uint8Array, value: Uint8Array, entry = this.addresses.length): number {
    const source = new Uint8Array(2 + key.length + 2 * value.length);
    const keyEnd = 1 + key.length;
    source.set(key, 1);
    source.set(value, keyEnd);
    const address = this.records.append(entry, source, 1, keyEnd, keyEnd, keyEnd + value.length);
    this.addresses[entry] = address;
    return address;
  }

  rewrite(entry: number, value: Uint8Array): boolean {
    const source = new Uint8Array(1 + 2 * value.length);
    source.set(value, 1);
    return this.records.rewrite(this.addresses[entry]!, source, 1, 1 + value.length);
  }

  isKey(entry: number, key: Uint8Array): boolean {
    return this.records.isKey(this.addresses[entry]!, Uint8Array.from([7, ...key, 7]), 1, 1 + key.length);
  }

  /** The bytes of what there is, counted anew. */
  get countedBytes(): number {
    const bytesOf = (all: readonly (Uint8Array | { bytes: Uint8Array } | undefined)[]) =>
      all.reduce((sum, each) => sum + (each === undefined ? 0 : ('bytes' in each ? each.bytes : each).length), 0);
    const spare = Reflect.get(this.records, 'spare') as readonly ArrayBuffer[];
    const slabs = Reflect.get(this.records, 'slabs');
    return bytesOf(slabs) + bytesOf(Reflect.get(this.records, 'apart')) + spare.length * SLAB_BYTES_MAX;
  }

  contentOf(address: number): Uint8Array {
    const into = new Uint8Array(this.records.size(address));
    expect(this.records.read(address, 0, into, 0, into.length)).toBe(into.length);
    return into;
  }
}

const filled = (length: number, byte = 1) => new Uint8Array(length).fill(byte);
const KEY = Uint8Array.of(1, 2, 3);

function encoded(key: Uint8Array, value: Uint8Array): Uint8Array {
  const out = new ByteWriter();
  out.field(key);
  out.field(value);
  return out.finish();
}

/** Compares faster than `toEqual` does. */
function expectSame(found: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(found, expected)).toBe(0);
}

describe('a record', () => {
  it('is read as it was put, from wherever and however far, with a value in it and with one that stands apart', () => {
    for (const length of [0, 1, 127, 128, 300, APART_BYTES_MIN - 1, APART_BYTES_MIN, APART_BYTES_MIN + 5]) {
      for (const key of [filled(0), KEY, filled(49, 4), filled(200, 5)]) {
        const held = new Held();
        const value = Uint8Array.from({ length }, (_, i) => i * 7);
        const address = held.append(key, value);
        const whole = encoded(key, value);
        const { records } = held;
        expect([records.size(address), records.valueLength(address)]).toEqual([whole.length, length]);
        expect(Buffer.compare(records.value(address), value)).toBe(0);
        for (const skipped of [0, 1, key.length, key.length + 1, key.length + 3, whole.length - 1]) {
          if (skipped >= whole.length) continue;
          for (const room of [0, 1, key.length, key.length + 2, 50, whole.length]) {
            const into = filled(room + 2, 0xee);
            const end = records.read(address, skipped, into, 1, 1 + room);
            const expected = whole.subarray(skipped, skipped + room);
            expect(end).toBe(1 + expected.length);
            expect(Buffer.compare(into.subarray(1, end), expected)).toBe(0);
            expect([into[0], into[end]]).toEqual([0xee, 0xee]);
          }
        }
      }
    }
  });

  it('is of its key and of no other: not of a longer one, a shorter one, or one that differs anywhere', () => {
    const held = new Held();
    held.append(KEY, filled(5));
    expect(held.isKey(0, KEY)).toBe(true);
    for (const other of [[], [1, 2], [1, 2, 3, 1], [0, 2, 3], [1, 0, 3], [1, 2, 0]]) {
      expect(held.isKey(0, Uint8Array.from(other)), String(other)).toBe(false);
    }
  });

  it('takes another value where that fits, and does not waste more than half of a large room', () => {
    // With a key of 3 bytes a value of n takes 5 + n bytes, of a room of whole words; 6 + n from 128 on.
    const cases: [number, number, boolean][] = [
      [11, 11, true],
      [11, 10, true],
      [11, 12, false],
      [10, 11, true],
      [10, 12, false],
      // A room of 64 is not left, one of 68 is where less than half of it is needed.
      [59, 0, true],
      [63, 29, true],
      [63, 28, false],
      [63, 0, false],
      [200, 99, true],
      [200, 98, false],
    ];
    for (const [before, after, isTaken] of cases) {
      const held = new Held();
      held.append(KEY, filled(before));
      const value = filled(after, 2);
      expect(held.rewrite(0, value), `${before} to ${after}`).toBe(isTaken);
      expectSame(held.contentOf(held.addresses[0]!), encoded(KEY, isTaken ? value : filled(before)));
    }
  });

  it('has a large value apart, another one in its place, and a small one not', () => {
    const held = new Held();
    const sizes = () => held.records.byteLength;
    const empty = sizes();
    held.append(KEY, filled(APART_BYTES_MIN));
    expect(sizes()).toBe(empty + APART_BYTES_MIN);
    expect(held.rewrite(0, filled(APART_BYTES_MIN - 1))).toBe(false);
    expect(held.rewrite(0, filled(APART_BYTES_MIN + 9, 3))).toBe(true);
    expect(sizes()).toBe(empty + APART_BYTES_MIN + 9);
    expect(held.rewrite(0, filled(APART_BYTES_MIN, 3))).toBe(true);
    expect(held.rewrite(0, filled(APART_BYTES_MIN + 9, 3))).toBe(true);
    expectSame(held.contentOf(held.addresses[0]!), encoded(KEY, filled(APART_BYTES_MIN + 9, 3)));
    held.records.drop(held.addresses[0]!);
    expect(sizes()).toBe(empty);
    held.append(KEY, filled(5), 0);
    expect(held.rewrite(0, filled(APART_BYTES_MIN))).toBe(false);
    // The place of the one that is gone is the next one's.
    const [one, other] = [
      held.append(KEY, filled(APART_BYTES_MIN, 1), 0),
      held.append(KEY, filled(APART_BYTES_MIN, 2), 1),
    ];
    expect([held.records.value(one)[0], held.records.value(other)[0]]).toEqual([1, 2]);
  });
});

const ROUNDS = 40;

describe('the memory of records', () => {
  it('is gained back where what stood in it was given up, a little at a time, and what is left is moved', () => {
    const held = new Held();
    for (let entry = 0; entry < 400; entry++) held.append(KEY, filled(100 + (entry % 50), entry % 256));
    for (let round = 0; round < ROUNDS; round++) {
      for (let entry = 0; entry < 400; entry++) {
        if (entry % 4 === 0) continue;
        const earlier = held.addresses[entry]!;
        held.append(KEY, filled(100 + ((entry + round) % 50), (entry + round) % 256), entry);
        held.records.drop(earlier);
        held.records.tidy();
      }
    }
    // One slab, though ten times that was written: also what was never given up is there.
    for (let entry = 0; entry < 400; entry++) {
      const age = entry % 4 === 0 ? 0 : ROUNDS - 1;
      const value = filled(100 + ((entry + age) % 50), (entry + age) % 256);
      if (Buffer.compare(held.contentOf(held.addresses[entry]!), encoded(KEY, value)) !== 0) expect.fail(`${entry}`);
    }
    expect(held.records.byteLength).toBe(SLAB_BYTES_MAX);
  });

  it('that a snapshot holds is kept as it was, and given back once nobody needs it', () => {
    const held = new Held();
    for (let entry = 0; entry < 400; entry++) held.append(KEY, filled(100, entry % 256));
    held.append(KEY, filled(APART_BYTES_MIN));
    const before = held.records.byteLength;
    const kept = held.addresses.slice();
    for (let entry = 0; entry <= 400; entry++) {
      held.append(KEY, entry === 400 ? filled(APART_BYTES_MIN, 2) : filled(100, 255 - (entry % 256)), entry);
      held.records.hold(kept[entry]!);
      held.records.tidy();
    }
    expect(held.records.byteLength).toBeGreaterThanOrEqual(before + 400 * 100 + APART_BYTES_MIN);
    for (let entry = 0; entry < 400; entry += 7) {
      expectSame(held.contentOf(kept[entry]!), encoded(KEY, filled(100, entry % 256)));
    }
    for (const address of kept) held.records.letGo(address);
    held.records.tidy();
    expect(held.records.byteLength).toBeLessThan(before + 400 * 100);
    for (let entry = 0; entry < 400; entry += 7) {
      expectSame(held.contentOf(held.addresses[entry]!), encoded(KEY, filled(100, 255 - (entry % 256))));
    }
  });

  it('of a key that takes a slab of its own is that slab, and is given back with it', () => {
    const held = new Held();
    const empty = held.records.byteLength;
    const long = filled(SLAB_BYTES_MAX / 8, 3);
    held.append(long, KEY);
    expect(held.records.byteLength).toBeLessThan(empty + long.length + 64);
    // The slab in use stays so.
    held.append(KEY, KEY);
    expect(held.records.byteLength).toBeLessThan(empty + long.length + 64);
    expect([held.isKey(0, long), held.isKey(1, KEY)]).toEqual([true, true]);
    held.records.drop(held.addresses[0]!);
    held.records.tidy();
    expect(held.records.byteLength).toBe(empty);
  });

  it('of full slabs is kept for the next ones, of two and no more, and their places as well', () => {
    const held = new Held();
    // Some seventeen of these fill a slab.
    const value = filled(60_000);
    const put = (count: number) => {
      for (let entry = 0; entry < count; entry++) held.append(KEY, value, entry);
    };
    const dropAll = (count: number) => {
      for (let entry = 0; entry < count; entry++) held.records.drop(held.addresses[entry]!);
      held.records.tidy();
    };
    put(100);
    const full = held.records.byteLength;
    expect(full).toBeGreaterThan(5 * SLAB_BYTES_MAX);
    dropAll(100);
    // The one in use, and two.
    expect(held.records.byteLength).toBe(3 * SLAB_BYTES_MAX);
    put(40);
    expect(held.records.byteLength).toBe(3 * SLAB_BYTES_MAX);
    expect(held.contentOf(held.addresses[39]!)).toHaveLength(encoded(KEY, value).length);
    const places = () => (Reflect.get(held.records, 'slabs') as readonly unknown[]).length;
    const before = places();
    for (let round = 0; round < 5; round++) {
      dropAll(40);
      put(40);
    }
    expect(places()).toBe(before);
    expect(held.records.byteLength).toBe(held.countedBytes);
  });

  it('keeps what was put last, whatever is put, held and let go in whatever order', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const held = new Held();
      const values: Uint8Array[] = [];
      const kept = new Map<number, Uint8Array>();
      for (let step = 0; step < 1500; step++) {
        const length = below(40) === 0 ? APART_BYTES_MIN + below(3) - 1 : below(4) === 0 ? below(1500) : below(120);
        const value = filled(length, below(256));
        const entry = below(60);
        if (entry >= values.length) {
          held.append(KEY, value);
          values.push(value);
          continue;
        }
        const earlier = held.addresses[entry]!;
        const isHeld = below(5) === 0;
        if (isHeld || !held.rewrite(entry, value)) {
          held.append(KEY, value, entry);
          if (isHeld) {
            kept.set(earlier, values[entry]!);
            held.records.hold(earlier);
          } else held.records.drop(earlier);
          held.records.tidy();
        }
        values[entry] = value;
        const [oldest] = kept;
        if (oldest !== undefined && below(6) === 0) {
          if (Buffer.compare(held.records.value(oldest[0]), oldest[1]) !== 0) expect.fail(`step ${step}`);
          kept.delete(oldest[0]);
          held.records.letGo(oldest[0]);
        }
        if (step % 50 === 0) expect(held.records.byteLength).toBe(held.countedBytes);
        const looked = below(values.length);
        const found = held.records.value(held.addresses[looked]!);
        if (Buffer.compare(found, values[looked]!) !== 0) expect.fail(`seed ${seed}, step ${step}, entry ${looked}`);
      }
    }
  });
});

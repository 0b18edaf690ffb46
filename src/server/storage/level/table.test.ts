import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../bytes/byteWriter.ts';
import { maskedCrc32c } from './crc32c.ts';
import { checkTable } from './table.ts';

const MAGIC = 0xdb4775248b80fb57n;
const FOOTER_BYTES = 48;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

const text = (content: string) => new TextEncoder().encode(content);

function numbers(...values: readonly number[]): Uint8Array {
  const out = new ByteWriter();
  for (const value of values) out.varint(value);
  return out.finish();
}

/** The entries of a block, keys without what they share with the one before; then one restart, and their count. */
function blockOf(entries: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let before = '';
  for (const [key, value] of entries) {
    let shared = 0;
    while (shared < Math.min(before.length, key.length) && before[shared] === key[shared]) shared++;
    parts.push(numbers(shared, key.length - shared, value.length), text(key.slice(shared)), value);
    before = key;
  }
  return new Uint8Array(Buffer.concat([...parts, Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0)]));
}

/** What a test changes of a table before its checksums are made. */
interface Changes {
  readonly type?: number;
  readonly magic?: bigint;
  /** A block in place of the second one. */
  readonly second?: Uint8Array;
  /** Another place for the filter than its own. */
  readonly filterAt?: Handle;
}

/** A table with a filter and blocks of two keys each: k0 to k`2 * blocks - 1`. */
function tableOf(blocks: number, { type = 0, magic = MAGIC, second, filterAt }: Changes = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (content: Uint8Array): Handle => {
    const bytes = new Uint8Array(content.length + 5);
    bytes.set(content);
    bytes[content.length] = type;
    new DataView(bytes.buffer).setUint32(content.length + 1, maskedCrc32c(bytes, 0, content.length + 1), true);
    parts.push(bytes);
    const handle = { offset: at, size: content.length };
    at += bytes.length;
    return handle;
  };
  const named = ({ offset, size }: Handle) => numbers(offset, size);
  const handles = Array.from({ length: blocks }, (_, i) =>
    put(
      i === 1 && second !== undefined
        ? second
        : blockOf([
            [`k${2 * i}`, text('value')],
            [`k${2 * i + 1}`, text('other')],
          ]),
    ),
  );
  const filter = put(text('a filter'));
  const meta = put(blockOf([['filter.x', named(filterAt ?? filter)]]));
  const index = put(blockOf(handles.map((handle, i) => [`k${2 * i + 1}`, named(handle)])));
  const footer = new Uint8Array(FOOTER_BYTES);
  footer.set(numbers(meta.offset, meta.size, index.offset, index.size));
  new DataView(footer.buffer).setBigUint64(FOOTER_BYTES - 8, magic, true);
  return new Uint8Array(Buffer.concat([...parts, footer]));
}

describe('a table in the format of LevelDB', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-table-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function check(table: Uint8Array, smallest = 'k0', largest = 'k5', bytes = table.length): Promise<void> {
    const path = join(folder, 'table');
    await writeFile(path, table);
    const file = await open(path);
    try {
      await checkTable(file, { number: 1, bytes, smallest: text(smallest), largest: text(largest) });
    } finally {
      await file.close();
    }
  }

  it('is taken as it was written, of any number of blocks', async () => {
    for (const blocks of [1, 2, 3, 4]) await check(tableOf(blocks), 'k0', `k${2 * blocks - 1}`);
  });

  it('is told from another one by its least key, its greatest and its size', async () => {
    const other = /it is another table/;
    for (const blocks of [1, 2, 3]) {
      const last = `k${2 * blocks - 1}`;
      await expect(check(tableOf(blocks), 'k1', last)).rejects.toThrow(other);
      await expect(check(tableOf(blocks), 'k', last)).rejects.toThrow(other);
      await expect(check(tableOf(blocks), 'k0', 'k0')).rejects.toThrow(other);
    }
    await expect(check(tableOf(3), 'k0', 'k5', 7)).rejects.toThrow(/has \d+ bytes, expected 7/);
    await expect(check(tableOf(0), '', '')).rejects.toThrow(other);
  });

  it('with any flipped bit is refused, but for the padding of its footer', async () => {
    const table = tableOf(3);
    const padding = [table.length - FOOTER_BYTES + 5, table.length - 8] as const;
    for (let at = 0; at < table.length; at++) {
      if (at >= padding[0] && at < padding[1]) continue;
      const flipped = Uint8Array.from(table);
      flipped[at]! ^= 1 << (at % 8);
      await expect(check(flipped), `byte ${at}`).rejects.toThrow();
    }
  });

  it('may have a block of many MiB, and is no table where it is shorter than its end', async () => {
    const large = new Uint8Array(5 * 1024 * 1024).fill(7);
    const second = blockOf([
      ['k2', large],
      ['k3', text('x')],
    ]);
    await check(tableOf(2, { second }), 'k0', 'k3');
    await expect(check(new Uint8Array(10))).rejects.toThrow('bytes -38 to 10 are not in it');
  });

  it('says what is wrong with it', async () => {
    const entry = (shared: number, own: number, value: number, rest: string) =>
      new Uint8Array(Buffer.concat([numbers(shared, own, value), text(rest), Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0)]));
    const cases: [Uint8Array, RegExp][] = [
      [tableOf(2, { type: 1 }), /is compressed/],
      [tableOf(2, { magic: MAGIC + 1n }), /its end is not the end of a table/],
      [tableOf(2, { second: Uint8Array.of(0, 0, 0) }), /is too short/],
      [tableOf(2, { second: entry(1, 1, 0, 'a') }), /cannot be read/],
      [tableOf(2, { second: entry(0, 1, 2, 'ab') }), /cannot be read/],
      [tableOf(2, { second: entry(0, 1, 1, 'ab') }), /it is another table/],
      [tableOf(2, { filterAt: { offset: 0, size: 1 } }), /the checksum of its block at 0 is wrong/],
      [tableOf(2, { filterAt: { offset: 10_000, size: 1 } }), /bytes 10000 to 10006 are not in it/],
    ];
    for (const [table, message] of cases) await expect(check(table, 'k0', 'k3')).rejects.toThrow(message);
  });
});

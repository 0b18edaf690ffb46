import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../bytes/byteWriter.ts';
import { randomFrom } from '../testing.ts';
import { readManifest, type TableName } from './manifest.ts';

/** One edit after another, as LevelDB writes them: a tag, then what belongs to it. */
class Edits {
  private readonly out = new ByteWriter();

  add(tag: number, ...rest: readonly (number | string)[]): this {
    this.out.varint(tag);
    for (const each of rest) {
      if (typeof each === 'number') this.out.varint(each);
      else this.out.text(each);
    }
    return this;
  }

  get bytes(): Uint8Array {
    return this.out.finish();
  }
}

describe('a manifest', () => {
  it('names the tables that were made and not deleted since, and the logs to replay', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const tables = new Map<string, Omit<TableName, 'smallest' | 'largest'> & { keys: readonly [string, string] }>();
      let [logNumber, previousLogNumber] = [0, 0];
      const records: Uint8Array[] = [];
      for (let count = 1 + below(6); count > 0; count--) {
        const edits = new Edits();
        for (let left = below(8); left > 0; left--) {
          const [level, number] = [below(3), below(6)];
          switch (below(7)) {
            case 0:
              edits.add(1, 'leveldb.BytewiseComparator');
              break;
            case 1:
              logNumber = below(200);
              edits.add(2, logNumber);
              break;
            case 2:
              previousLogNumber = below(200);
              edits.add(9, previousLogNumber);
              break;
            case 3:
              edits.add(3, below(9)).add(4, below(9));
              break;
            case 4:
              edits.add(5, level, 'a key');
              break;
            case 5:
              edits.add(6, level, number);
              tables.delete(`${level}/${number}`);
              break;
            default: {
              const bytes = below(1000);
              edits.add(7, level, number, bytes, `a${left}`, `z${left}`);
              tables.set(`${level}/${number}`, { number, bytes, keys: [`a${left}`, `z${left}`] });
            }
          }
        }
        records.push(edits.bytes);
      }
      const found = readManifest(records);
      const key = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
      expect({
        ...found,
        tables: found.tables.map((table) => [table.number, table.bytes, key(table.smallest), key(table.largest)]),
      }).toEqual({
        tables: [...tables.values()].map(({ number, bytes, keys }) => [number, bytes, ...keys]),
        logNumber,
        previousLogNumber,
      });
    }
  });

  it('with an edit that nobody knows is not read', () => {
    for (const tag of [0, 8, 10]) {
      expect(() => readManifest([new Edits().add(tag, 1).bytes])).toThrow(`unknown tag ${tag}`);
    }
    const { bytes } = new Edits().add(7, 1, 2, 3, 'aa', 'bb');
    for (let length = 1; length < bytes.length; length++) {
      expect(() => readManifest([bytes.subarray(0, length)])).toThrow();
    }
  });
});

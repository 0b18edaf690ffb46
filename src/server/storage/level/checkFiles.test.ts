import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CorruptLogError } from '../contract.ts';
import { checkLevelFiles, irregularFile } from './checkFiles.ts';
import { crc32c, maskedCrc32c } from './crc32c.ts';
import { readLevelLog } from './levelLog.ts';

const PAGE_BYTES = 4096;

describe("looking through LevelDB's files", () => {
  let folder: string;
  let pristine: string;
  let location: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-level-'));
    pristine = join(folder, 'pristine');
    location = join(folder, 'log');
    // Two tables, of two lives, and a log that holds batches.
    for (const life of [1, 2, 3]) {
      const level = new Level<string, string>(pristine, { compression: false });
      await level.open();
      for (let i = 0; i < 40; i++) await level.put(`${life}-${String(i).padStart(3, '0')}`, `${i}-`.repeat(300));
      await cp(pristine, join(folder, `life-${life}`), { recursive: true });
      await level.close();
    }
    await rm(pristine, { recursive: true });
    await rename(join(folder, 'life-3'), pristine);
  });

  beforeEach(async () => {
    await rm(location, { recursive: true, force: true });
    await cp(pristine, location, { recursive: true });
  });

  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  const named = async (end: string) => {
    const names = (await readdir(location)).filter((name) => name.endsWith(end)).sort();
    expect(names.length).toBeGreaterThan(0);
    return names.map((name) => join(location, name));
  };
  const change = async (path: string, edit: (bytes: Buffer) => void) => {
    const bytes = await readFile(path);
    edit(bytes);
    await writeFile(path, bytes);
  };
  const flip = (path: string, at: number) =>
    change(path, (bytes) => {
      bytes[at] = bytes[at]! ^ 1;
    });
  const expectRefused = async (path: string, what: RegExp) => {
    await expect(checkLevelFiles(location)).rejects.toThrow(CorruptLogError);
    await expect(checkLevelFiles(location)).rejects.toThrow(path);
    await expect(checkLevelFiles(location)).rejects.toThrow(what);
  };

  it('takes what LevelDB wrote, what is no database yet, and nothing at all', async () => {
    await checkLevelFiles(location);
    await checkLevelFiles(join(folder, 'nowhere'));
    for (const path of [...(await named('.ldb')), ...(await named('.log')), join(location, 'CURRENT')]) await rm(path);
    await checkLevelFiles(location);
  });

  it('finds any flipped bit and any zeroed page in a table', async () => {
    const [table] = (await named('.ldb')) as [string];
    const intact = await readFile(table);
    for (let at = 0; at < intact.length; at += 991) {
      // Only the footer's padding means nothing.
      if (at >= intact.length - 44 && at < intact.length - 8) continue;
      await flip(table, at);
      await expect(checkLevelFiles(location), `byte ${at} of ${intact.length}`).rejects.toThrow(/is damaged: /);
      await writeFile(table, intact);
    }
    for (let at = 0; at < intact.length; at += PAGE_BYTES) {
      await change(table, (bytes) => void bytes.subarray(at, at + PAGE_BYTES).fill(0));
      await expect(checkLevelFiles(location), `page at ${at}`).rejects.toThrow(/is damaged: /);
      await writeFile(table, intact);
    }
  });

  it('finds a table that is cut, missing or another one', async () => {
    const [one, two] = (await named('.ldb')) as [string, string];
    await truncate(one, 5000);
    await expectRefused(one, /it has 5000 bytes, expected \d+/);
    await cp(two, one);
    await expectRefused(one, /is another table|bytes, expected/);
    await rm(one);
    await expectRefused(one, /is missing: the manifest names it/);
  });

  it('finds a damaged, cut or missing manifest, and one that CURRENT does not name', async () => {
    const current = join(location, 'CURRENT');
    const manifest = join(location, (await readFile(current, 'latin1')).trim());
    const intact = await readFile(manifest);
    await flip(manifest, 20);
    await expectRefused(manifest, /at byte 0: its checksum is wrong/);
    await writeFile(manifest, intact);
    await change(manifest, (bytes) => void bytes.fill(0, 0, 30));
    await expectRefused(manifest, /at byte 0: zeros/);
    await rm(manifest);
    await expectRefused(manifest, /CURRENT names it/);
    await writeFile(current, 'nonsense');
    await expectRefused(current, /does not name a manifest/);
    await rm(current);
    await expectRefused(current, /is missing, though .* is there/);
  });

  it('says nothing of a damaged end of the log, which a crash leaves too', async () => {
    const [log] = (await named('.log')) as [string];
    const intact = await readFile(log);
    for (const length of [intact.length - 1, intact.length >> 1, 3, 0]) {
      await truncate(log, length);
      await checkLevelFiles(location);
    }
    await writeFile(log, Buffer.concat([intact, Buffer.alloc(9000)]));
    await checkLevelFiles(location);
  });

  it('finds a log in which a batch stands twice, which ends LevelDB by an assertion', async () => {
    const [log] = (await named('.log')) as [string];
    const intact = await readFile(log);
    await appendFile(log, Buffer.concat([Buffer.alloc(32_768 - (intact.length % 32_768)), intact]));
    await expectRefused(log, /something stands in it twice/);
  });

  it('takes what the system cannot read for no damage', async () => {
    const manifest = join(location, (await readFile(join(location, 'CURRENT'), 'latin1')).trim());
    const probe = await open(manifest);
    const handles = Object.getPrototypeOf(probe);
    await probe.close();
    const { read } = handles;
    handles.read = () => Promise.reject(Object.assign(new Error('a bad sector'), { code: 'EIO' }));
    try {
      await expect(checkLevelFiles(location)).rejects.toMatchObject({ code: 'EIO' });
    } finally {
      handles.read = read;
    }
    await rm(manifest);
    await mkdir(manifest);
    await expect(checkLevelFiles(location)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it('takes a folder among the files for one that LevelDB made to repair them', async () => {
    await mkdir(join(location, 'lost'));
    expect(await irregularFile(location)).toBeUndefined();
  });

  describe('in the logs that LevelDB will replay', () => {
    /** A whole record, alone in its block. */
    const logged = (content: Uint8Array): Uint8Array => {
      const bytes = new Uint8Array(7 + content.length);
      const view = new DataView(bytes.buffer);
      view.setUint16(4, content.length, true);
      bytes[6] = 1;
      bytes.set(content, 7);
      view.setUint32(0, maskedCrc32c(bytes, 6), true);
      return bytes;
    };
    /** A batch without its operations, which nobody looks at here. */
    const batch = (first: number, count: number): Uint8Array => {
      const bytes = new Uint8Array(12);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(0, BigInt(first), true);
      view.setUint32(8, count, true);
      return logged(bytes);
    };
    /** The logs of these numbers; those from 10 on are to be replayed, and number 5. */
    const checkedLogs = async (logs: Readonly<Record<string, readonly Uint8Array[]>>) => {
      const own = await mkdtemp(join(folder, 'logs-'));
      await writeFile(join(own, 'CURRENT'), 'MANIFEST-000001\n');
      await writeFile(join(own, 'MANIFEST-000001'), logged(Uint8Array.of(2, 10, 9, 5)));
      for (const [name, records] of Object.entries(logs))
        await writeFile(join(own, `${name}.log`), Buffer.concat(records));
      return checkLevelFiles(own).then(
        () => 'taken',
        (error: Error) => error.message.slice(own.length + 1),
      );
    };

    it.each([
      [
        'one after the other, of any number',
        { '000010': [batch(1, 1), batch(2, 300), batch(302, 1), batch(65_536, 1)] },
      ],
      ['one after the other in several of them', { '000011': [batch(3, 1)], '000010': [batch(1, 2)] }],
      ['too short to be one, which LevelDB drops', { '000010': [logged(new Uint8Array(11).fill(9)), batch(1, 1)] }],
      [
        'what stands twice in a log that it will not',
        { '000009': [batch(1, 1), batch(1, 1)], '000010': [batch(1, 1)] },
      ],
    ])('it takes batches that are %s', async (_, logs) => {
      expect(await checkedLogs(logs)).toBe('taken');
    });

    it.each([
      ['one of a single operation', '000010', { '000010': [batch(1, 1), batch(1, 1)] }],
      ['one that begins within another', '000010', { '000010': [batch(1, 5), batch(5, 1)] }],
      ['one that an earlier log has', '000011', { '000011': [batch(2, 1)], '000010': [batch(1, 2)] }],
      ['one in the log before', '000005', { '000005': [batch(1, 1), batch(1, 1)] }],
    ])('it finds a batch that stands there twice: %s', async (_, name, logs) => {
      expect(await checkedLogs(logs)).toMatch(new RegExp(`^${name}.log is damaged: .* something stands in it twice`));
    });
  });

  it('reads a log as LevelDB writes it', async () => {
    const [log] = (await named('.log')) as [string];
    const { records, damages } = readLevelLog(await readFile(log));
    expect(damages).toEqual([]);
    expect(records).toHaveLength(40);
  });

  it('reckons the checksum that its inventors give as an example', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });
});

import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UnusableFileError } from '../files/regularFile.ts';
import { ownFolder } from '../files/testing/ownFolder.ts';
import { PieceMaker } from '../wire/snapshotPieces.ts';
import { OfflineError } from './errors.ts';
import { SnapshotFileError, SnapshotFileWriter, withSnapshotFile } from './snapshotFile.ts';

let folder: string;
let path: string;
ownFolder('snapshot-file', (made) => {
  folder = made;
  path = join(folder, 'state.snapshot');
});

const STATE = [Buffer.alloc(300, 'a'), Buffer.alloc(7, 'b'), Buffer.alloc(300, 'c')];
const HEAD = {
  index: 12,
  term: 3,
  stateBytes: 607,
  stateVersion: 4,
  keys: 2,
  sessions: 1,
  voters: [1, 2, 3],
  learners: [],
  cluster: 'x',
  server: 2,
  backend: 'etcd',
  takenMs: 1_800_000_000_000,
};

async function write({ finish = true, stateBytes = HEAD.stateBytes } = {}): Promise<void> {
  const writer = await SnapshotFileWriter.create(path);
  const maker = new PieceMaker();
  await writer.write(maker.head({ ...HEAD, stateBytes }));
  for (const piece of STATE) await writer.write(maker.piece(piece));
  if (finish) await writer.finish();
  else await writer.abandon();
}

const read = () =>
  withSnapshotFile(path, (reader) => ({ head: reader.head, state: Buffer.concat([...reader.state()]) }));

function refusal(): SnapshotFileError {
  try {
    read();
  } catch (error) {
    if (error instanceof SnapshotFileError) return error;
    throw error;
  }
  throw new Error('it was read');
}

/** Where each piece begins, and the end. */
function places(): number[] {
  const bytes = readFileSync(path);
  const found = ['rkv-snapshot 1\n'.length];
  while (found[found.length - 1]! < bytes.length) {
    const at = found[found.length - 1]!;
    found.push(at + 8 + bytes.readUInt32LE(at));
  }
  return found;
}

function change(edit: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(path);
  writeFileSync(path, edit(bytes) ?? bytes);
}

describe('a file of a snapshot', () => {
  it('is read as it was written, and is for its user alone', async () => {
    await write();
    expect(read()).toEqual({ head: HEAD, state: Buffer.concat(STATE) });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['state.snapshot']);
  });

  it('is there whole or not at all', async () => {
    await write({ finish: false });
    expect(readdirSync(folder)).toEqual([]);
    const writer = await SnapshotFileWriter.create(path);
    expect(existsSync(path)).toBe(false);
    // As a crash leaves it.
    await writer.write(new PieceMaker().head(HEAD));
    await write();
    expect(read().head).toEqual(HEAD);
    await writer.abandon();
  });

  it('is not what somebody else has written meanwhile who saves under the same name', async () => {
    const writer = await SnapshotFileWriter.create(path);
    const other = await SnapshotFileWriter.create(path);
    await expect(writer.finish()).rejects.toThrow('nobody else to save');
    expect(existsSync(path)).toBe(false);
    await other.abandon();
  });

  it('takes the place of none that is there', async () => {
    writeFileSync(path, 'mine');
    await expect(write()).rejects.toThrow(OfflineError);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    const other = join(folder, 'other');
    path = other;
    const writer = await SnapshotFileWriter.create(other);
    writeFileSync(other, 'somebody was faster');
    await expect(writer.finish()).rejects.toThrow('is there already');
    expect(readFileSync(other, 'utf8')).toBe('somebody was faster');
  });

  it('is refused where it is cut, wherever that is', async () => {
    await write();
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 5) {
      writeFileSync(path, whole.subarray(0, length));
      const { offset, message } = refusal();
      expect(offset).toBeLessThanOrEqual(length);
      expect(message).toMatch(length < 15 ? /no snapshot of rkv/ : /it was cut/);
    }
  });

  it('is refused where a bit is flipped, by the piece that has it', async () => {
    await write();
    const begins = places();
    const whole = readFileSync(path);
    for (let at = begins[0]!; at < whole.length; at += 5) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x10;
      writeFileSync(path, bytes);
      const begin = Math.max(...begins.filter((place) => place <= at));
      // A length that is too long ends elsewhere.
      expect([begin, whole.length]).toContain(refusal().offset);
    }
  });

  it('is refused with pieces in another order, one too few, or something behind its end', async () => {
    await write();
    const [, first, second, third, end] = places() as [number, number, number, number, number];
    const whole = readFileSync(path);
    const parts = [
      whole.subarray(0, first),
      whole.subarray(first, second),
      whole.subarray(second, third),
      whole.subarray(third, end),
    ];
    change(() => Buffer.concat([parts[0]!, parts[2]!, parts[1]!, parts[3]!]));
    expect(refusal()).toMatchObject({ offset: first, message: expect.stringContaining('checksum') });
    change(() => Buffer.concat([parts[0]!, parts[1]!, parts[3]!]));
    expect(refusal().offset).toBe(second);
    change(() => Buffer.concat([whole, Buffer.from('x')]));
    expect(refusal()).toMatchObject({ offset: end, message: expect.stringContaining('behind the end') });
  });

  it('is refused where it says that it has more than the file, before memory is taken for it', async () => {
    await write({ stateBytes: 2 ** 50 });
    expect(refusal()).toMatchObject({ message: expect.stringContaining('1125899906842624 bytes of state') });
  });

  it('is refused where another version wrote it, or nobody of ours', async () => {
    writeFileSync(path, 'rkv-snapshot 12\nwhatever');
    expect(refusal()).toMatchObject({
      offset: 0,
      message: expect.stringContaining('version 12; this program reads version 1'),
    });
    writeFileSync(path, 'SQLite format 3\0');
    expect(refusal().message).toContain('no snapshot of rkv');
    truncateSync(path);
    expect(refusal().message).toContain('no snapshot of rkv');
  });

  it('is a regular file', () => {
    mkdirSync(path);
    expect(() => read()).toThrow(UnusableFileError);
  });
});

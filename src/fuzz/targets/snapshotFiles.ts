import fc from 'fast-check';
import {
  type ByteSource,
  encodePiece,
  SNAPSHOT_FIRST_LINE,
  SnapshotFileError,
  SnapshotFileReader,
} from '../../offline/snapshotFile.ts';
import { SnapshotHead } from '../../wire/generated/admin.ts';
import { PieceMaker } from '../../wire/snapshotPieces.ts';
import { damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget } from '../target.ts';

const number = fc.integer({ min: 1, max: 1000 });
const head = fc.record({
  index: number,
  term: number,
  stateVersion: number,
  keys: number,
  sessions: number,
  voters: fc.array(number, { maxLength: 3 }),
  learners: fc.array(number, { maxLength: 1 }),
  cluster: fc.string({ maxLength: 8 }),
  server: number,
  backend: fc.string({ maxLength: 8 }),
  takenMs: number,
});
const state = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 4 });

const headOf = (told: Omit<SnapshotHead, 'stateBytes'>, pieces: readonly Uint8Array[]) =>
  SnapshotHead.encode({ ...told, stateBytes: bytesOf(pieces) }).finish();
/** A file as it is written. */
const whole = fc.tuple(head, state).map(([told, pieces]) => fileOf(headOf(told, pieces), pieces));
/** The same with right checksums, whatever its head says. */
const sealed = state.chain((pieces) =>
  damagedBytes(head.map((told) => headOf(told, pieces))).map((headBytes) => fileOf(headBytes, pieces)),
);

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

function fileOf(headBytes: Uint8Array, pieces: readonly Uint8Array[]): Uint8Array {
  const maker = new PieceMaker();
  const all = [headBytes, ...pieces].map((content) => maker.piece(Buffer.from(content)));
  return new Uint8Array(Buffer.concat([SNAPSHOT_FIRST_LINE, ...all.flatMap((piece) => encodePiece(piece))]));
}

class MemorySource implements ByteSource {
  readonly size: number;
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes);
    this.size = bytes.length;
  }

  read(count: number): Buffer {
    const read = this.bytes.subarray(this.at, this.at + count);
    this.at += read.length;
    return read;
  }
}

export const SNAPSHOT_FILES: FuzzTarget<Uint8Array> = {
  name: 'snapshot-files',
  takes: 'files of rkvctl snapshot save',
  inputs: fc.oneof({ weight: 3, arbitrary: damagedBytes(whole) }, { weight: 1, arbitrary: sealed }),
  check(bytes) {
    let isBegun = false;
    try {
      const reader = new SnapshotFileReader('a file', new MemorySource(bytes));
      isBegun = true;
      const pieces = [...reader.state()];
      demand(bytesOf(pieces) === reader.head.stateBytes, 'the state is as long as the head says');
      const written = fileOf(reader.headBytes, pieces);
      demand(Buffer.compare(written, bytes) === 0, 'what was read is the same once it is written again');
    } catch (error) {
      if (!(error instanceof SnapshotFileError)) throw error;
      demand(error.offset <= bytes.length, 'a refusal names a place in the file');
      demand(error.message.length < 1000, 'a refusal says why, and no more than that');
    }
    return isBegun;
  },
};

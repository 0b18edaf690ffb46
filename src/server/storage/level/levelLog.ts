import { maskedCrc32c } from './crc32c.ts';

/**
 * LevelDB's log format (doc/log_format.md there), of its write-ahead logs and its manifests: blocks of 32 KiB, each with
 * pieces of records.
 *
 *     masked crc32c over the rest but the length (4 bytes) | length (2 bytes) | type (1 byte) | the piece
 */
const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const PieceType = { Zero: 0, Full: 1, First: 2, Middle: 3, Last: 4 } as const;

export interface LevelLog {
  /** The records that LevelDB would read, in order. */
  readonly records: readonly Uint8Array[];
  /** Where each of them begins. */
  readonly offsets: readonly number[];
  /** What LevelDB would drop, and where; a record that the end of the file cuts short is none. */
  readonly damages: readonly { readonly offset: number; readonly what: string }[];
}

/** Reads a log as LevelDB does: it drops what is damaged and goes on after it. */
export function readLevelLog(bytes: Uint8Array): LevelLog {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const records: Uint8Array[] = [];
  const offsets: number[] = [];
  const damages: { offset: number; what: string }[] = [];
  let pieces: Uint8Array[] | undefined;
  let begin = 0;
  let at = 0;
  const drop = (offset: number, what: string) => void damages.push({ offset, what });
  const nextBlock = (offset: number) => offset - (offset % BLOCK_BYTES) + BLOCK_BYTES;
  while (at < bytes.length) {
    const blockEnd = Math.min(nextBlock(at), bytes.length);
    if (at + HEADER_BYTES > blockEnd) {
      at = blockEnd;
      continue;
    }
    const length = view.getUint16(at + 4, true);
    const type = bytes[at + 6]!;
    const start = at + HEADER_BYTES;
    const end = start + length;
    if (end > blockEnd) {
      // The writer may have died in the middle of this.
      if (blockEnd % BLOCK_BYTES !== 0) break;
      drop(at, 'a piece is longer than its block');
      pieces = undefined;
      at = blockEnd;
      continue;
    }
    if (type === PieceType.Zero && length === 0) {
      // At the end of a file a crash may leave zeros; before its end they stand where something was.
      if (bytes.subarray(at).some((byte) => byte !== 0)) drop(at, 'zeros where a piece should be');
      pieces = undefined;
      at = blockEnd;
      continue;
    }
    if (view.getUint32(at, true) !== maskedCrc32c(bytes, at + 6, end)) {
      drop(at, 'its checksum is wrong');
      pieces = undefined;
      at = blockEnd;
      continue;
    }
    const piece = bytes.subarray(start, end);
    if (type === PieceType.Full) {
      if (pieces !== undefined) drop(at, 'a record without its end');
      records.push(piece);
      offsets.push(at);
      pieces = undefined;
    } else if (type === PieceType.First) {
      if (pieces !== undefined) drop(at, 'a record without its end');
      pieces = [piece];
      begin = at;
    } else if (type === PieceType.Middle || type === PieceType.Last) {
      if (pieces === undefined) drop(at, 'a record without its beginning');
      pieces?.push(piece);
      if (type === PieceType.Last && pieces !== undefined) {
        records.push(Buffer.concat(pieces));
        offsets.push(begin);
        pieces = undefined;
      }
    } else {
      drop(at, `a piece of type ${type}`);
      pieces = undefined;
    }
    at = end;
  }
  return { records, offsets, damages };
}

import { crc32 } from 'node:zlib';
import { SnapshotHead, type SnapshotPiece } from './generated/admin.ts';

/** Of the state, in one piece; less where `-maxgrpc` allows less. What takes a millisecond or so to read, and to check. */
export const SNAPSHOT_PIECE_BYTES = 256 * 1024;
/** What a later version may make of a piece: nobody holds more of a file than that. */
export const SNAPSHOT_PIECE_BYTES_MAX = 4 * 1024 * 1024;
/** Of servers that a snapshot names. */
const MEMBERS_MAX = 1024;

/** A snapshot's pieces are not what somebody made: damaged on the way, or on disk. */
export class MalformedPiecesError extends Error {
  override readonly name = 'MalformedPiecesError';
}

/** Makes the pieces of a snapshot, in order: each has the checksum of all before it, so that none can be missed, or stand elsewhere. */
export class PieceMaker {
  private checksum = 0;

  head(head: SnapshotHead): SnapshotPiece {
    return this.piece(Buffer.from(SnapshotHead.encode(head).finish()));
  }

  piece(content: Buffer): SnapshotPiece {
    this.checksum = crc32(content, this.checksum);
    return { content, checksum: this.checksum };
  }
}

/** Takes the pieces of a snapshot as they come, and says whether they are what was made. */
export class PieceChecker {
  private told: SnapshotHead | undefined;
  private headContent: Buffer = Buffer.alloc(0);
  private checksum = 0;
  private stateBytesTaken = 0;

  /** Undefined before the first piece. */
  get head(): SnapshotHead | undefined {
    return this.told;
  }

  /** As it came. */
  get headBytes(): Buffer {
    return this.headContent;
  }

  /** Of the state, so far. */
  get stateBytes(): number {
    return this.stateBytesTaken;
  }

  /** Of all that was taken. */
  get lastChecksum(): number {
    return this.checksum;
  }

  get isWhole(): boolean {
    return this.told !== undefined && this.stateBytesTaken === this.told.stateBytes;
  }

  /** Throws MalformedPiecesError. Returns what it has of the state: nothing in the first one. */
  take({ content, checksum }: SnapshotPiece): Buffer {
    const found = crc32(content, this.checksum);
    if (found !== checksum) {
      const [expected, actual] = [checksum, found].map(checksumText);
      throw new MalformedPiecesError(`the checksum is wrong: expected ${expected}, found ${actual}`);
    }
    this.checksum = found;
    if (this.told === undefined) {
      this.told = readHead(content);
      this.headContent = content;
      return content.subarray(0, 0);
    }
    const left = this.told.stateBytes - this.stateBytesTaken;
    if (content.length === 0 || content.length > left)
      throw new MalformedPiecesError(`a piece of ${content.length} bytes where ${left} are left of the state`);
    this.stateBytesTaken += content.length;
    return content;
  }
}

function readHead(content: Buffer): SnapshotHead {
  let head: SnapshotHead;
  try {
    head = SnapshotHead.decode(content);
  } catch (cause) {
    throw new MalformedPiecesError(`the head cannot be read: ${(cause as Error).message}`, { cause });
  }
  const { index, term, stateBytes, voters, learners } = head;
  if (index < 1 || term < 1 || stateBytes < 1)
    throw new MalformedPiecesError(
      `the head says index ${index}, term ${term} and ${stateBytes} bytes, expected at least 1 of each`,
    );
  if (voters.length > MEMBERS_MAX || learners.length > MEMBERS_MAX)
    throw new MalformedPiecesError(`the head names more than ${MEMBERS_MAX} members`);
  return head;
}

/** As people are shown it. */
export function checksumText(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, '0')}`;
}

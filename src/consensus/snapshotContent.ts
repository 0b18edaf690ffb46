import type { IncomingContent, SnapshotContent, SnapshotPiece, SnapshotPlace } from './contract.ts';

/** Content in memory. */
export class MemoryContent implements SnapshotContent {
  /** Nobody may change them. */
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get byteLength(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }
}

/** Content that a peer sends, for whoever keeps its pieces. */
export class ReceivedContent implements IncomingContent {
  readonly place: SnapshotPlace;
  readonly byteLength: number;
  readonly check: IncomingContent['check'];
  private kept: SnapshotContent | undefined;

  constructor(place: SnapshotPlace, byteLength: number, check: IncomingContent['check'] = () => undefined) {
    this.place = place;
    this.byteLength = byteLength;
    this.check = check;
  }

  keptAs(content: SnapshotContent): void {
    this.kept = content;
  }

  /** Throws where no piece of it is kept. */
  read(offset: number, length: number): Uint8Array {
    if (this.byteLength === 0) return NOTHING;
    if (this.kept === undefined) throw new Error(`of ${this.byteLength} bytes of a snapshot none are kept`);
    return this.kept.read(offset, length);
  }
}

const NOTHING = new Uint8Array(0);

/** Keeps the pieces of snapshots in memory: of the one that the latest was of. */
export class PieceKeeper {
  readonly hasRoom = true;
  private last: { readonly of: IncomingContent; readonly bytes: Uint8Array; end: number } | undefined;

  addPiece({ content, data }: SnapshotPiece): void {
    if (this.last?.of !== content) {
      const bytes = new Uint8Array(content.byteLength);
      content.keptAs(new MemoryContent(bytes));
      this.last = { of: content, bytes, end: 0 };
    }
    this.last.bytes.set(data, this.last.end);
    this.last.end += data.length;
  }
}

/** All of it at once. */
export function contentBytes(content: SnapshotContent): Uint8Array {
  return content.read(0, content.byteLength);
}

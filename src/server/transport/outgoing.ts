import { FRAME_BYTES } from '../../wire/peerFrames.ts';

/** A message that waits for a peer: in one piece of memory, or in several that make it one after the other. */
export type Outgoing = Uint8Array | MessagePieces;

/** A message that leaves in many frames, where it stands: pieces that nobody changes, and that several peers are sent. */
export class MessagePieces {
  readonly length: number;
  private readonly pieces: readonly Uint8Array[];

  /** More than FRAME_BYTES together. */
  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces;
    this.length = pieces.reduce((bytes, piece) => bytes + piece.length, 0);
  }

  /** The bytes from `from` to `to`, views of the pieces. */
  part(from: number, to: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    let start = 0;
    for (const piece of this.pieces) {
      const end = start + piece.length;
      if (start < to && end > from) found.push(piece.subarray(Math.max(0, from - start), to - start));
      start = end;
    }
    return found;
  }
}

export function isSmall(message: Outgoing): message is Uint8Array {
  return message.length <= FRAME_BYTES;
}

/** The bytes from `from` to `to` of a message, not copied. */
export function partOf(message: Outgoing, from: number, to: number): readonly Uint8Array[] {
  return message instanceof MessagePieces ? message.part(from, to) : [message.subarray(from, to)];
}

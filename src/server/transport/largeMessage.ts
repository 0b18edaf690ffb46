import { decodeLargeBegin, MalformedFrameError } from '../../wire/peerFrames.ts';

/** Puts the pieces of a large message together: one at a time, for a peer sends one after the other. */
export class LargeMessage {
  private readonly bytesMax: number;
  private bytes: Uint8Array | undefined;
  private filledBytes = 0;

  /** `bytesMax`: a longer message is refused with its first piece. */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Of a message that is not whole. Memory that is not written to costs nothing yet. */
  get heldBytes(): number {
    return this.filledBytes;
  }

  /** Throws MalformedFrameError. */
  begin(payload: Uint8Array): void {
    const { totalBytes, piece } = decodeLargeBegin(payload);
    if (this.bytes !== undefined) throw new MalformedFrameError('a large message begins before the last one has ended');
    if (totalBytes > this.bytesMax) {
      throw new MalformedFrameError(`a message of ${totalBytes} bytes, expected at most ${this.bytesMax}`);
    }
    if (piece.length >= totalBytes) throw new MalformedFrameError('a large message that is not large');
    this.bytes = room(totalBytes);
    this.add(piece);
  }

  /** The message, once this was its last piece. Throws MalformedFrameError. */
  more(piece: Uint8Array): Uint8Array | undefined {
    const { bytes } = this;
    if (bytes === undefined) throw new MalformedFrameError('more of a message that has not begun');
    if (piece.length === 0 || piece.length > bytes.length - this.filledBytes) {
      throw new MalformedFrameError(`${piece.length} bytes where ${bytes.length - this.filledBytes} are missing`);
    }
    this.add(piece);
    if (this.filledBytes < bytes.length) return undefined;
    this.bytes = undefined;
    this.filledBytes = 0;
    return bytes;
  }

  private add(piece: Uint8Array): void {
    this.bytes!.set(piece, this.filledBytes);
    this.filledBytes += piece.length;
  }
}

/** Of its own, never of node's pool. */
function room(bytes: number): Uint8Array {
  try {
    return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  } catch (cause) {
    throw new MalformedFrameError(`no room for a message of ${bytes} bytes`, { cause });
  }
}

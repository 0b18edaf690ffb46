import { ConnectionError, ErrorCode } from './protocol.ts';

/** Frames of 16 KiB: as many as the largest block of `-maxheaders` takes. */
const CONTINUATIONS_MAX = 32;

/** The header block that a HEADERS frame began and CONTINUATION frames go on with (RFC 9113, 4.3), one at a time. */
export class HeaderBlock {
  /** Of its stream; 0: there is none. */
  id = 0;
  /** Of the HEADERS frame. */
  flags = 0;
  /** What was copied of it. */
  bytes = 0;
  private pieces: Buffer[] = [];
  private readonly bytesMax: number;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  begin(id: number, flags: number, fragment: Buffer): void {
    this.id = id;
    this.flags = flags;
    this.pieces = [Buffer.from(fragment)];
    this.bytes = fragment.length;
  }

  /** Throws ConnectionError where it has no end. */
  add(fragment: Buffer): void {
    this.pieces.push(Buffer.from(fragment));
    this.bytes += fragment.length;
    if (this.bytes > this.bytesMax || this.pieces.length > CONTINUATIONS_MAX) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'a header block without end');
    }
  }

  /** All of it, which is over with that. */
  end(): Buffer {
    const block = Buffer.concat(this.pieces);
    this.close();
    return block;
  }

  close(): void {
    this.id = 0;
    this.bytes = 0;
    this.pieces = [];
  }
}

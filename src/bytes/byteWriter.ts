import { writeVarint } from './varint.ts';

/** Bytes that grow as they are written. */
export class ByteWriter {
  private bytes = new Uint8Array(1024);
  private length = 0;

  varint(value: number): void {
    this.reserve(9);
    this.length = writeVarint(this.bytes, this.length, value);
  }

  text(value: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const sizeMax = value.length * 3;
    this.reserve(9 + sizeMax);
    if (value.length <= SHORT_UNITS_MAX && this.shortAscii(value)) return;
    this.field(utf8.encode(value));
  }

  /** Length-delimited. */
  field(value: Uint8Array): void {
    this.reserve(9 + value.length);
    this.length = writeVarint(this.bytes, this.length, value.length);
    this.bytes.set(value, this.length);
    this.length += value.length;
  }

  /** As text(), for what is cheaper to copy here than to call for. False where it is not plain ASCII: nothing is written then. */
  private shortAscii(value: string): boolean {
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = value.length;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return false;
      bytes[at++] = unit;
    }
    this.length = at;
    return true;
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  private reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + size));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }
}

/** Fits a varint of one byte. */
const SHORT_UNITS_MAX = 64;
const utf8 = new TextEncoder();

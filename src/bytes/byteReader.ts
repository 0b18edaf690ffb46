/** Bytes that are not what they should be. `offset` counts from the start of what the reader was given. */
export class MalformedBytesError extends Error {
  override readonly name = 'MalformedBytesError';
  readonly offset: number;
  readonly what: string;
  constructor(what: string, offset: number) {
    super(`malformed at byte ${offset}: ${what}`);
    this.what = what;
    this.offset = offset;
  }
}

/** A cursor over bytes. Reads past the end and integers beyond 2^53 - 1 throw. */
export class ByteReader {
  readonly bytes: Uint8Array;
  end: number;
  pos: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  varint(): number {
    let result = 0;
    let scale = 1;
    for (;;) {
      if (this.pos >= this.end) throw new MalformedBytesError('an integer is cut short', this.pos);
      const byte = this.bytes[this.pos++]!;
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
      if (scale > 2 ** 56) throw new MalformedBytesError('an integer is longer than 9 bytes', this.pos);
    }
    if (result > Number.MAX_SAFE_INTEGER)
      throw new MalformedBytesError(`the integer ${result} is above 2^53 - 1`, this.pos);
    return result;
  }

  /** Passes over a length-delimited field: returns where its bytes begin; they end where the reader is then. */
  field(): number {
    const length = this.varint();
    const start = this.pos;
    if (length > this.end - start) {
      throw new MalformedBytesError(`a field of ${length} bytes in ${this.end - start} bytes`, start);
    }
    this.pos = start + length;
    return start;
  }

  /** A length-delimited field's bytes, as a view. */
  view(): Uint8Array {
    const start = this.field();
    return this.bytes.subarray(start, this.pos);
  }

  /** Skips the value of a field that this version does not know. */
  skip(tag: number): void {
    const wireType = tag & 7;
    if (wireType === 0) this.varint();
    else if (wireType === 2) this.field();
    else if (wireType === 1 || wireType === 5) {
      const size = wireType === 1 ? 8 : 4;
      if (size > this.end - this.pos) throw new MalformedBytesError('a fixed-size field is cut short', this.pos);
      this.pos += size;
    } else throw new MalformedBytesError(`wire type ${wireType} is not in use`, this.pos);
  }
}

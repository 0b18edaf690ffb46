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

/** Of what should be there, a part is; what follows may bring the rest. */
export class CutShortError extends MalformedBytesError {
  /** Bytes, at least. */
  readonly missing: number;
  constructor(what: string, offset: number, missing: number) {
    super(what, offset);
    this.missing = missing;
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
      if (this.pos >= this.end) throw new CutShortError('an integer is cut short', this.pos, 1);
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
      const there = this.end - start;
      throw new CutShortError(`a field of ${length} bytes in ${there} bytes`, start, length - there);
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
      const missing = size - (this.end - this.pos);
      if (missing > 0) throw new CutShortError('a fixed-size field is cut short', this.pos, missing);
      this.pos += size;
    } else throw new MalformedBytesError(`wire type ${wireType} is not in use`, this.pos);
  }
}

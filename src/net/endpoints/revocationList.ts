/**
 * A list of revoked certificates (RFC 5280, section 5) in DER (X.690), as far as it is needed. Read by hand because a list is read while the
 * server serves: with @peculiar/x509 a thousand entries took most of a second, ten thousand were too many for it, and every program's script
 * was larger by a third.
 */
export interface RevocationList {
  /** What is signed, by which algorithm (an object identifier), and the signature. */
  readonly signed: Buffer;
  readonly algorithm: string;
  readonly signature: Buffer;
  /** The name of the authority, in DER. */
  readonly issuer: Buffer;
  /** Unix ms. */
  readonly thisUpdateMs: number;
  /** Infinite where it does not say. */
  readonly nextUpdateMs: number;
  readonly entries: readonly RevokedEntry[];
  /** Object identifiers of the extensions that must be understood, of the list and of its entries. */
  readonly criticalExtensions: readonly string[];
}

/** A certificate that is named in it. */
export interface RevokedEntry {
  /** As node:crypto has it: hexadecimal, upper case. */
  readonly serialNumber: string;
  /** When it was revoked, Unix ms. */
  readonly atMs: number;
}

/** These bytes are no such list; the message says where. */
export class MalformedDerError extends Error {
  override readonly name = 'MalformedDerError';
}

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
/** Context-specific, constructed. */
const TAGGED_0 = 0xa0;
const LENGTH_BYTES_MAX = 4;
/** The second version, by its number. */
const VERSION_2 = 1;

interface Element {
  readonly tag: number;
  /** From its tag to its end. */
  readonly whole: Buffer;
  readonly content: Buffer;
}

/** Reads one element after the other of a text in DER. */
class DerReader {
  private readonly bytes: Buffer;
  private readonly what: string;
  private at = 0;

  constructor(bytes: Buffer, what: string) {
    this.bytes = bytes;
    this.what = what;
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  private malformed(why: string): MalformedDerError {
    return new MalformedDerError(`${this.what}: ${why} at byte ${this.at}`);
  }

  /** Whether an element of one of these tags comes next. */
  has(...tags: readonly number[]): boolean {
    return !this.isAtEnd && tags.includes(this.bytes[this.at]!);
  }

  /** The next element, of one of these tags. */
  next(...tags: readonly number[]): Element {
    const { bytes } = this;
    if (!this.has(...tags)) throw this.malformed('something else than was expected');
    const start = this.at;
    let at = start + 1;
    const first = bytes[at++] ?? 0x80;
    let length = first;
    if (first >= 0x80) {
      const lengthBytes = first & 0x7f;
      if (lengthBytes === 0 || lengthBytes > LENGTH_BYTES_MAX || at + lengthBytes > bytes.length) {
        throw this.malformed('no length');
      }
      length = bytes.readUIntBE(at, lengthBytes);
      at += lengthBytes;
    }
    if (length > bytes.length - at) throw this.malformed('an end before the end');
    this.at = at + length;
    return { tag: bytes[start]!, whole: bytes.subarray(start, this.at), content: bytes.subarray(at, this.at) };
  }

  sequence(what: string): DerReader {
    return new DerReader(this.next(SEQUENCE).content, what);
  }

  end(): void {
    if (!this.isAtEnd) throw this.malformed('more than was expected');
  }
}

/** Throws MalformedDerError. */
export function readRevocationList(der: Buffer): RevocationList {
  const whole = new DerReader(der, 'the list');
  const list = whole.sequence('the list');
  whole.end();
  const { whole: signed, content } = list.next(SEQUENCE);
  const outer = list.next(SEQUENCE);
  const { content: bits } = list.next(BIT_STRING);
  list.end();
  if (bits[0] !== 0) throw new MalformedDerError('the signature: expected whole bytes');
  const body = new DerReader(content, 'what is signed');
  if (body.has(INTEGER) && integer(body.next(INTEGER)) !== VERSION_2)
    throw new MalformedDerError('what is signed: expected version 2');
  // Else who changes the one that is not signed chooses how the signature is looked at.
  if (!body.next(SEQUENCE).whole.equals(outer.whole)) {
    throw new MalformedDerError('the algorithm of the signature is not the one that is signed');
  }
  const { whole: issuer } = body.next(SEQUENCE);
  const thisUpdateMs = timeMs(body.next(UTC_TIME, GENERALIZED_TIME));
  const nextUpdateMs = body.has(UTC_TIME, GENERALIZED_TIME)
    ? timeMs(body.next(UTC_TIME, GENERALIZED_TIME))
    : Number.POSITIVE_INFINITY;
  const criticalExtensions = new Set<string>();
  const entries: RevokedEntry[] = [];
  if (body.has(SEQUENCE)) {
    const all = body.sequence('the entries');
    while (!all.isAtEnd) {
      const entry = all.sequence('an entry');
      const number = serialNumber(entry.next(INTEGER));
      entries.push({ serialNumber: number, atMs: timeMs(entry.next(UTC_TIME, GENERALIZED_TIME)) });
      if (!entry.isAtEnd) readExtensions(entry, criticalExtensions);
      entry.end();
    }
  }
  if (body.has(TAGGED_0)) {
    const tagged = new DerReader(body.next(TAGGED_0).content, 'the extensions');
    readExtensions(tagged, criticalExtensions);
    tagged.end();
  }
  body.end();
  const algorithm = new DerReader(outer.content, 'the algorithm').next(OBJECT_IDENTIFIER);
  return {
    signed,
    algorithm: identifier(algorithm),
    signature: bits.subarray(1),
    issuer,
    thisUpdateMs,
    nextUpdateMs,
    entries,
    criticalExtensions: [...criticalExtensions],
  };
}

/** The name of whoever holds a certificate, in DER, as lists have the name of their authority. Throws MalformedDerError. */
export function subjectOf(certificate: Buffer): Buffer {
  const body = new DerReader(certificate, 'a certificate').sequence('a certificate').sequence('a certificate');
  if (body.has(TAGGED_0)) body.next(TAGGED_0);
  body.next(INTEGER);
  // Algorithm, issuer and validity.
  for (let before = 0; before < 3; before++) body.next(SEQUENCE);
  return body.next(SEQUENCE).whole;
}

function readExtensions(reader: DerReader, critical: Set<string>): void {
  const extensions = reader.sequence('the extensions');
  while (!extensions.isAtEnd) {
    const extension = extensions.sequence('an extension');
    const id = identifier(extension.next(OBJECT_IDENTIFIER));
    if (extension.has(BOOLEAN) && extension.next(BOOLEAN).content[0] !== 0) critical.add(id);
    extension.next(OCTET_STRING);
    extension.end();
  }
}

const integer = ({ content }: Element): number => (content.length === 1 ? content[0]! : Number.NaN);

/** Without the zero that keeps a number positive. */
function serialNumber({ content }: Element): string {
  const digits = content[0] === 0 && content.length > 1 ? content.subarray(1) : content;
  return digits.toString('hex').toUpperCase();
}

/** As people write it: `2.5.29.20`. */
function identifier({ content }: Element): string {
  const parts: number[] = [];
  let part = 0;
  for (const byte of content) {
    part = part * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    parts.push(part);
    part = 0;
  }
  const [first = 0, ...rest] = parts;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...rest].join('.');
}

/** `YYMMDDHHMMSSZ`, of the years from 1950 on, or `YYYYMMDDHHMMSSZ` (RFC 5280, 4.1.2.5). */
function timeMs({ tag, content }: Element): number {
  const text = content.toString('latin1');
  const digits = tag === UTC_TIME ? `${text.slice(0, 2) < '50' ? '20' : '19'}${text}` : text;
  const parts = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(digits);
  const [year, month, day, hour, minute, second] = parts?.slice(1) ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(ms)) throw new MalformedDerError('a time: expected one in whole seconds of UTC');
  return ms;
}

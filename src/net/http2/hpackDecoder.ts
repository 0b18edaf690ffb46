import { HeaderField } from './headerField.ts';
import { decodeHuffman } from './huffman.ts';
import { ConnectionError, ErrorCode } from './protocol.ts';
import { STATIC_FIELDS } from './staticTable.ts';

/** What the dynamic table may take: the default, for our SETTINGS do not speak of it. */
const TABLE_BYTES_MAX = 4096;
/** No length or index in a block of bounded size comes near it. */
const INTEGER_MAX = 2 ** 28;
/** A block up to this is remembered: calls of one method mostly send the same again. */
const REMEMBERED_BYTES_MAX = 512;
/** Evicted fields stay in front of the array until so many are there. */
const EVICTED_MAX = 64;
const NOTHING = Buffer.alloc(0);
const EVICTED = new HeaderField('', '');

/**
 * Reads header blocks (RFC 7541). What the other end makes it keep is bounded: the table by its size, a list by `listBytesMax`. A
 * field is made once; a block of indexed fields, as calls of one method send again and again, makes no objects at all.
 */
export class HpackDecoder {
  /** The last block's list was larger than is taken; what was beyond is missing. */
  wasTooLarge = false;
  private readonly listBytesMax: number;
  /** Oldest first, from `first` on. */
  private table: HeaderField[] = [];
  private first = 0;
  private tableBytes = 0;
  private tableBytesMax = TABLE_BYTES_MAX;
  /** How often the table has changed. */
  private changes = 0;
  /** The last block, if it changed nothing: it means the same again as long as nothing else does. */
  private last: Buffer = NOTHING;
  private lastBytes = -1;
  private lastChanges = 0;
  private bytes: Buffer = NOTHING;
  private at = 0;

  constructor(listBytesMax: number) {
    this.listBytesMax = listBytesMax;
  }

  /** Bytes of the dynamic table, as RFC 7541 counts them. */
  get size(): number {
    return this.tableBytes;
  }

  /**
   * Puts the fields of a complete block into `fields`, which is the same array each time. False: they are those that are in it
   * already. Throws ConnectionError.
   */
  decode(block: Buffer, fields: HeaderField[]): boolean {
    if (this.isLast(block)) return false;
    const { changes } = this;
    fields.length = 0;
    this.wasTooLarge = false;
    this.bytes = block;
    this.at = 0;
    let listBytes = 0;
    let mayResize = true;
    while (this.at < block.length) {
      const byte = block[this.at]!;
      if ((byte & 0xe0) === 0x20) {
        if (!mayResize) throw malformed('a table size update behind a field');
        this.resize(this.integer(0x1f));
        continue;
      }
      mayResize = false;
      const field = byte >= 0x80 ? this.field(this.integer(0x7f)) : this.literal(byte);
      listBytes += field.bytes;
      if (listBytes > this.listBytesMax) this.wasTooLarge = true;
      else fields.push(field);
    }
    this.bytes = NOTHING;
    this.remember(block, this.changes === changes && !this.wasTooLarge);
    return true;
  }

  private isLast(block: Buffer): boolean {
    const { length } = block;
    if (length !== this.lastBytes || this.lastChanges !== this.changes) return false;
    return block.compare(this.last, 0, length) === 0;
  }

  private remember(block: Buffer, isStable: boolean): void {
    const { length } = block;
    this.lastBytes = isStable && length <= REMEMBERED_BYTES_MAX ? length : -1;
    this.lastChanges = this.changes;
    if (this.lastBytes <= 0) return;
    if (this.last === NOTHING) this.last = Buffer.allocUnsafe(REMEMBERED_BYTES_MAX);
    this.last.set(block);
  }

  private literal(byte: number): HeaderField {
    const isIndexed = byte >= 0x40;
    const index = this.integer(isIndexed ? 0x3f : 0x0f);
    const name = index === 0 ? this.text() : this.field(index).name;
    const field = new HeaderField(name, this.text());
    if (isIndexed) this.add(field);
    return field;
  }

  private field(index: number): HeaderField {
    if (index <= STATIC_FIELDS.length && index > 0) return STATIC_FIELDS[index - 1]!;
    const found = this.table[this.table.length - (index - STATIC_FIELDS.length)];
    const isThere = index > 0 && index - STATIC_FIELDS.length <= this.table.length - this.first;
    if (found === undefined || !isThere) throw malformed(`no field has index ${index}`);
    return found;
  }

  private add(field: HeaderField): void {
    this.changes++;
    this.tableBytes += field.bytes;
    this.table.push(field);
    this.evict();
  }

  private resize(bytes: number): void {
    if (bytes > TABLE_BYTES_MAX) throw malformed(`a table of ${bytes} bytes, at most ${TABLE_BYTES_MAX} are allowed`);
    this.changes++;
    this.tableBytesMax = bytes;
    this.evict();
  }

  private evict(): void {
    while (this.tableBytes > this.tableBytesMax) {
      this.tableBytes -= this.table[this.first]!.bytes;
      // However large it is, nothing of it is kept.
      this.table[this.first++] = EVICTED;
    }
    if (this.first < EVICTED_MAX) return;
    this.table = this.table.slice(this.first);
    this.first = 0;
  }

  /** An integer whose prefix is the masked bits of the next byte (5.1). */
  private integer(mask: number): number {
    const { bytes } = this;
    let value = this.next() & mask;
    if (value < mask) return value;
    for (let scale = 1; value < INTEGER_MAX; scale *= 128) {
      if (this.at >= bytes.length) break;
      const byte = bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80 && value < INTEGER_MAX) return value;
      // Zeros make no number larger, however many there are.
      if (scale > INTEGER_MAX) break;
    }
    throw malformed('an integer that is cut short or too large');
  }

  private text(): string {
    const isHuffman = this.at < this.bytes.length && this.bytes[this.at]! >= 0x80;
    const length = this.integer(0x7f);
    const start = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw malformed('a text that is cut short');
    if (!isHuffman) return this.bytes.toString('latin1', start, this.at);
    const text = decodeHuffman(this.bytes, start, this.at);
    if (text === undefined) throw malformed('a text that is not coded as RFC 7541 says');
    return text;
  }

  private next(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw malformed('a block that is cut short');
    return byte;
  }
}

function malformed(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.CompressionError, `a header block has ${what}`);
}

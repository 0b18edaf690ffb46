import { ByteReader, MalformedBytesError } from '../bytes/byteReader.ts';
import { readText } from '../bytes/text.ts';
import { varintSize, writeVarint } from '../bytes/varint.ts';
import { ResultStatus } from './generated/rkv.ts';
import { rawMethod } from './rawMethod.ts';

/**
 * `CommandBatch` and `ResultBatch` of proto/rkv.proto, read and written by hand: this is what every command of the
 * session stream costs on both of its ends. The generated code is the slow twin that the tests compare it with.
 */

/** The `Session` method with its messages left as bytes, for codecs that read and write them in place. */
export const SESSION_METHOD = rawMethod('/rkvpb.RKV/Session', { streams: true });

/** Bytes that are not a CommandBatch or not a ResultBatch. */
export class MalformedBatchError extends Error {
  override readonly name = 'MalformedBatchError';
}

const COMMANDS_TAG = 0x0a;
const COMMAND_ID_TAG = 0x08;
const COMMAND_CMD_TAG = 0x12;
const RESULTS_TAG = 0x0a;
const WINDOW_TAG = 0x10;
const LEADER_TAG = 0x18;
const LEADER_ADDRESS_TAG = 0x22;
const COMMAND_BYTES_MAX_TAG = 0x28;
const RESULT_ID_TAG = 0x08;
const RESULT_STATUS_TAG = 0x10;
const RESULT_CLIENT_ID_TAG = 0x18;
const RESULT_VALUE_TAG = 0x22;
const RESULT_DETAIL_TAG = 0x2a;

const UINT32_MAX = 0xffffffff;
/** Every stream has such a buffer, and few of them last: it grows with what it carries. */
const FIRST_CAPACITY_BYTES = 256;
/** A buffer that one large batch grew beyond this is given up after it. */
const KEPT_CAPACITY_BYTES_MAX = 1 << 20;
/** Up to here a loop copies faster than a call to `set`. */
const LOOP_COPY_BYTES_MAX = 64;
const EMPTY = new Uint8Array(0);
const utf8 = new TextEncoder();

/** A message that grows field by field and is then taken as one buffer. */
class MessageBuffer {
  bytes = new Uint8Array(FIRST_CAPACITY_BYTES);
  length = 0;

  reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  integer(tag: number, value: number): void {
    if (value === 0) return;
    this.bytes[this.length] = tag;
    this.length = writeVarint(this.bytes, this.length + 1, value);
  }

  /** Written even where it is empty. */
  field(tag: number, value: Uint8Array): void {
    const into = this.bytes;
    into[this.length] = tag;
    const pos = writeVarint(into, this.length + 1, value.length);
    const size = value.length;
    if (size <= LOOP_COPY_BYTES_MAX) for (let i = 0; i < size; i++) into[pos + i] = value[i]!;
    else into.set(value, pos);
    this.length = pos + size;
  }

  take(): Buffer {
    const taken = Buffer.from(this.bytes.subarray(0, this.length));
    this.length = 0;
    if (this.bytes.length > KEPT_CAPACITY_BYTES_MAX) this.bytes = new Uint8Array(FIRST_CAPACITY_BYTES);
    return taken;
  }
}

/** Gathers commands into one CommandBatch message. */
export class CommandBatchWriter {
  /** Commands in the batch so far. */
  count = 0;
  private readonly message = new MessageBuffer();

  /** The size that the message has so far. */
  get byteLength(): number {
    return this.message.length;
  }

  /** `id`: uint32. `cmd`: a marshalled Cmd, copied. */
  add(id: number, cmd: Uint8Array): void {
    const { message } = this;
    const size = cmd.length;
    const body = (id === 0 ? 0 : 1 + varintSize(id)) + (size === 0 ? 0 : 1 + varintSize(size) + size);
    message.reserve(body + 11);
    message.bytes[message.length] = COMMANDS_TAG;
    message.length = writeVarint(message.bytes, message.length + 1, body);
    message.integer(COMMAND_ID_TAG, id);
    if (size > 0) message.field(COMMAND_CMD_TAG, cmd);
    this.count++;
  }

  /** The message, in a buffer of its own. The writer is then empty. */
  finish(): Buffer {
    this.count = 0;
    return this.message.take();
  }
}

export interface CommandBatchView {
  readonly ids: number[];
  /** Marshalled Cmds: views of the message's bytes. */
  readonly commands: Uint8Array[];
}

/** Throws MalformedBatchError. The commands themselves are not looked into. */
export function decodeCommandBatch(bytes: Uint8Array): CommandBatchView {
  return guarded('CommandBatch', () => readCommands(bytes));
}

function readCommands(bytes: Uint8Array): CommandBatchView {
  const ids: number[] = [];
  const commands: Uint8Array[] = [];
  const reader = new ByteReader(bytes);
  while (reader.pos < reader.end) {
    const tag = reader.varint();
    if (tag !== COMMANDS_TAG) {
      reader.skip(tag);
      continue;
    }
    const end = bodyEnd(reader, reader.end);
    let id = 0;
    let cmd: Uint8Array = EMPTY;
    while (reader.pos < end) {
      const inner = reader.varint();
      if (inner === COMMAND_ID_TAG) id = reader.varint();
      else if (inner === COMMAND_CMD_TAG) {
        const stop = bodyEnd(reader, end);
        // Not bytes.subarray: of a Buffer that makes a Buffer, at three times the cost.
        cmd = new Uint8Array(bytes.buffer, bytes.byteOffset + reader.pos, stop - reader.pos);
        reader.pos = stop;
      } else reader.skip(inner);
    }
    checkBody(reader, end, id);
    ids.push(id);
    commands.push(cmd);
  }
  return { ids, commands };
}

/** Gathers results into one ResultBatch message. */
export class ResultBatchWriter {
  /** Results in the batch so far. */
  count = 0;
  private readonly message = new MessageBuffer();

  /** The size that the message has so far. Not 0 for a batch that holds no result but the window or the leader. */
  get byteLength(): number {
    return this.message.length;
  }

  /** An insert that is applied. */
  ok(id: number): void {
    const { message } = this;
    message.reserve(8);
    message.bytes[message.length] = RESULTS_TAG;
    message.bytes[message.length + 1] = id === 0 ? 0 : 1 + varintSize(id);
    message.length += 2;
    message.integer(RESULT_ID_TAG, id);
    this.count++;
  }

  /** A register that is applied: the new session's id. */
  registered(id: number, clientId: number): void {
    this.result(id, ResultStatus.RESULT_OK, clientId, undefined, EMPTY);
  }

  /** A lookup's answer, in UTF-8; undefined where the key is not there. Copied. */
  value(id: number, value: Uint8Array | undefined): void {
    this.result(id, ResultStatus.RESULT_OK, 0, value, EMPTY);
  }

  /** Any other status, with what was wrong for people to read. */
  refused(id: number, status: ResultStatus, detail = ''): void {
    this.result(id, status, 0, undefined, detail === '' ? EMPTY : utf8.encode(detail));
  }

  /** How many commands may be unanswered at once; belongs into a stream's first batch. */
  window(commands: number): void {
    this.message.reserve(16);
    this.message.integer(WINDOW_TAG, commands);
  }

  /** The largest command that is taken; belongs into a stream's first batch. */
  commandBytesMax(bytes: number): void {
    this.message.reserve(16);
    this.message.integer(COMMAND_BYTES_MAX_TAG, bytes);
  }

  /** The leader known of, 0 for none, and its address or empty. The last call of a batch counts. */
  leader(id: number, address: string): void {
    const encoded = utf8.encode(address);
    this.message.reserve(32 + encoded.length);
    this.message.bytes[this.message.length] = LEADER_TAG;
    this.message.length = writeVarint(this.message.bytes, this.message.length + 1, id);
    this.message.field(LEADER_ADDRESS_TAG, encoded);
  }

  /** The message, in a buffer of its own. The writer is then empty. */
  finish(): Buffer {
    this.count = 0;
    return this.message.take();
  }

  private result(
    id: number,
    status: ResultStatus,
    clientId: number,
    value: Uint8Array | undefined,
    detail: Uint8Array,
  ): void {
    const { message } = this;
    const body =
      integerSize(id) +
      integerSize(status) +
      integerSize(clientId) +
      (value === undefined ? 0 : fieldSize(value)) +
      (detail.length === 0 ? 0 : fieldSize(detail));
    message.reserve(body + 11);
    message.bytes[message.length] = RESULTS_TAG;
    message.length = writeVarint(message.bytes, message.length + 1, body);
    message.integer(RESULT_ID_TAG, id);
    message.integer(RESULT_STATUS_TAG, status);
    message.integer(RESULT_CLIENT_ID_TAG, clientId);
    if (value !== undefined) message.field(RESULT_VALUE_TAG, value);
    if (detail.length > 0) message.field(RESULT_DETAIL_TAG, detail);
    this.count++;
  }
}

const integerSize = (value: number) => (value === 0 ? 0 : 1 + varintSize(value));
const fieldSize = (bytes: Uint8Array) => 1 + varintSize(bytes.length) + bytes.length;

/** Receives the results of a batch in their order. `value` is undefined where it is absent. */
export interface ResultVisitor {
  result(id: number, status: ResultStatus, clientId: number, value: string | undefined, detail: string): void;
}

/** What a ResultBatch says besides its results; a field is undefined where the batch does not have it. */
export interface ResultBatchHeader {
  readonly window: number | undefined;
  readonly leader: number | undefined;
  readonly leaderAddress: string | undefined;
  readonly commandBytesMax: number | undefined;
}

/**
 * Hands each result to the visitor, then returns the rest. Throws MalformedBatchError; the results before the fault
 * were handed over then.
 */
export function readResultBatch(bytes: Uint8Array, visitor: ResultVisitor): ResultBatchHeader {
  return guarded('ResultBatch', () => readResults(bytes, visitor));
}

function readResults(bytes: Uint8Array, visitor: ResultVisitor): ResultBatchHeader {
  const reader = new ByteReader(bytes);
  let window: number | undefined;
  let leader: number | undefined;
  let leaderAddress: string | undefined;
  let commandBytesMax: number | undefined;
  while (reader.pos < reader.end) {
    const tag = reader.varint();
    if (tag === RESULTS_TAG) readResult(reader, visitor);
    else if (tag === WINDOW_TAG) window = reader.varint();
    else if (tag === LEADER_TAG) leader = reader.varint();
    else if (tag === LEADER_ADDRESS_TAG) leaderAddress = readText(reader);
    else if (tag === COMMAND_BYTES_MAX_TAG) commandBytesMax = reader.varint();
    else reader.skip(tag);
  }
  return { window, leader, leaderAddress, commandBytesMax };
}

function readResult(reader: ByteReader, visitor: ResultVisitor): void {
  const end = bodyEnd(reader, reader.end);
  let id = 0;
  let status = 0;
  let clientId = 0;
  let value: string | undefined;
  let detail = '';
  while (reader.pos < end) {
    const tag = reader.varint();
    if (tag === RESULT_ID_TAG) id = reader.varint();
    else if (tag === RESULT_STATUS_TAG) status = reader.varint();
    else if (tag === RESULT_CLIENT_ID_TAG) clientId = reader.varint();
    else if (tag === RESULT_VALUE_TAG) value = readText(reader);
    else if (tag === RESULT_DETAIL_TAG) detail = readText(reader);
    else reader.skip(tag);
  }
  checkBody(reader, end, id);
  visitor.result(id, status as ResultStatus, clientId, value, detail);
}

/** Where the length-delimited value ends whose length stands at the reader's position. */
function bodyEnd(reader: ByteReader, limit: number): number {
  const length = reader.varint();
  const end = reader.pos + length;
  if (end > limit) {
    throw new MalformedBytesError(`a field of ${length} bytes in ${limit - reader.pos} bytes`, reader.pos);
  }
  return end;
}

function checkBody(reader: ByteReader, end: number, id: number): void {
  if (reader.pos !== end) throw new MalformedBytesError('a field reaches past the message that holds it', end);
  if (id > UINT32_MAX) throw new MalformedBytesError(`the id ${id} is above 2^32 - 1`, end);
}

function guarded<T>(message: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedBytesError)) throw error;
    throw new MalformedBatchError(`not a ${message}: byte ${error.offset}: ${error.what}`, { cause: error });
  }
}

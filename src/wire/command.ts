import { ByteReader, MalformedBytesError } from '../bytes/byteReader.ts';
import { readText } from '../bytes/text.ts';
import { varintSize, writeVarint } from '../bytes/varint.ts';

/**
 * Commands as they stand in Normal log entries: the marshalled `rkvpb.Cmd`. Read and written here by hand because
 * this is the hot path of every replica; the bytes are those of proto/rkv.proto.
 */
export const CommandType = { Register: 0, Insert: 1, Lookup: 2 } as const;
export type CommandType = (typeof CommandType)[keyof typeof CommandType];

export interface RegisterCommand {
  readonly type: typeof CommandType.Register;
}
export interface InsertCommand {
  readonly type: typeof CommandType.Insert;
  readonly clientId: number;
  readonly clientSeq: number;
  readonly key: string;
  readonly value: string;
}
export interface LookupCommand {
  readonly type: typeof CommandType.Lookup;
  readonly key: string;
}
export type Command = RegisterCommand | InsertCommand | LookupCommand;

/** Bytes that are not a command. */
export class MalformedCommandError extends Error {
  override readonly name = 'MalformedCommandError';
}

const REGISTER: RegisterCommand = { type: CommandType.Register };
/** A Register is an empty data field: both of its fields have their default values. */
export const REGISTER_BYTES = new Uint8Array(0);

/** Throws MalformedCommandError, and nothing else, on bytes that are not a Cmd. */
export function decodeCommand(bytes: Uint8Array): Command {
  if (bytes.length === 0) return REGISTER;
  try {
    return decodeCmd(bytes);
  } catch (error) {
    if (error instanceof MalformedBytesError)
      throw new MalformedCommandError(`command is not a Cmd message: byte ${error.offset}: ${error.what}`);
    throw error;
  }
}

/** Reads what stands around a command's body, and leaves the reader on that alone. Returns the type. Throws MalformedBytesError. */
export function enterBody(reader: ByteReader): number {
  let type = 0;
  let start = 0;
  let end = 0;
  while (reader.pos < reader.end) {
    const tag = reader.varint();
    if (tag === 0x08) type = reader.varint();
    else if (tag === 0x12) {
      start = reader.field();
      end = reader.pos;
    } else reader.skip(tag);
  }
  reader.pos = start;
  reader.end = end;
  return type;
}

function decodeCmd(bytes: Uint8Array): Command {
  const body = new ByteReader(bytes);
  const type = enterBody(body);
  if (type === CommandType.Insert) return decodeInsert(body);
  if (type === CommandType.Lookup) return decodeLookup(body);
  if (type === CommandType.Register) return REGISTER;
  throw new MalformedCommandError(`command type ${type}, expected 0 (register), 1 (insert) or 2 (lookup)`);
}

function decodeInsert(body: ByteReader): InsertCommand {
  let clientId = 0;
  let clientSeq = 0;
  let key = '';
  let value = '';
  while (body.pos < body.end) {
    const tag = body.varint();
    if (tag === 0x08) clientId = body.varint();
    else if (tag === 0x10) clientSeq = body.varint();
    else if (tag === 0x1a) key = readText(body);
    else if (tag === 0x22) value = readText(body);
    else body.skip(tag);
  }
  return { type: CommandType.Insert, clientId, clientSeq, key, value };
}

function decodeLookup(body: ByteReader): LookupCommand {
  let key = '';
  while (body.pos < body.end) {
    const tag = body.varint();
    if (tag === 0x0a) key = readText(body);
    else body.skip(tag);
  }
  return { type: CommandType.Lookup, key };
}

const utf8 = new TextEncoder();

export function encodeCommand(command: Command): Uint8Array {
  if (command.type === CommandType.Register) return REGISTER_BYTES;
  if (command.type === CommandType.Lookup) {
    const key = utf8.encode(command.key);
    return wrap(CommandType.Lookup, textSize(key), (into, at) => writeText(into, at, 0x0a, key));
  }
  return encodeInsert(command.clientId, command.clientSeq, utf8.encode(command.key), utf8.encode(command.value));
}

/** As encodeCommand for an insert whose key and value are encoded already. */
export function encodeInsert(clientId: number, clientSeq: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  const size = integerSize(clientId) + integerSize(clientSeq) + textSize(key) + textSize(value);
  return wrap(CommandType.Insert, size, (into, at) => {
    let pos = writeInteger(into, at, 0x08, clientId);
    pos = writeInteger(into, pos, 0x10, clientSeq);
    pos = writeText(into, pos, 0x1a, key);
    return writeText(into, pos, 0x22, value);
  });
}

/** The Cmd of an insert whose InsertRequest is marshalled already, as a unary call brings it. */
export function wrapInsertRequest(request: Uint8Array): Uint8Array {
  return wrap(CommandType.Insert, request.length, (into, at) => {
    into.set(request, at);
    return at + request.length;
  });
}

function wrap(type: CommandType, bodySize: number, write: (into: Uint8Array, at: number) => number): Uint8Array {
  const bytes = new Uint8Array(2 + (bodySize === 0 ? 0 : 1 + varintSize(bodySize) + bodySize));
  bytes[0] = 0x08;
  bytes[1] = type;
  if (bodySize > 0) {
    bytes[2] = 0x12;
    write(bytes, writeVarint(bytes, 3, bodySize));
  }
  return bytes;
}

const integerSize = (value: number) => (value === 0 ? 0 : 1 + varintSize(value));
const textSize = (bytes: Uint8Array) => (bytes.length === 0 ? 0 : 1 + varintSize(bytes.length) + bytes.length);

function writeInteger(into: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  into[at] = tag;
  return writeVarint(into, at + 1, value);
}

function writeText(into: Uint8Array, at: number, tag: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return at;
  into[at] = tag;
  const pos = writeVarint(into, at + 1, bytes.length);
  into.set(bytes, pos);
  return pos + bytes.length;
}

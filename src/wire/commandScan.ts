import { ByteReader, MalformedBytesError } from '../bytes/byteReader.ts';
import { checkText } from '../bytes/text.ts';
import { CommandType, enterBody } from './command.ts';

/** What stands in a marshalled Cmd, and where its texts do. */
export interface ScannedCommand {
  readonly type: number;
  /** Of an insert; 0 in other commands. */
  readonly clientId: number;
  readonly clientSeq: number;
  /** Where the key begins and ends. The same where there is none. */
  readonly keyStart: number;
  readonly keyEnd: number;
  /** The same for the value. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

/**
 * Reads what decodeCommand reads without making strings of keys and values: it is called for every command that is
 * to enter the log, and for every one that is applied. undefined where decodeCommand would throw.
 */
export function scanCommand(bytes: Uint8Array): ScannedCommand | undefined {
  if (bytes.length === 0) return REGISTER;
  try {
    return scan(bytes);
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

/** The session of an insert, found without reading more than that takes; 0 for everything else. */
export function sessionOf(bytes: Uint8Array): number {
  if (bytes.length === 0) return 0;
  try {
    const body = new ByteReader(bytes);
    if (enterBody(body) !== CommandType.Insert) return 0;
    while (body.pos < body.end) {
      const tag = body.varint();
      if (tag === 0x08) return body.varint();
      body.skip(tag);
    }
    return 0;
  } catch (error) {
    if (error instanceof MalformedBytesError) return 0;
    throw error;
  }
}

function scan(bytes: Uint8Array): ScannedCommand | undefined {
  const body = new ByteReader(bytes);
  const type = enterBody(body);
  if (type === CommandType.Insert) return scanInsert(body);
  if (type === CommandType.Lookup) return scanLookup(body);
  return type === CommandType.Register ? REGISTER : undefined;
}

function scanInsert(body: ByteReader): ScannedCommand {
  let clientId = 0;
  let clientSeq = 0;
  let keyStart = 0;
  let keyEnd = 0;
  let valueStart = 0;
  let valueEnd = 0;
  while (body.pos < body.end) {
    const tag = body.varint();
    if (tag === 0x08) clientId = body.varint();
    else if (tag === 0x10) clientSeq = body.varint();
    else if (tag === 0x1a) {
      const length = checkText(body);
      keyEnd = body.pos;
      keyStart = keyEnd - length;
    } else if (tag === 0x22) {
      const length = checkText(body);
      valueEnd = body.pos;
      valueStart = valueEnd - length;
    } else body.skip(tag);
  }
  return { type: CommandType.Insert, clientId, clientSeq, keyStart, keyEnd, valueStart, valueEnd };
}

function scanLookup(body: ByteReader): ScannedCommand {
  let keyStart = 0;
  let keyEnd = 0;
  while (body.pos < body.end) {
    const tag = body.varint();
    if (tag === 0x0a) {
      const length = checkText(body);
      keyEnd = body.pos;
      keyStart = keyEnd - length;
    } else body.skip(tag);
  }
  return { type: CommandType.Lookup, clientId: 0, clientSeq: 0, keyStart, keyEnd, valueStart: 0, valueEnd: 0 };
}

const REGISTER: ScannedCommand = {
  type: CommandType.Register,
  clientId: 0,
  clientSeq: 0,
  keyStart: 0,
  keyEnd: 0,
  valueStart: 0,
  valueEnd: 0,
};

import { ByteReader, MalformedBytesError } from '../bytes/byteReader.ts';
import { readText } from '../bytes/text.ts';
import { varintSize, writeVarint } from '../bytes/varint.ts';

/**
 * The entry that stands before the admission of a server (src/server/identity/admission.ts): a registration that names
 * the server and the folder that is to be heard under its id from there on. It is the `rkvpb.Cmd` of a registration with a field
 * of ours in front, which servers that do not know it pass over, the original's among them.
 */
export interface FenceCommand {
  /** Of the server. */
  readonly id: number;
  /** The folder's name (src/server/identity/identity.ts). */
  readonly instance: string;
}

/** A fence where it stands. */
export interface Fence {
  readonly index: number;
  readonly instance: string;
}

/** In the place of a server's last fence where it has none. */
export const NO_FENCE: Fence = { index: 0, instance: '' };

/** The last fence of each server that has one. Never changed: a new map takes its place. */
export type Fences = ReadonlyMap<number, Fence>;
export const NO_FENCES: Fences = new Map();

/** Field 15 of the Cmd. Whatever else is in a log begins with another byte. */
const TAG_FENCE = 0x7a;
const TAG_ID = 0x08;
const TAG_INSTANCE = 0x12;

const utf8 = new TextEncoder();

export function encodeFence({ id, instance }: FenceCommand): Uint8Array {
  const name = utf8.encode(instance);
  const size = 1 + varintSize(id) + 1 + varintSize(name.length) + name.length;
  const bytes = new Uint8Array(1 + varintSize(size) + size);
  bytes[0] = TAG_FENCE;
  let at = writeVarint(bytes, 1, size);
  bytes[at++] = TAG_ID;
  at = writeVarint(bytes, at, id);
  bytes[at++] = TAG_INSTANCE;
  bytes.set(name, writeVarint(bytes, at, name.length));
  return bytes;
}

/** Asked of the command of every Normal entry, so it looks at one byte; decodeFence has the last word. Log stores keep an index of such entries. */
export function mayBeFence(command: Uint8Array): boolean {
  return command[0] === TAG_FENCE;
}

/** undefined where the command of a Normal entry is no fence. */
export function decodeFence(command: Uint8Array): FenceCommand | undefined {
  if (command[0] !== TAG_FENCE) return undefined;
  try {
    const reader = new ByteReader(command, 1);
    const start = reader.field();
    // What stands behind it would be a command of its own.
    if (reader.pos !== reader.end) return undefined;
    reader.pos = start;
    if (reader.varint() !== TAG_ID) return undefined;
    const id = reader.varint();
    if (reader.varint() !== TAG_INSTANCE) return undefined;
    const instance = readText(reader);
    return reader.pos === reader.end && id > 0 ? { id, instance } : undefined;
  } catch (error) {
    if (error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

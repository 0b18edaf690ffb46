/**
 * The names under which the log store keeps things on its disk. Numbers have a fixed width, so that keys sort as bytes in
 * the order of their numbers. Every key but `version` and `promised` holds the sequence number of the write that put it there and is
 * therefore written exactly once: nothing that is on disk is ever overwritten (see recovery.ts for why that matters).
 */
const WIDTH = 16;
/** A value of many GiB has fewer pieces than that has numbers. */
const PIECE_WIDTH = 6;
const DIGIT_ZERO = 0x30;

export const CHUNK_PREFIX = 'c';
export const STATE_PREFIX = 'h';
export const SNAPSHOT_PREFIX = 's';
/** Of the keys of further groups (groupDisk.ts): no key of a store begins so. */
export const GROUP_PREFIX = 'g';
export const VERSION_KEY = 'version';
/** Of the pieces of large values (piecedDisk.ts), in the keys of whatever group: no key of a store begins so. */
export const PIECE_PREFIX = 'l';
/** Names the store that a promise file belongs to (promisedSlot.ts). */
export const PROMISED_KEY = 'promised';

function fixed(value: number): string {
  return String(value).padStart(WIDTH, '0');
}

/** Where the write `sequence` keeps its record, if it holds entries: chunks sort by their first index. */
export function chunkKey(firstIndex: number, sequence: number): string {
  return `${CHUNK_PREFIX}${fixed(firstIndex)}-${fixed(sequence)}`;
}

/** Where the write `sequence` keeps its record, if it holds no entries. */
export function stateKey(sequence: number): string {
  return STATE_PREFIX + fixed(sequence);
}

export function snapshotKey(index: number, sequence: number): string {
  return `${SNAPSHOT_PREFIX}${fixed(index)}-${fixed(sequence)}`;
}

/** Piece `number`, from 0 on, of the value under `key`. */
export function pieceKey(key: string, number: number): string {
  return `${PIECE_PREFIX}${key}/${String(number).padStart(PIECE_WIDTH, '0')}`;
}

/** Of a key that begins with PIECE_PREFIX. */
export function parsePieceKey(key: string): { readonly of: string; readonly number: number } {
  const slash = key.lastIndexOf('/');
  return { of: key.slice(PIECE_PREFIX.length, slash), number: Number(key.slice(slash + 1)) };
}

/** The sequence number in a key that this program wrote. */
export function sequenceOf(key: string): number {
  let sequence = 0;
  for (let i = key.length - WIDTH; i < key.length; i++) sequence = sequence * 10 + (key.charCodeAt(i) - DIGIT_ZERO);
  return sequence;
}

export interface ParsedKey {
  /** The first index of a chunk, the index of a snapshot, 0 of a state record. */
  readonly index: number;
  readonly sequence: number;
}

const TWO_NUMBERS = /^[cs](\d{16})-(\d{16})$/;
const ONE_NUMBER = /^h(\d{16})$/;

/** The numbers in a key, or undefined where the log store cannot have written such a key. */
export function parseKey(key: string): ParsedKey | undefined {
  const two = TWO_NUMBERS.exec(key);
  if (two !== null) return { index: Number(two[1]), sequence: Number(two[2]) };
  const one = ONE_NUMBER.exec(key);
  return one === null ? undefined : { index: 0, sequence: Number(one[1]) };
}

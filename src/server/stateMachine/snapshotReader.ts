import { ByteReader, MalformedBytesError } from '../../bytes/byteReader.ts';
import { checkText } from '../../bytes/text.ts';
import type { Fence, Fences } from '../../wire/fence.ts';
import { MalformedSnapshotError } from '../host/stateMachine.ts';
import { classOf } from './heldNumbers.ts';
import { SEQUENCE_AHEAD_MAX, Session } from './session.ts';
import { SparseNumbers } from './sparseNumbers.ts';

/**
 * No release had an earlier one. Of version 1 nobody could tell when its sessions were last used, and so which are forgotten
 * first; of version 2 not who was admitted again, and so whose earlier processes must not be heard; in version 3 a session had
 * given up what this version still takes, so that its replicas would differ.
 */
export const SNAPSHOT_VERSION = 4;
/**
 * Of a state in which what sessions hold together is bounded (heldNumbers.ts): with the order in which they give up, and their numbers in a form that takes no more than these do.
 * Builds that do not know that rule do not read it.
 */
export const BOUNDED_SNAPSHOT_VERSION = 5;

/** Throws MalformedSnapshotError where a store could not be restored from these bytes. */
export function checkSnapshot(bytes: Uint8Array): void {
  new SnapshotReader(bytes).readKeys(Number.POSITIVE_INFINITY, () => {});
}

/** How much is in a snapshot, all of which is read. Throws MalformedSnapshotError. */
export function countsOf(bytes: Uint8Array): { readonly keys: number; readonly sessions: number } {
  const reader = new SnapshotReader(bytes);
  let keys = 0;
  reader.readKeys(Number.POSITIVE_INFINITY, () => {
    keys++;
  });
  return { keys, sessions: reader.used.length + reader.unused.length };
}

/** The fences in a snapshot. Throws MalformedSnapshotError. */
export function fencesOf(bytes: Uint8Array): Fences {
  return reading(() => readFences(openSnapshot(bytes).reader));
}

/** Reads what stands before the keys at once, and these piece by piece. All of it throws MalformedSnapshotError. */
export class SnapshotReader {
  readonly fences: Fences;
  readonly used: [number, Session][] = [];
  readonly unused: number[] = [];
  /** Those that hold something, in the order in which they give up; undefined where the bound is not in force. */
  readonly holding: readonly Session[] | undefined;
  private readonly reader: ByteReader;
  /** Keys not read yet. */
  private left: number;

  constructor(bytes: Uint8Array) {
    const { reader, version } = reading(() => openSnapshot(bytes));
    this.reader = reader;
    this.fences = reading(() => readFences(reader));
    const isBounded = version === BOUNDED_SNAPSHOT_VERSION;
    reading(() => readSessions(reader, isBounded, this.used, this.unused));
    this.holding = isBounded ? reading(() => readHolding(reader, this.used)) : undefined;
    this.left = reading(() => reader.varint());
  }

  /** Hands over where keys and values stand, as long as the next begins within so many bytes. Returns whether all are read. */
  readKeys(
    bytes: number,
    take: (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void,
  ): boolean {
    const { reader } = this;
    const end = reader.pos + bytes;
    reading(() => {
      for (; this.left > 0 && reader.pos < end; this.left--) {
        const keyLength = checkText(reader);
        const keyEnd = reader.pos;
        const valueLength = checkText(reader);
        take(keyEnd - keyLength, keyEnd, reader.pos - valueLength, reader.pos);
      }
    });
    if (this.left > 0) return false;
    if (reader.pos !== reader.end)
      throw new MalformedSnapshotError(`${reader.end - reader.pos} bytes after the last key`);
    return true;
  }
}

function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedBytesError)
      throw new MalformedSnapshotError(`snapshot of the key-value store: ${error.message}`);
    throw error;
  }
}

function openSnapshot(bytes: Uint8Array): { readonly reader: ByteReader; readonly version: number } {
  const reader = new ByteReader(bytes);
  const version = reader.varint();
  if (version === SNAPSHOT_VERSION || version === BOUNDED_SNAPSHOT_VERSION) return { reader, version };
  throw new MalformedSnapshotError(
    `snapshot version ${version}, expected ${SNAPSHOT_VERSION} or ${BOUNDED_SNAPSHOT_VERSION}: another version of rkvd wrote it`,
  );
}

function readFences(reader: ByteReader): Fences {
  const fences = new Map<number, Fence>();
  for (let count = reader.varint(); count > 0; count--) {
    fences.set(reader.varint(), { index: reader.varint(), instance: readText(reader) });
  }
  return fences;
}

function readSessions(reader: ByteReader, isBounded: boolean, used: [number, Session][], unused: number[]): void {
  for (let count = reader.varint(); count > 0; count--) {
    const id = reader.varint();
    const lastUsed = reader.varint();
    if (lastUsed === 0)
      throw new MalformedSnapshotError(`snapshot: session ${id} stands among the used ones, and was not`);
    used.push([id, readSession(reader, isBounded, id, lastUsed)]);
  }
  for (let count = reader.varint(); count > 0; count--) unused.push(reader.varint());
}

/** All of those that hold something and no others, those of a lower class first: any order of these is one that may have come to be. */
function readHolding(reader: ByteReader, used: readonly (readonly [number, Session])[]): Session[] {
  const expected = new Map(used.filter(([, session]) => session.above.size > 0));
  const holding: Session[] = [];
  for (let count = reader.varint(), last = 0; count > 0; count--) {
    const id = reader.varint();
    const session = expected.get(id);
    if (session === undefined || classOf(session.above.weight) < last)
      throw new MalformedSnapshotError(`snapshot: session ${id} is not the next that gives up numbers`);
    last = classOf(session.above.weight);
    expected.delete(id);
    holding.push(session);
  }
  if (expected.size > 0)
    throw new MalformedSnapshotError(`snapshot: ${expected.size} sessions hold numbers and would never give up any`);
  return holding;
}

function readSession(reader: ByteReader, isBounded: boolean, id: number, lastUsed: number): Session {
  const session = new Session(id);
  session.lastUsed = lastUsed;
  session.floor = reader.varint();
  session.mark = reader.varint();
  if (session.floor > session.mark)
    throw new MalformedSnapshotError(
      `snapshot: the floor ${session.floor} of a session, above its mark ${session.mark}`,
    );
  const above = isBounded ? SparseNumbers.readCompact(reader) : SparseNumbers.read(reader);
  if (above.lowest <= session.mark + 1 || above.highest > session.mark + SEQUENCE_AHEAD_MAX)
    throw new MalformedSnapshotError(
      `snapshot: ${above.lowest} to ${above.highest} are above the mark ${session.mark} of a session`,
    );
  if (above.size > 0) session.above = above;
  return session;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

function readText(reader: ByteReader): string {
  return utf8.decode(reader.view());
}

import { ByteReader, CutShortError, MalformedBytesError } from '../../bytes/byteReader.ts';
import { checkText } from '../../bytes/text.ts';
import type { SnapshotContent } from '../../consensus/contract.ts';
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
 * Of a state in which what sessions hold together is bounded (heldNumbers.ts): with the order in which they give up, and their numbers in a
 * form that takes no more than these do. Builds that do not know that rule do not read it.
 */
export const BOUNDED_SNAPSHOT_VERSION = 5;

/** Throws MalformedSnapshotError where a store could not be restored from it. */
export function checkSnapshot(content: SnapshotContent): void {
  readAll(new SnapshotReader(content.byteLength), content);
}

/** How much is in a snapshot, all of which is read. Throws MalformedSnapshotError. */
export function countsOf(content: SnapshotContent): { readonly keys: number; readonly sessions: number } {
  let keys = 0;
  const reader = new SnapshotReader(content.byteLength, () => {
    keys++;
  });
  readAll(reader, content);
  return { keys, sessions: reader.used.length + reader.unused.length };
}

/** The fences in a snapshot, of which no more is read than up to there. Throws MalformedSnapshotError. */
export function fencesOf(content: SnapshotContent): Fences {
  const reader = new SnapshotReader(content.byteLength);
  readAll(reader, content, () => reader.fences !== undefined);
  return reader.fences!;
}

/** Bytes that are read at a time where all of them are. */
const PIECE_BYTES = 1024 * 1024;

function readAll(reader: SnapshotReader, content: SnapshotContent, isEnough = () => false): void {
  for (let at = 0; at === 0 || (at < content.byteLength && !isEnough()); at += PIECE_BYTES) {
    reader.take(content.read(at, PIECE_BYTES));
  }
}

/** Where a key and its value stand in `bytes`, which are written over later. */
type TakeKey = (bytes: Uint8Array, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void;

/** Reads one thing, or throws CutShortError with nothing done. Returns what is to be read next. */
type Step = (reader: ByteReader) => Step;

/**
 * Reads a snapshot that comes in pieces, of any size, and holds no more of it than the part of a session, or of a key and its value, that
 * came so far.
 */
export class SnapshotReader {
  /** Once they are read. */
  fences: Fences | undefined;
  readonly used: [number, Session][] = [];
  readonly unused: number[] = [];
  /** Those that hold something, in the order in which they give up; undefined where the bound is not in force. */
  holding: readonly Session[] | undefined;
  private readonly byteLength: number;
  private readonly takeKey: TakeKey;
  private next: Step = (reader) => this.readVersion(reader);
  /** Bytes before those that are held. */
  private passed = 0;
  private held: Uint8Array = new Uint8Array(0);
  private heldBytes = 0;

  /** Of so many bytes. */
  constructor(byteLength: number, takeKey: TakeKey = () => {}) {
    this.byteLength = byteLength;
    this.takeKey = takeKey;
  }

  /**
   * The piece that follows, and is not kept. Returns whether it was the last; a snapshot without bytes has one of none. Throws
   * MalformedSnapshotError.
   */
  take(piece: Uint8Array): boolean {
    this.hold(piece);
    const reader = new ByteReader(this.held, 0, this.heldBytes);
    const left = this.byteLength - this.passed - this.heldBytes;
    let done = 0;
    try {
      while (this.next !== END) {
        this.next = this.next(reader);
        done = reader.pos;
      }
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      if (!(error instanceof CutShortError) || error.missing > left) throw this.malformed(error);
    }
    this.passed += done;
    this.heldBytes -= done;
    this.held.copyWithin(0, done, done + this.heldBytes);
    const after = this.byteLength - this.passed;
    if (this.next === END && after > 0) throw new MalformedSnapshotError(`${after} bytes after the last key`);
    return left === 0;
  }

  private hold(piece: Uint8Array): void {
    const bytes = this.heldBytes + piece.length;
    if (bytes > this.held.length) {
      const grown = new Uint8Array(Math.max(bytes, 2 * this.heldBytes));
      grown.set(this.held.subarray(0, this.heldBytes));
      this.held = grown;
    }
    this.held.set(piece, this.heldBytes);
    this.heldBytes = bytes;
  }

  private malformed({ what, offset }: MalformedBytesError): MalformedSnapshotError {
    const { message } = new MalformedBytesError(what, this.passed + offset);
    return new MalformedSnapshotError(`snapshot of the key-value store: ${message}`);
  }

  private readVersion(reader: ByteReader): Step {
    const version = reader.varint();
    if (version !== SNAPSHOT_VERSION && version !== BOUNDED_SNAPSHOT_VERSION) {
      throw new MalformedSnapshotError(
        `snapshot version ${version}, expected ${SNAPSHOT_VERSION} or ${BOUNDED_SNAPSHOT_VERSION}: another version of rkvd wrote it`,
      );
    }
    const isBounded = version === BOUNDED_SNAPSHOT_VERSION;
    const fences = new Map<number, Fence>();
    const readFence = (from: ByteReader) =>
      void fences.set(from.varint(), { index: from.varint(), instance: readText(from) });
    const toSessions = () => {
      this.fences = fences;
      const keys = list(readKey, () => END);
      return list(readUsed, list(readUnused, isBounded ? (from) => this.holders(keys)(from) : keys));
    };
    const readUsed = (from: ByteReader) => void this.used.push(readUsedSession(from, isBounded));
    const readUnused = (from: ByteReader) => void this.unused.push(from.varint());
    const readKey = (from: ByteReader) => {
      const keyLength = checkText(from);
      const keyEnd = from.pos;
      const valueLength = checkText(from);
      this.takeKey(from.bytes, keyEnd - keyLength, keyEnd, from.pos - valueLength, from.pos);
    };
    return list(readFence, toSessions);
  }

  /** All of those that hold something and no others, those of a lower class first: any order of these is one that may have come to be. */
  private holders(then: Step): Step {
    const expected = new Map(this.used.filter(([, session]) => session.above.size > 0));
    const holding: Session[] = [];
    let last = 0;
    const readHolder = (reader: ByteReader) => {
      const id = reader.varint();
      const session = expected.get(id);
      if (session === undefined || classOf(session.above.weight) < last)
        throw new MalformedSnapshotError(`snapshot: session ${id} is not the next that gives up numbers`);
      last = classOf(session.above.weight);
      expected.delete(id);
      holding.push(session);
    };
    return list(readHolder, (reader) => {
      if (expected.size > 0) {
        const left = `${expected.size} sessions hold numbers and would never give up any`;
        throw new MalformedSnapshotError(`snapshot: ${left}`);
      }
      this.holding = holding;
      return then(reader);
    });
  }
}

const END: Step = () => END;

/** Reads how many there are, and each of them. */
function list(readOne: (reader: ByteReader) => void, then: Step): Step {
  return (counting) => {
    let left = counting.varint();
    const next: Step = (reader) => {
      if (left === 0) return then(reader);
      readOne(reader);
      left--;
      return next;
    };
    return next;
  };
}

function readUsedSession(reader: ByteReader, isBounded: boolean): [number, Session] {
  const id = reader.varint();
  const lastUsed = reader.varint();
  if (lastUsed === 0)
    throw new MalformedSnapshotError(`snapshot: session ${id} stands among the used ones, and was not`);
  return [id, readSession(reader, isBounded, id, lastUsed)];
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

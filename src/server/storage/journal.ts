import type { DiskOperation, PromisedArea } from './contract.ts';
import { encodeEntryHeader, HEADER_OPERATIONS_BYTES_MAX } from './journalEntry.ts';
import type { WriteName } from './recovery.ts';

type Done = (error: Error | null) => void;

/** What the entries of a start are written with. */
export interface JournalSeal {
  readonly storeId: Uint8Array;
  /** An encoded one. */
  readonly binding: Uint8Array;
}

/** Where in the area the greatest entry is that was found there. */
export interface JournalEnd {
  readonly number: number;
  readonly half: number;
}

/**
 * The journal in a promised area: one entry after the other, each in blocks of its own, in the one half until the next does not fit, and
 * then in the other, over what was there. That must be durable elsewhere by then: when a half is full, `cover` is asked to make everything that was
 * written so far durable on the disk, and by the time when the other is full as well that is done as a rule, so that nobody waits.
 */
export class Journal {
  private readonly area: PromisedArea;
  private readonly cover: (done: Done) => void;
  /** A block of them. */
  private readonly zeros: Uint8Array;
  private number: number;
  private half: number;
  /** Of the next entry in its half. */
  private at: number;
  /** Everything up to the entry of this number is durable on the disk. */
  private covered: number;
  /** The greatest entry in the half that is not written to. */
  private otherEnd: number;
  /** Who waits for that to be covered. */
  private waiting: (() => void) | undefined;
  private failure: Error | null = null;

  /** Everything found is durable on the disk, so that the half may be written over that does not hold the end. */
  constructor(area: PromisedArea, end: JournalEnd, cover: (done: Done) => void) {
    this.area = area;
    this.cover = cover;
    this.zeros = new Uint8Array(area.blockBytes);
    this.number = end.number;
    this.covered = end.number;
    this.otherEnd = end.number;
    this.half = 1 - end.half;
    this.at = 0;
  }

  /** Whether an entry may hold a copy of so many bytes of values, for which the header takes so many. */
  static hasRoom({ halfBytes }: PromisedArea, valueBytes: number, headerBytes: number): boolean {
    return (
      valueBytes <= halfBytes / HALF_PARTS &&
      headerBytes <= Math.min(HEADER_OPERATIONS_BYTES_MAX, halfBytes / HALF_PARTS)
    );
  }

  /** What was written so far is durable on the disk: `cover` is not asked for it. */
  coverAll(): void {
    this.covered = this.number;
  }

  /** Makes the area anew, with this as its first entry. */
  create(write: WriteName, seal: JournalSeal, done: Done): void {
    const { pieces, bytes } = this.encode(write, seal, []);
    this.area.create(pieces, (error) => {
      if (error === null) {
        this.half = 0;
        this.move(bytes);
      }
      done(error);
    });
  }

  /** Says durably that what these operations carry out is promised, up to this write. What could not be written is written over by the next. */
  append(write: WriteName, seal: JournalSeal, operations: readonly DiskOperation[], done: Done): void {
    const { pieces, bytes } = this.encode(write, seal, operations);
    if (this.at + bytes <= this.area.halfBytes) this.write(pieces, bytes, done);
    else
      this.turn((error) => {
        // What is covered is another entry by now.
        if (error === null) this.append(write, seal, operations, done);
        else done(error);
      });
  }

  private encode(write: WriteName, { storeId, binding }: JournalSeal, operations: readonly DiskOperation[]) {
    const name = { ...write, number: this.number + 1, covered: this.covered };
    const pieces = [encodeEntryHeader(storeId, binding, name, operations)];
    let bytes = pieces[0]!.length;
    for (const { value } of operations) {
      if (value === null) continue;
      pieces.push(value);
      bytes += value.length;
    }
    const { blockBytes } = this.area;
    const left = bytes % blockBytes;
    if (left > 0) {
      pieces.push(this.zeros.subarray(left));
      bytes += blockBytes - left;
    }
    return { pieces, bytes };
  }

  private write(pieces: readonly Uint8Array[], bytes: number, done: Done): void {
    this.area.write(this.half * this.area.halfBytes + this.at, pieces, (error) => {
      if (error === null) this.move(bytes);
      done(error);
    });
  }

  private move(bytes: number): void {
    this.number++;
    this.at += bytes;
  }

  /** Goes on in the other half, as soon as everything in it is covered. */
  private turn(done: Done): void {
    if (this.failure !== null) {
      done(this.failure);
      return;
    }
    if (this.covered < this.otherEnd) {
      this.waiting = () => this.turn(done);
      return;
    }
    this.half = 1 - this.half;
    this.at = 0;
    this.otherEnd = this.number;
    const { number } = this;
    this.cover((error) => {
      if (error === null) this.covered = Math.max(this.covered, number);
      else this.failure = error;
      const { waiting } = this;
      this.waiting = undefined;
      waiting?.();
    });
    done(null);
  }
}

/** An entry is a part of a half, so that the one entry does not cost a whole one. */
const HALF_PARTS = 4;

import type { Binding, StartName } from './binding.ts';
import {
  CorruptLogError,
  type Disk,
  type DiskOperation,
  LostWritesError,
  type PiecedValues,
  type PromisedArea,
  UnknownPromiseError,
} from './contract.ts';
import { Journal, type JournalSeal } from './journal.ts';
import { decodeStoreId, encodeBinding, encodeStoreId, headerBytesOf } from './journalEntry.ts';
import { readJournal } from './journalReading.ts';
import { CHUNK_PREFIX, PIECE_PREFIX, PROMISED_KEY, SNAPSHOT_PREFIX, STATE_PREFIX, sequenceOf } from './keys.ts';
import { atOnce, LaggingDisk, type Later } from './laggingDisk.ts';
import { storedChecksum } from './record.ts';
import type { OpenReport, WriteName } from './recovery.ts';

/**
 * A disk that remembers outside itself what was promised of it: a journal (journal.ts, in a PromisedArea) beside a database.
 *
 * The disk under it (LevelDB) drops what it cannot read at the end of its own log, and an older copy of its files looks like
 * any other store. So each synced write N is an entry of the journal: its number, its checksum, and all operations since the synced write before it
 * (unsynced ones come first, and are small). It is done when the entry is durable: that is the one thing that is waited for. The disk gets
 * it after that, unsynced, with those that come within a moment (LAG_MS in laggingDisk.ts); it is made durable there once a half of the journal is full. A write that
 * puts a snapshot, or more than an entry has room for, is durable on the disk, with everything before it, before its entry is begun,
 * which holds no copy. An unsynced write is done when the disk shows it.
 *
 * At opening, the operations of all entries that the disk may not hold yet are laid over it, in order, and recovery.ts finds out what the whole holds.
 * Let N be the write of the greatest intact entry, L the last one accepted and D what some intact record says was durable.
 * - No intact entry, or no area although the disk names one: what was promised is unknown. UnknownPromiseError.
 * - N is not among the accepted writes: something up to N that was promised is lost, or this is another history.
 *   LostWritesError.
 * - D > N: write D was reported durable, so its entry was. The area is damaged, or older than the disk. UnknownPromiseError.
 * - Otherwise everything that was promised is there.
 *
 * What was found may be more than what was promised, and more than is durable on the disk: unsynced writes outlived a crash, entry N was written and not
 * reported, and after the end of a process, some of it may be no further than the operating system's memory. Whoever goes on from
 * such a store answers for all of it: votes by it, leads with it, says that it has it. So `settle` promises it first, and until
 * then nobody may be told of it: everything is made durable on the disk, by one synced write of what was laid over it, and then an
 * entry in the other half names L (where L = N too: N's entry may be in memory only). A later loss of it is found like any
 * other. Where nothing was found there is nothing to settle: the area is made with the first write.
 *
 * Why that finds every loss, and never takes a crash for one. Of writes with a record only one is in flight; pieces of large values beside it tell of nothing. Let S be the last write that was reported durable, and c
 * what the greatest intact entry says is covered: everything up to entry c was durable on the disk before it was begun.
 * - A half is written over only when all that it holds is covered, and an entry has blocks of its own. So a crash damages the
 *   entry that was being written, and otherwise what the disk holds durably; and the greatest intact entry is that of S, or one begun after it.
 * - Entries beyond c are in the half that is being written to, or in the other one, which is not written over yet: all of them are there.
 *   What the disk durably holds, and they laid over it, are therefore all writes up to N, each of them whole: what recovery.ts relies on. It
 *   does not matter what else of them, or of unsynced writes, the disk holds.
 * - When the disk gets what an entry copies is nothing that this rests on: until the half may be written over, the entry answers for it, and it shows from the
 *   start. What makes the disk durable takes along what it has not got (`cover`, a write that its entry holds no copy of), and so does closing, and an
 *   unsynced write, which goes to the disk after all that came before it. So it may wait for others, as long as it is not long: see below.
 * - If S's entry is damaged later, or both it and what the disk got of it, while all before is whole, then N is the write before. A record that was
 *   written after S says D = S: UnknownPromiseError. Where there is none, but the disk holds S, then L = S. Otherwise, that is what a crash leaves.
 * - What the disk lost of what it was to hold durably, up to c: the records up to S do not lead up to S any more, and S is not accepted.
 * - No record says that D > N after a crash: records get to the disk when their entry is durable, and say less than that.
 * - A redone operation leaves what it left before: no key is put twice with two values. Where the disk is further than N, by unsynced writes, it may
 *   put back what they deleted: that was dead by recovery.ts's rule, still is, and is deleted again.
 * - A crash while it settles: nobody was told of anything beyond what was promised before. N's half is untouched, and the other one is
 *   written over when the disk holds everything durably. If that entry is torn, L > N is found again; if not, L is on the disk.
 * - Data without an area (of an earlier version) are made durable before the area is made that names L, and only then name it. An area of an
 *   earlier version, with slots in place of a journal, or one that was cut short, is made anew when the disk holds everything durably.
 *
 * Disk and area put back together, as they once were, are a consistent past. So every entry also says which start wrote it, its
 * binding (binding.ts), and the server's identity says which start was its last (identity/binding.ts compares them). A start
 * settles by the binding that was found: it may yet be refused. Then it binds, by one more entry that is the settled one but for its binding.
 * A crash while it binds leaves the settled one; one after it, and before the identity names this start,
 * leaves the identity of the start that the binding names as the one before.
 *
 * What is left: where the identity is put back with the two, or stands for a start in which the copy was made. And where the
 * last entries are damaged before the disk got them, every one from some entry on: nothing tells that from a crash. That is why the disk gets them soon, also
 * where nothing follows.
 */
export class PromisedDisk implements Disk {
  private readonly disk: LaggingDisk;
  private readonly below: Disk;
  private readonly area: PromisedArea;
  private readonly storeId: Uint8Array;
  private readonly overlay = new Map<string, Uint8Array | null>();
  /** The keys of the records that the disk had lost and the area had kept; for the log. */
  readonly restored: readonly string[];
  /** What the greatest intact entry names. */
  private readonly promised: WriteName | undefined;
  private readonly journal: Journal;
  /** The area cannot be gone on with as it is. */
  private readonly isMadeAnew: boolean;
  /** What every entry is written with: what was found, until this start is named. */
  private binding: Binding | undefined;
  private seal: JournalSeal;
  private state: 'opening' | 'confirmed' | 'settling' | 'settled' = 'opening';
  /** Who waits for what is under way while it is settled, or bound. */
  private waiting: Done[] = [];
  /** The last write that was accepted, or synced since. */
  private last: WriteName = NO_WRITE;
  /** What the next entry is to copy: operations since the last synced write. */
  private copied: DiskOperation[] = [];
  private valueBytes = 0;
  private headerBytes = 0;
  /** Since then there was something that an entry cannot hold. */
  private isBeyondCopy = false;
  private onFailure: (error: Error) => void = () => {};

  /**
   * `newStoreId` is asked where the disk has no promised area yet: it is new, or of an earlier version of the program. `later`: how long
   * the disk may wait for what the journal has.
   * Throws UnknownPromiseError. Stores are opened through `recover`.
   */
  static open(disk: Disk, area: PromisedArea, newStoreId: () => Uint8Array, later: Later = atOnce): PromisedDisk {
    return new PromisedDisk(disk, area, newStoreId, later);
  }

  private constructor(disk: Disk, area: PromisedArea, newStoreId: () => Uint8Array, later: Later) {
    this.below = disk;
    this.disk = new LaggingDisk(disk, later, (error) => this.onFailure(error));
    this.area = area;
    const named = disk.get(PROMISED_KEY);
    const namedId = named === undefined ? undefined : decodeStoreId(named);
    const { found } = area;
    if (found === undefined && named !== undefined) {
      throw new UnknownPromiseError(`${area.name} is missing: what these data must hold cannot be told without it`);
    }
    const journal = found === undefined ? undefined : readJournal(area, found, namedId);
    const last = journal?.last;
    this.promised = last === undefined ? undefined : { sequence: last.sequence, checksum: last.checksum };
    this.storeId = last?.storeId ?? newStoreId();
    this.binding = last?.binding;
    this.seal = this.sealOf(this.binding);
    this.isMadeAnew = found?.length !== 2 * area.halfBytes;
    for (const { key, value } of journal?.operations ?? []) this.overlay.set(key, value);
    for (const [key, value] of this.overlay) {
      if (isEqual(disk.get(key), value)) this.overlay.delete(key);
      // A view would keep the whole area in memory for as long as somebody reads an entry of it.
      else this.overlay.set(key, value?.slice() ?? null);
    }
    this.restored = [...this.overlay].flatMap(([key, value]) => (value === null ? [] : [key]));
    const end = { number: last?.number ?? 0, half: journal?.half ?? 1 };
    this.journal = new Journal(area, end, (done) => this.disk.write([], true, done));
  }

  private sealOf(binding: Binding | undefined): JournalSeal {
    return { storeId: this.storeId, binding: encodeBinding(binding) };
  }

  /** Whether these data had no promised area yet; for the log. */
  get isAdopted(): boolean {
    return this.promised === undefined && this.last.sequence > 0;
  }

  /**
   * Opens a store on this disk and compares what it found with what was promised; `checkBinding` throws where it is not this
   * server's to go on from. Throws LostWritesError, UnknownPromiseError, and what the two throw; the disk then is as it was.
   * Nothing may be promised from the store before it is settled.
   */
  recover<T extends RecoveredStore>(open: (disk: Disk) => T, checkBinding: CheckBinding = () => {}): T {
    const opened = this.openStore(open);
    this.confirm(opened.report);
    checkBinding(this.binding);
    this.state = 'confirmed';
    this.onFailure = (error) => opened.store.failedBelow(error);
    return opened;
  }

  private openStore<T>(open: (disk: Disk) => T): T {
    try {
      return open(this);
    } catch (error) {
      if (!(error instanceof CorruptLogError) || this.overlay.size === 0) throw error;
      const { sequence } = this.promised!;
      throw new LostWritesError(
        `write ${sequence} was promised (${this.area.name} says so), and these data do not lead up to it: ${error.message}`,
        { cause: error },
      );
    }
  }

  private confirm({ accepted, durableSequence }: OpenReport): void {
    this.last = accepted[accepted.length - 1] ?? NO_WRITE;
    if (this.promised === undefined) return;
    const { sequence, checksum } = this.promised;
    if (durableSequence > sequence) {
      throw new UnknownPromiseError(
        `${this.area.name} ends with write ${sequence}, these data know that write ${durableSequence} was promised: it is damaged, or older than they are`,
      );
    }
    const found = sequence === 0 ? NO_WRITE : accepted.find((write) => write.sequence === sequence);
    if (found === undefined) {
      throw new LostWritesError(
        `write ${sequence} was promised (${this.area.name} says so), and these data end with write ${this.last.sequence}: they lost their end, or are older than what was here`,
      );
    }
    if (found.checksum === checksum) return;
    throw new LostWritesError(
      `write ${sequence} is not the one that was promised (${this.area.name} says so): checksum expected ${checksum}, found ${found.checksum}`,
    );
  }

  get pieced(): PiecedValues | undefined {
    return this.below.pieced;
  }

  get(key: string): Uint8Array | undefined {
    const overlaid = this.overlay.get(key);
    return overlaid === undefined ? this.disk.get(key) : (overlaid ?? undefined);
  }

  keys(prefix: string): readonly string[] {
    const found = this.below.keys(prefix);
    if (this.overlay.size === 0) return found;
    const all = new Set(found);
    for (const [key, value] of this.overlay) {
      if (value === null) all.delete(key);
      else if (key.startsWith(prefix)) all.add(key);
    }
    return [...all].sort();
  }

  /** Promises everything that was found: see above. */
  settle(done: Done): void {
    if (this.last.sequence === 0 || this.state === 'settled') done(null);
    else this.onceSettled(done);
  }

  /**
   * Names the start that goes on from here: durably, when `done` is called without an error. No write may be under way, and
   * everything that was found is promised first, by the start that was named before.
   */
  bind(start: StartName, done: Done): void {
    if (this.state !== 'settled') {
      this.onceSettled((error) => (error === null ? this.bind(start, done) : done(error)));
      return;
    }
    this.binding = { ...start, count: (this.binding?.count ?? 0) + 1 };
    this.seal = this.sealOf(this.binding);
    this.waiting.push(done);
    this.carryOut([(next) => this.journal.append(this.last, this.seal, [], next)], 'settled');
  }

  /** One at a time, as the log store does. */
  write(operations: readonly DiskOperation[], sync: boolean, done: Done): void {
    if (this.state === 'settled') this.writeSettled(operations, sync, done);
    else this.onceSettled((error) => (error === null ? this.write(operations, sync, done) : done(error)));
  }

  /** `done` may find that another one who waited has begun something. */
  private onceSettled(done: Done): void {
    if (this.state === 'opening')
      throw new Error('what was found on this disk was not compared with what was promised');
    this.waiting.push(done);
    if (this.state === 'confirmed') this.carryOut(this.stepsToSettle(), 'confirmed');
  }

  /** `failed` is the state after a step that failed. */
  private carryOut(steps: ((next: Done) => void)[], failed: 'confirmed' | 'settled'): void {
    this.state = 'settling';
    const next = (error: Error | null): void => {
      const step = error === null ? steps.shift() : undefined;
      if (step === undefined) this.finishSettling(error, failed);
      else step(next);
    };
    next(null);
  }

  /** Each is durable before the next. */
  private stepsToSettle(): ((next: Done) => void)[] {
    const name = { key: PROMISED_KEY, value: encodeStoreId(this.storeId) };
    const operations = [...this.overlay].map(([key, value]) => ({ key, value }));
    const make = (next: Done) => this.journal.create(this.last, this.seal, next);
    // The disk names its area only when there is one.
    if (this.promised === undefined) {
      const steps = [make, (next: Done) => this.below.write([name], true, next)];
      return this.last.sequence > 0 ? [(next) => this.below.write([], true, next), ...steps] : steps;
    }
    const promise = (next: Done) => this.journal.append(this.last, this.seal, [], next);
    return [(next) => this.below.write([...operations, name], true, next), this.isMadeAnew ? make : promise];
  }

  private finishSettling(error: Error | null, failed: 'confirmed' | 'settled'): void {
    this.state = error === null ? 'settled' : failed;
    if (error === null) this.overlay.clear();
    const waiting = this.waiting;
    this.waiting = [];
    for (const done of waiting) done(error);
  }

  private writeSettled(operations: readonly DiskOperation[], sync: boolean, done: Done): void {
    if (operations.length > 0 && operations.every(isPiece)) {
      // Nothing is promised of them until a write says that they are there.
      this.disk.write(operations, true, done);
      return;
    }
    const written = this.take(operations);
    if (!sync) {
      this.disk.write(operations, false, (error) => this.finish(error, done));
      return;
    }
    this.last = written;
    const { copied, isBeyondCopy } = this;
    this.copied = [];
    this.valueBytes = 0;
    this.headerBytes = 0;
    this.isBeyondCopy = false;
    if (isBeyondCopy) {
      this.disk.write(operations, true, (failure) => {
        if (failure !== null) {
          this.finish(failure, done);
          return;
        }
        this.journal.coverAll();
        this.journal.append(written, this.seal, [], (error) => this.finish(error, done));
      });
    } else {
      this.journal.append(written, this.seal, copied, (error) => {
        if (error === null) this.disk.put(operations);
        this.finish(error, done);
      });
    }
  }

  /** Nothing is promised any more of a disk that failed, though what was is in the journal. */
  private finish(error: Error | null, done: Done): void {
    done(error ?? this.disk.failure);
  }

  /** The name of a write, which is kept for the next entry. */
  private take(operations: readonly DiskOperation[]): WriteName {
    let written: WriteName | undefined;
    for (const operation of operations) {
      const { key, value } = operation;
      this.headerBytes += headerBytesOf(operation);
      if (value === null) continue;
      this.valueBytes += value.length;
      if (key.startsWith(CHUNK_PREFIX) || key.startsWith(STATE_PREFIX)) {
        written = { sequence: sequenceOf(key), checksum: storedChecksum(value) };
      } else if (key.startsWith(SNAPSHOT_PREFIX)) this.isBeyondCopy = true;
    }
    if (written === undefined) throw new Error('a write without a record');
    this.isBeyondCopy ||= !Journal.hasRoom(this.area, this.valueBytes, this.headerBytes);
    if (this.isBeyondCopy) this.copied = [];
    else for (const operation of operations) this.copied.push(operation);
    return written;
  }

  async close(): Promise<void> {
    if (this.state === 'settling') await new Promise<void>((resolve) => this.waiting.push(() => resolve()));
    this.disk.flush();
    await new Promise<void>((resolve) => this.disk.whenAtRest(resolve));
    // With the disk goes the lock that keeps other processes away.
    await this.area.close();
    await this.below.close();
  }
}

type Done = (error: Error | null) => void;

export interface RecoveredStore {
  readonly report: OpenReport;
  /** Is told where the disk did not get what was done already. */
  readonly store: { failedBelow(error: Error): void };
}

/** Throws where what is bound like this, or to nothing, is not to be gone on from. */
export type CheckBinding = (found: Binding | undefined) => void;

const NO_WRITE: WriteName = { sequence: 0, checksum: 0 };

/**
 * For a disk that is not there at all, in `location`. Throws LostWritesError where it should be, UnknownPromiseError, and what
 * `checkBinding` throws.
 */
export function throwIfPromised(area: PromisedArea, location: string, checkBinding: CheckBinding): void {
  const promised = area.found === undefined ? undefined : readJournal(area, area.found, undefined).last;
  if (promised !== undefined && promised.sequence > 0) {
    throw new LostWritesError(
      `write ${promised.sequence} was promised (${area.name} says so), and ${location} holds no database`,
    );
  }
  checkBinding(promised?.binding);
}

function isPiece({ key, value }: DiskOperation): boolean {
  return value !== null && key.startsWith(PIECE_PREFIX);
}

function isEqual(found: Uint8Array | undefined, expected: Uint8Array | null): boolean {
  if (found === undefined || expected === null) return found === undefined && expected === null;
  return Buffer.compare(found, expected) === 0;
}

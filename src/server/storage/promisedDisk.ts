import type { Binding, StartName } from './binding.ts';
import {
  CorruptLogError,
  type Disk,
  type DiskOperation,
  LostWritesError,
  type PromisedArea,
  type PromisedSlots,
  UnknownPromiseError,
} from './contract.ts';
import { CHUNK_PREFIX, PROMISED_KEY, SNAPSHOT_PREFIX, STATE_PREFIX, sequenceOf } from './keys.ts';
import {
  COPIED_BYTES_MAX,
  COPIED_RECORDS_MAX,
  decodeSlot,
  decodeStoreId,
  encodeBinding,
  encodeSlotHeader,
  encodeStoreId,
  type PromisedSlot,
} from './promisedSlot.ts';
import { storedChecksum } from './record.ts';
import type { OpenReport, WriteName } from './recovery.ts';

/**
 * A disk that remembers outside itself what was promised of it, so that a lost tail is told from a crash.
 *
 * The disk under it (LevelDB) drops what it cannot read at the end of its own log, and an older copy of its files looks like
 * any other store. So each synced write N also goes to one of the two slots of a PromisedArea, in turn: its number, its
 * checksum, and copies of the write records since the synced write before it (unsynced ones come first, and are small). Both
 * go on in parallel, and `done` is called when both are durable. A write that puts a snapshot, or more than
 * COPIED_BYTES_MAX, is on the disk before its slot is begun, and the slot holds no copy.
 *
 * At opening, copies that the disk lacks are laid over it, and recovery.ts finds out what the whole holds. Let N be the
 * greatest write with an intact slot, L the last one accepted and D what some intact record says was durable.
 * - No intact slot, or no area although the disk names one: what was promised is unknown. UnknownPromiseError.
 * - N is not among the accepted writes: something up to N that was promised is lost, or this is another history.
 *   LostWritesError.
 * - D > N: write D was reported durable, so its slot was. The area is damaged, or older than the disk. UnknownPromiseError.
 * - Otherwise everything that was promised is there.
 *
 * What was found may be more than what was promised: write N itself, or L > N. Unsynced writes outlived a crash; a write had
 * reached the disk when its slot had not; a write came back from a slot; and after the end of a process, some of it may be no further than
 * the operating system's memory. Whoever goes on from such a store answers for all of it: votes by it, leads with it, says that it has it.
 * So `settle` promises it first, and until then nobody may be told of it: everything is made durable on the disk, by one synced
 * write of what was laid over it, and then the slot that is not N's names L (where L = N too: N's slot itself may be in
 * memory only). A later loss of it is found like any other. Where nothing was found there is nothing to settle: the
 * area is made with the first write.
 *
 * Why that finds every loss, and never takes a crash for one. Only one write is in flight, and N was begun only after the
 * synced write P before it was reported, with disk and slot durable. Let S be the last write that was reported durable.
 * - Slot S is intact until S+1 is under way, which writes the other slot. So the greatest intact slot is S, or a write begun
 *   after it; and whatever the disk lost up to S, record S or the chain to it is missing, and S is not accepted.
 * - A crash during write N with its copies: the disk holds all up to P, whatever came after P may be missing. If slot N is
 *   intact, it supplies everything after P: N is accepted. If it is not, P's slot is the greatest, P is on the disk, and
 *   no record says more than D = P, because none was begun after N.
 * - A crash during a write without copies: its slot was begun when the disk had it.
 * - A redone record is what recovery.ts knows as a crash that left the record and undid what stood beside it.
 * - A crash while it settles: nobody was told of anything beyond what was promised before. N's slot is untouched, and the other one, whose
 *   records a crash may still need, is written when they are on the disk. If it is torn, L > N is found again; if not, L is on the
 *   disk. No record says that D > N before.
 * - Data without an area (of an earlier version) are made durable before the area is made that names L, and only then name it.
 * - Copies of writes that were dead already when their keys were deleted may be laid over the disk again. They are dead by
 *   recovery.ts's rule, and are deleted again.
 *
 * Disk and area put back together, as they once were, are a consistent past. So every slot also says which start wrote it, its
 * binding (binding.ts), and the server's identity says which start was its last (identity/binding.ts compares them). A start
 * settles by the binding that was found: it may yet be refused. Then it binds: N's slot, which nothing depends on any more, is
 * written over by one that is the settled one but for its binding. Two slots of one write are told apart by how often
 * the area was bound by then. A crash while it binds leaves the settled slot; one after it, and before the identity names this start,
 * leaves the identity of the start that the binding names as the one before.
 *
 * What is left: where the identity is put back with the two, or stands for a start in which the copy was made. And where the
 * last write's slot and the last write are damaged both, while everything before them is whole, that is what a crash leaves.
 */
export class PromisedDisk implements Disk {
  private readonly disk: Disk;
  private readonly area: PromisedArea;
  private readonly storeId: Uint8Array;
  private readonly overlay = new Map<string, Uint8Array>();
  /** The keys of the records that the disk had lost and the area had kept; for the log. */
  readonly restored: readonly string[];
  /** The greatest intact slot, and where it is. */
  private readonly promised: PromisedSlot | undefined;
  private slot: number;
  /** What every slot is written with: what was found, until this start is named. */
  private binding: Binding | undefined;
  private encodedBinding: Uint8Array | undefined;
  private state: 'opening' | 'confirmed' | 'settling' | 'settled' = 'opening';
  /** Who waits for what is under way while it is settled, or bound. */
  private waiting: Done[] = [];
  /** The last write that was accepted, or synced since. */
  private last: WriteName = NO_WRITE;
  /** Records written since the last synced write. */
  private unsynced: Uint8Array[] = [];
  private unsyncedBytes = 0;
  /** Since then there was something that a slot cannot hold. */
  private isBeyondCopy = false;

  /**
   * `newStoreId` is asked where the disk has no promised area yet: it is new, or of an earlier version of the program.
   * Throws UnknownPromiseError. Stores are opened through `recover`.
   */
  static open(disk: Disk, area: PromisedArea, newStoreId: () => Uint8Array): PromisedDisk {
    return new PromisedDisk(disk, area, newStoreId);
  }

  private constructor(disk: Disk, area: PromisedArea, newStoreId: () => Uint8Array) {
    this.disk = disk;
    this.area = area;
    const named = disk.get(PROMISED_KEY);
    const namedId = named === undefined ? undefined : decodeStoreId(named);
    if (area.found === undefined) {
      if (named !== undefined) {
        throw new UnknownPromiseError(`${area.name} is missing: what these data must hold cannot be told without it`);
      }
      this.restored = [];
      this.promised = undefined;
      this.slot = 1;
      this.storeId = newStoreId();
      return;
    }
    const { promised, slot, other } = readSlots(area.name, area.found);
    this.slot = slot;
    this.promised = promised;
    this.storeId = promised.storeId;
    this.nameBinding(promised.binding);
    for (const id of [namedId, other?.storeId]) {
      if (id === undefined || Buffer.compare(id, promised.storeId) === 0) continue;
      throw new UnknownPromiseError(
        `${area.name} is of store ${hex(promised.storeId)}, these data are of store ${hex(id)}: they do not belong together`,
      );
    }
    for (const { key, value } of [...promised.records, ...(other?.records ?? [])]) {
      if (!isEqual(disk.get(key), value)) this.overlay.set(key, value);
    }
    this.restored = [...this.overlay.keys()];
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
  recover<T extends { readonly report: OpenReport }>(
    open: (disk: Disk) => T,
    checkBinding: CheckBinding = () => {},
  ): T {
    const opened = this.openStore(open);
    this.confirm(opened.report);
    checkBinding(this.binding);
    this.state = 'confirmed';
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

  get(key: string): Uint8Array | undefined {
    return this.overlay.get(key) ?? this.disk.get(key);
  }

  keys(prefix: string): readonly string[] {
    const found = this.disk.keys(prefix);
    if (this.overlay.size === 0) return found;
    const overlaid = [...this.overlay.keys()].filter((key) => key.startsWith(prefix));
    return [...new Set([...found, ...overlaid])].sort();
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
    this.nameBinding({ ...start, count: (this.binding?.count ?? 0) + 1 });
    this.waiting.push(done);
    this.carryOut([(next) => this.mark(this.last, [], next)], 'settled');
  }

  private nameBinding(binding: Binding | undefined): void {
    this.binding = binding;
    this.encodedBinding = binding === undefined ? undefined : encodeBinding(binding);
  }

  /** One at a time, as the log store does. */
  write(operations: readonly DiskOperation[], sync: boolean, done: Done): void {
    if (this.state === 'settled') this.writeBoth(operations, sync, done);
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
    const steps: ((next: Done) => void)[] = [];
    const name = { key: PROMISED_KEY, value: encodeStoreId(this.storeId) };
    if (this.promised === undefined) {
      // A deletion of nothing, for the sake of what is synced with it.
      const nothing = [{ key: PROMISED_KEY, value: null }];
      if (this.last.sequence > 0) steps.push((next) => this.disk.write(nothing, true, next));
      const header = this.header(this.last, []);
      steps.push((next) => this.area.create([header, header], next));
    }
    const operations: DiskOperation[] = [...this.overlay].map(([key, value]) => ({ key, value }));
    steps.push((next) => this.disk.write([...operations, name], true, next));
    if (this.promised !== undefined) steps.push((next) => this.mark(this.last, [], next));
    return steps;
  }

  private finishSettling(error: Error | null, failed: 'confirmed' | 'settled'): void {
    this.state = error === null ? 'settled' : failed;
    if (error === null) this.overlay.clear();
    const waiting = this.waiting;
    this.waiting = [];
    for (const done of waiting) done(error);
  }

  private writeBoth(operations: readonly DiskOperation[], sync: boolean, done: Done): void {
    const record = this.take(operations);
    if (!sync) {
      this.disk.write(operations, false, done);
      return;
    }
    const written = { sequence: sequenceOf(record.key), checksum: storedChecksum(record.value) };
    this.last = written;
    const records = this.unsynced;
    const isCopied = !this.isBeyondCopy;
    this.unsynced = [];
    this.unsyncedBytes = 0;
    this.isBeyondCopy = false;
    if (!isCopied) {
      this.disk.write(operations, true, (error) => {
        if (error === null) this.mark(written, [], done);
        else done(error);
      });
      return;
    }
    let left = 2;
    let failure: Error | null = null;
    const half = (error: Error | null): void => {
      failure ??= error;
      if (--left === 0) done(failure);
    };
    this.disk.write(operations, true, half);
    this.mark(written, records, half);
  }

  /** The write's record, which is kept for the next slot. */
  private take(operations: readonly DiskOperation[]): { readonly key: string; readonly value: Uint8Array } {
    let record: { readonly key: string; readonly value: Uint8Array } | undefined;
    for (const { key, value } of operations) {
      if (value === null) continue;
      if (key.startsWith(CHUNK_PREFIX) || key.startsWith(STATE_PREFIX)) record = { key, value };
      else if (key.startsWith(SNAPSHOT_PREFIX)) this.isBeyondCopy = true;
    }
    if (record === undefined) throw new Error('a write without a record');
    this.unsynced.push(record.value);
    this.unsyncedBytes += record.value.length;
    if (this.unsyncedBytes > COPIED_BYTES_MAX || this.unsynced.length > COPIED_RECORDS_MAX) {
      this.isBeyondCopy = true;
      this.unsynced = [];
    }
    return record;
  }

  /** What could not be written is no slot to rely on: the other one stays as it is. */
  private mark(write: WriteName, records: readonly Uint8Array[], done: Done): void {
    const slot = 1 - this.slot;
    this.area.write(slot, [this.header(write, records), ...records], (error) => {
      if (error === null) this.slot = slot;
      done(error);
    });
  }

  private header({ sequence, checksum }: WriteName, records: readonly Uint8Array[]): Uint8Array {
    return encodeSlotHeader(this.storeId, this.encodedBinding, sequence, checksum, records);
  }

  async close(): Promise<void> {
    if (this.state === 'settling') await new Promise<void>((resolve) => this.waiting.push(() => resolve()));
    // With the disk goes the lock that keeps other processes away.
    await this.area.close();
    await this.disk.close();
  }
}

type Done = (error: Error | null) => void;
/** Throws where what is bound like this, or to nothing, is not to be gone on from. */
export type CheckBinding = (found: Binding | undefined) => void;

const NO_WRITE: WriteName = { sequence: 0, checksum: 0 };

interface ReadSlots {
  readonly promised: PromisedSlot;
  readonly slot: number;
  readonly other: PromisedSlot | undefined;
}

/** The greatest intact slot and the other one, if that is intact. Throws UnknownPromiseError where none is. */
function readSlots(name: string, [first, second]: PromisedSlots): ReadSlots {
  const slots = [decodeSlot(first), decodeSlot(second)];
  const slot = isLater(slots[1], slots[0]) ? 1 : 0;
  const promised = slots[slot];
  if (promised !== undefined) return { promised, slot, other: slots[1 - slot] };
  throw new UnknownPromiseError(`${name} is damaged: what these data must hold cannot be told without it`);
}

/** Settling and binding write slots of a write that has one already. */
function isLater(one: PromisedSlot | undefined, other: PromisedSlot | undefined): boolean {
  if (one === undefined || other === undefined) return one !== undefined;
  if (one.sequence !== other.sequence) return one.sequence > other.sequence;
  return (one.binding?.count ?? 0) > (other.binding?.count ?? 0);
}

/**
 * For a disk that is not there at all, in `location`. Throws LostWritesError where it should be, UnknownPromiseError, and what
 * `checkBinding` throws.
 */
export function throwIfPromised({ name, found }: PromisedArea, location: string, checkBinding: CheckBinding): void {
  const promised = found === undefined ? undefined : readSlots(name, found).promised;
  if (promised !== undefined && promised.sequence > 0) {
    throw new LostWritesError(
      `write ${promised.sequence} was promised (${name} says so), and ${location} holds no database`,
    );
  }
  checkBinding(promised?.binding);
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}

function hex(id: Uint8Array): string {
  return Buffer.from(id).toString('hex');
}

import type { Disk, DiskOperation } from '../server/storage/contract.ts';
import type { Census } from './census.ts';
import type { DiskPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import { type AreaTroubles, drawSyncUs, type SyncWatcher, VirtualPromisedArea } from './virtualPromisedArea.ts';

/** An injected failure: a full disk, or one that cannot be read. */
export class VirtualDiskError extends Error {
  override readonly name = 'VirtualDiskError';
}

interface Write {
  readonly operations: readonly DiskOperation[];
  readonly sync: boolean;
  readonly done: (error: Error | null) => void;
}

/** What a disk held at some time, and what was promised beside it; undefined: nothing. */
export interface DiskImage {
  readonly content: ReadonlyMap<string, Uint8Array>;
  readonly promised: Uint8Array | undefined;
}

/**
 * The disk of one server; it outlives the server's processes. Writes become visible when they complete, one after
 * the other. What a crash leaves of those that no completed sync followed is as bad as the contract of Disk allows:
 * each may be lost, there, or torn operation by operation, with values cut short and bits flipped.
 */
export class VirtualDisk implements AreaTroubles {
  isFull = false;
  /** Probability that a read fails. */
  readErrorChance = 0;
  /** Times the usual latency. */
  slowness = 1;
  /** No write is done before. */
  stalledUntilUs = 0;
  /** Beside the disk, not on it: what befalls the disk's content leaves it alone. */
  readonly promised: VirtualPromisedArea;
  private readonly timeline: Timeline;
  private readonly random: Random;
  private readonly census: Census;
  private readonly plan: DiskPlan;
  private visible = new Map<string, Uint8Array>();
  private durable = new Map<string, Uint8Array>();
  private unsynced: Write[] = [];
  private pending: Write[] = [];
  private doneUs = 0;
  private epoch = 0;
  /** What the last synced writes, and what crashes left, replaced, newest last. */
  private readonly undo: Map<string, Uint8Array | undefined>[] = [];
  /** All that was there before the end of it was lost. */
  private whole: Map<string, Uint8Array> | undefined;

  constructor(timeline: Timeline, random: Random, census: Census, plan: DiskPlan) {
    this.timeline = timeline;
    this.random = random;
    this.census = census;
    this.plan = plan;
    this.promised = new VirtualPromisedArea(timeline, random.fork('promised'), census, plan, this);
  }

  /** When the write that is under way, or was last, is done: as late as its stall or slowness made it, also once the disk is healed. */
  get writtenUs(): number {
    return Math.max(this.doneUs, this.promised.writtenUs);
  }

  get hasUnsyncedWrites(): boolean {
    return this.unsynced.length > 0 || this.pending.length > 0;
  }

  /** The disk as one process sees it; dead once the disk crashed or was opened again. */
  open(watcher: SyncWatcher): Disk {
    const epoch = ++this.epoch;
    return {
      get: (key) => {
        this.maybeFailRead();
        return this.visible.get(key);
      },
      keys: (prefix) => {
        this.maybeFailRead();
        return [...this.visible.keys()].filter((key) => key.startsWith(prefix)).sort();
      },
      write: (operations, sync, done) => {
        if (epoch === this.epoch) this.write({ operations, sync, done }, watcher);
      },
      close: () => Promise.resolve(),
    };
  }

  private maybeFailRead(): void {
    if (this.readErrorChance === 0 || !this.random.chance(this.readErrorChance)) return;
    this.census.count('read error');
    throw new VirtualDiskError('input/output error');
  }

  private write(write: Write, watcher: SyncWatcher): void {
    this.pending.push(write);
    if (this.pending.length === 1) this.begin(watcher);
  }

  private begin(watcher: SyncWatcher): void {
    const write = this.pending[0]!;
    const usualUs = write.sync ? drawSyncUs(this.plan, this.random) : UNSYNCED_WRITE_US;
    const latencyUs = Math.round(usualUs * this.slowness);
    if (this.slowness > 1) this.census.count('slow disk');
    const epoch = this.epoch;
    this.doneUs = this.timeline.nowUs + latencyUs;
    this.timeline.after(latencyUs, () => this.complete(epoch, watcher));
    if (write.sync) watcher.syncBegun(latencyUs);
  }

  private complete(epoch: number, watcher: SyncWatcher): void {
    if (epoch !== this.epoch) return;
    if (this.stalledUntilUs > this.timeline.nowUs) {
      this.census.count('stalled disk');
      this.doneUs = this.stalledUntilUs;
      this.timeline.at(this.stalledUntilUs, () => this.complete(epoch, watcher));
      return;
    }
    const write = this.pending.shift()!;
    // A write that is asked for while this one is reported finds the disk idle and begins at once.
    if (this.pending.length > 0) this.begin(watcher);
    if (this.isFull) {
      this.census.count('full disk');
      write.done(new VirtualDiskError('no space left on device'));
    } else {
      for (const operation of write.operations) apply(this.visible, operation);
      this.unsynced.push(write);
      if (write.sync) this.sync();
      if (write.sync) watcher.syncDone();
      write.done(null);
    }
  }

  private sync(): void {
    const replaced = new Map<string, Uint8Array | undefined>();
    for (const write of this.unsynced) {
      for (const operation of write.operations) {
        if (!replaced.has(operation.key)) replaced.set(operation.key, this.durable.get(operation.key));
        apply(this.durable, operation);
      }
    }
    this.unsynced = [];
    this.remember(replaced);
  }

  private remember(replaced: Map<string, Uint8Array | undefined>): void {
    this.undo.push(replaced);
    if (this.undo.length > LOST_WRITES_MAX) this.undo.shift();
  }

  /** The machine loses its power. */
  crash(): void {
    this.epoch++;
    const lost = [...this.unsynced, ...this.pending];
    this.unsynced = [];
    this.pending = [];
    const replaced = new Map<string, Uint8Array | undefined>();
    for (const { operations } of lost) for (const { key } of operations) replaced.set(key, this.durable.get(key));
    for (const write of lost) this.leave(write);
    if (replaced.size > 0) this.remember(replaced);
    this.visible = new Map(this.durable);
    this.promised.crash();
  }

  /** Nothing is left of it, nor of what is beside it. */
  wipe(): void {
    this.epoch++;
    this.unsynced = [];
    this.pending = [];
    this.undo.length = 0;
    this.whole = undefined;
    this.durable = new Map();
    this.visible = new Map();
    this.promised.wipe();
  }

  /** What is on the platter. */
  get image(): DiskImage {
    return { content: new Map(this.durable), promised: this.promised.bytes };
  }

  /** Holds this and nothing else. */
  put({ content, promised }: DiskImage): void {
    this.wipe();
    this.durable = new Map(content);
    this.visible = new Map(content);
    this.promised.put(promised);
  }

  /** After a crash: the last `writes` synced writes are gone as well, though they were durable. False where there were none. */
  loseTail(writes: number): boolean {
    if (this.undo.length === 0 || this.whole !== undefined) return false;
    this.whole = this.durable;
    const left = new Map(this.durable);
    for (let i = 0; i < writes; i++) {
      for (const [key, value] of this.undo.pop() ?? []) apply(left, { key, value: value ?? null });
    }
    this.undo.length = 0;
    this.durable = left;
    this.visible = new Map(left);
    return true;
  }

  get hasLostTail(): boolean {
    return this.whole !== undefined;
  }

  /** A server started all the same: it did not need what was lost. */
  acceptLoss(): void {
    this.whole = undefined;
  }

  /** Somebody finds what was lost, and puts it back. */
  putBackTail(): void {
    if (this.whole === undefined) return;
    this.durable = this.whole;
    this.visible = new Map(this.whole);
    this.whole = undefined;
  }

  private leave(write: Write): void {
    const random = this.random;
    if (random.chance(this.plan.survivalChance)) {
      this.census.count('unsynced write survived');
      for (const operation of write.operations) apply(this.durable, operation);
      return;
    }
    const tears = this.plan.tears && random.chance(0.5);
    const flips = this.plan.flips && random.chance(0.5);
    if (!tears && !flips) {
      this.census.count('unsynced write lost');
      return;
    }
    for (const operation of write.operations) {
      if (tears && random.chance(0.5)) {
        this.census.count('write torn');
        if (operation.value === null || random.chance(0.5)) continue;
        apply(this.durable, {
          key: operation.key,
          value: operation.value.slice(0, random.int(operation.value.length)),
        });
      } else if (flips && operation.value !== null && operation.value.length > 0) {
        this.census.count('bits flipped');
        const value = operation.value.slice();
        const flipped = random.between(1, 3);
        for (let i = 0; i < flipped; i++) value[random.int(value.length)]! ^= 1 << random.int(8);
        apply(this.durable, { key: operation.key, value });
      } else apply(this.durable, operation);
    }
  }

  /**
   * The process ended and the machine did not: everything that was written is there. What was not synced is in the machine's
   * memory only.
   */
  settle(): void {
    this.epoch++;
    const writes = this.pending;
    this.pending = [];
    if (!this.isFull) {
      for (const write of writes) {
        for (const operation of write.operations) apply(this.visible, operation);
        this.unsynced.push(write);
      }
    }
    this.promised.settle();
  }

  heal(): void {
    this.isFull = false;
    this.readErrorChance = 0;
    this.slowness = 1;
    this.stalledUntilUs = 0;
  }
}

const UNSYNCED_WRITE_US = 20;
/** The most synced writes that can be lost from the end. */
export const LOST_WRITES_MAX = 16;

function apply(content: Map<string, Uint8Array>, { key, value }: DiskOperation): void {
  if (value === null) content.delete(key);
  else content.set(key, value);
}

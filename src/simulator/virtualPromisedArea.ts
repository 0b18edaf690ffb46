import { drawMs } from '../faults/spread.ts';
import type { PromisedArea } from '../server/storage/contract.ts';
import type { Census } from './census.ts';
import type { DiskPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

type Done = (error: Error | null) => void;

interface Pending {
  readonly bytes: Uint8Array;
  /** Where they are put; undefined while the area is made, which happens as a whole or not at all. */
  readonly at: number | undefined;
}

/** What the virtual disk's troubles mean here: the place is there already, so that a full disk has room for it. */
export interface AreaTroubles {
  readonly slowness: number;
  readonly stalledUntilUs: number;
}

export interface SyncWatcher {
  /** A synchronous write was begun; it takes `latencyUs` unless something stalls it. */
  syncBegun(latencyUs: number): void;
  /** The writes up to now are on the platter; nobody was told yet. */
  syncDone(): void;
}

/** µs that a synced write takes. */
export function drawSyncUs({ syncMinUs, syncMeanUs, syncMs }: DiskPlan, random: Random): number {
  if (syncMs !== undefined) return Math.round(drawMs(syncMs, random.next()) * 1000);
  return syncMinUs + random.exponential(syncMeanUs);
}

/**
 * The file with the journal beside a virtual disk. Its writes go on in parallel with the disk's, in a time of their own; a
 * crash leaves each block that was being written as it was, as it was to be, cut short or with bits flipped.
 */
export class VirtualPromisedArea {
  private readonly timeline: Timeline;
  private readonly random: Random;
  private readonly census: Census;
  private readonly plan: DiskPlan;
  private readonly troubles: AreaTroubles;
  private content: Uint8Array | undefined;
  private pending: Pending | undefined;
  /** What stood where the last write of an ended process is, which is in the machine's memory only until a start makes it durable. */
  private replaced: { readonly at: number; readonly bytes: Uint8Array } | undefined;
  private doneUs = 0;
  private epoch = 0;

  constructor(timeline: Timeline, random: Random, census: Census, plan: DiskPlan, troubles: AreaTroubles) {
    this.timeline = timeline;
    this.random = random;
    this.census = census;
    this.plan = plan;
    this.troubles = troubles;
  }

  /** The area as one process sees it, which makes durable first what it finds. */
  open(watcher: SyncWatcher, isSynced = true): PromisedArea {
    const epoch = ++this.epoch;
    if (isSynced) this.replaced = undefined;
    const { halfBytes, blockBytes } = this.plan.journal;
    return {
      name: 'the promised area',
      halfBytes,
      blockBytes,
      found: this.bytes,
      create: (pieces, done) => {
        const bytes = new Uint8Array(2 * halfBytes);
        bytes.set(Buffer.concat(pieces));
        this.begin(epoch, { bytes, at: undefined }, watcher, done);
      },
      write: (at, pieces, done) => {
        const bytes = Buffer.concat(pieces);
        if (at >= halfBytes) this.census.count('second half of a journal');
        this.begin(epoch, { bytes, at }, watcher, done);
      },
      close: () => Promise.resolve(),
    };
  }

  private begin(epoch: number, pending: Pending, watcher: SyncWatcher, done: Done): void {
    if (epoch !== this.epoch) return;
    this.pending = pending;
    const latencyUs = Math.round(drawSyncUs(this.plan, this.random) * this.troubles.slowness);
    this.doneUs = this.timeline.nowUs + latencyUs;
    this.timeline.after(latencyUs, () => this.complete(epoch, watcher, done));
    watcher.syncBegun(latencyUs);
  }

  private complete(epoch: number, watcher: SyncWatcher, done: Done): void {
    if (epoch !== this.epoch) return;
    const { stalledUntilUs } = this.troubles;
    if (stalledUntilUs > this.timeline.nowUs) {
      this.doneUs = stalledUntilUs;
      this.timeline.at(stalledUntilUs, () => this.complete(epoch, watcher, done));
      return;
    }
    this.carryOut(this.pending!);
    this.pending = undefined;
    watcher.syncDone();
    done(null);
  }

  private carryOut({ bytes, at }: Pending): void {
    if (at === undefined) this.content = bytes;
    else this.content!.set(bytes, at);
    const { replaced } = this;
    if (replaced === undefined) return;
    // What is written over is synced by that.
    const isApart = at !== undefined && (at + bytes.length <= replaced.at || replaced.at + replaced.bytes.length <= at);
    if (!isApart) this.replaced = undefined;
  }

  /** When the write that is under way, or was last, is done: as late as its stall or slowness made it, also once the disk is healed. */
  get writtenUs(): number {
    return this.doneUs;
  }

  crash(): void {
    const pending = this.end();
    const { replaced } = this;
    this.replaced = undefined;
    if (replaced !== undefined && !this.random.chance(this.plan.survivalChance)) {
      this.content!.set(replaced.bytes, replaced.at);
    }
    if (pending === undefined) return;
    const { random, plan } = this;
    if (random.chance(plan.survivalChance)) {
      this.carryOut(pending);
      return;
    }
    const { bytes, at } = pending;
    if (at === undefined || !plan.tears || random.chance(0.5)) return;
    this.census.count('journal torn');
    this.tear(bytes, at);
  }

  /** Of each block that it touches: as it was, as it was to be, or anything in some part of it. */
  private tear(bytes: Uint8Array, at: number): void {
    const { random, plan } = this;
    const { blockBytes } = plan.journal;
    const first = at - (at % blockBytes);
    const content = this.content!;
    const written = content.slice(first, blockBytes * Math.ceil((at + bytes.length) / blockBytes));
    written.set(bytes, at - first);
    for (let start = 0; start < written.length; start += blockBytes) {
      if (random.chance(0.3)) continue;
      const block = written.subarray(start, start + blockBytes);
      if (plan.flips && random.chance(0.4))
        block.fill(random.int(256), random.int(block.length), random.int(block.length));
      else if (random.chance(0.3)) block.set(content.subarray(first + start, first + start + random.int(block.length)));
      content.set(block, first + start);
    }
  }

  /** The process ended and the machine did not: what was being written is in its memory only. */
  settle(): void {
    const pending = this.end();
    if (pending === undefined) return;
    const { at, bytes } = pending;
    const before = at === undefined ? undefined : this.content!.slice(at, at + bytes.length);
    this.carryOut(pending);
    if (at !== undefined && before !== undefined) this.replaced = { at, bytes: before };
  }

  wipe(): void {
    this.put(undefined);
  }

  put(bytes: Uint8Array | undefined): void {
    this.end();
    this.replaced = undefined;
    this.content = bytes?.slice();
  }

  /** A copy of what is in it. */
  get bytes(): Uint8Array | undefined {
    return this.content?.slice();
  }

  private end(): Pending | undefined {
    const pending = this.pending;
    this.epoch++;
    this.pending = undefined;
    return pending;
  }
}

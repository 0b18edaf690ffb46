import type { PromisedArea, PromisedSlots } from '../server/storage/contract.ts';
import type { Census } from './census.ts';
import type { DiskPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

type Done = (error: Error | null) => void;

interface Pending {
  /** The area after this write. */
  readonly slots: PromisedSlots;
  /** The slot that is written; undefined while the area is made, which happens as a whole or not at all. */
  readonly slot: number | undefined;
}

/** What the virtual disk's troubles mean here: the place is there already, so that a full disk has room for it. */
export interface AreaTroubles {
  readonly slowness: number;
  readonly stalledUntilUs: number;
}

/**
 * The file with the two slots beside a virtual disk. Its writes go on in parallel with the disk's, in a time of their own; a
 * crash leaves the slot that was being written as it was, as it was to be, cut short or with bits flipped.
 */
export class VirtualPromisedArea {
  private readonly timeline: Timeline;
  private readonly random: Random;
  private readonly census: Census;
  private readonly plan: DiskPlan;
  private readonly troubles: AreaTroubles;
  private content: PromisedSlots | undefined;
  private pending: Pending | undefined;
  private epoch = 0;

  constructor(timeline: Timeline, random: Random, census: Census, plan: DiskPlan, troubles: AreaTroubles) {
    this.timeline = timeline;
    this.random = random;
    this.census = census;
    this.plan = plan;
    this.troubles = troubles;
  }

  /** The area as one process sees it. */
  open(): PromisedArea {
    const epoch = ++this.epoch;
    return {
      name: 'the promised area',
      found: this.content,
      create: (slots, done) => this.begin(epoch, { slots, slot: undefined }, done),
      write: (slot, pieces, done) => {
        this.begin(epoch, { slots: withSlot(this.content!, slot, joined(pieces)), slot }, done);
      },
      close: () => Promise.resolve(),
    };
  }

  private begin(epoch: number, pending: Pending, done: Done): void {
    if (epoch !== this.epoch) return;
    this.pending = pending;
    const { syncMinUs, syncMeanUs, syncMs } = this.plan;
    // What was measured is the time of both.
    const usualUs = syncMs === undefined ? syncMinUs + this.random.exponential(syncMeanUs) : 1;
    this.timeline.after(Math.round(usualUs * this.troubles.slowness), () => this.complete(epoch, done));
  }

  private complete(epoch: number, done: Done): void {
    if (epoch !== this.epoch) return;
    const { stalledUntilUs } = this.troubles;
    if (stalledUntilUs > this.timeline.nowUs) {
      this.timeline.at(stalledUntilUs, () => this.complete(epoch, done));
      return;
    }
    this.content = this.pending!.slots;
    this.pending = undefined;
    done(null);
  }

  crash(): void {
    const pending = this.end();
    if (pending === undefined) return;
    const random = this.random;
    if (random.chance(this.plan.survivalChance)) {
      this.content = pending.slots;
      return;
    }
    const { slot } = pending;
    if (slot === undefined || !this.plan.tears || random.chance(0.5)) return;
    this.census.count('slot torn');
    const written = pending.slots[slot]!;
    const torn = written.slice(0, random.int(written.length));
    if (this.plan.flips && torn.length > 0) torn[random.int(torn.length)]! ^= 1 << random.int(8);
    this.content = withSlot(this.content!, slot, torn);
  }

  /** The process ended and the machine did not. */
  settle(): void {
    const pending = this.end();
    if (pending !== undefined) this.content = pending.slots;
  }

  wipe(): void {
    this.put(undefined);
  }

  put(slots: PromisedSlots | undefined): void {
    this.end();
    this.content = slots;
  }

  get slots(): PromisedSlots | undefined {
    return this.content;
  }

  private end(): Pending | undefined {
    const pending = this.pending;
    this.epoch++;
    this.pending = undefined;
    return pending;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function withSlot([first, second]: PromisedSlots, slot: number, bytes: Uint8Array): PromisedSlots {
  return slot === 0 ? [bytes, second] : [first, bytes];
}

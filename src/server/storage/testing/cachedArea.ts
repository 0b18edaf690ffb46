import type { PromisedArea } from '../contract.ts';
import { type AreaSize, damaged, wholeBlocks } from '../memoryDisk.ts';

interface PendingWrite {
  /** Undefined where the area is made anew. */
  readonly at: number | undefined;
  readonly bytes: Uint8Array;
  readonly done: (error: Error | null) => void;
}

/**
 * A PromisedArea with a page cache, as CachedDisk has one. What a completed write put there is durable, and so is what was found; what
 * a failed one left, or one that was under way when its process ended, is in memory only until the next process opens it.
 */
export class CachedArea implements PromisedArea {
  readonly name = 'the promised area';
  readonly halfBytes: number;
  readonly blockBytes: number;
  /** Uniform in [0, 1). */
  private readonly random: () => number;
  private foundBytes: Uint8Array | undefined;
  private visible: Uint8Array | undefined;
  private durable: Uint8Array | undefined;
  private pending: PendingWrite | undefined;
  private isOver = false;
  private halfWritten: number | undefined;
  /** How often this process went on in the other half. */
  turns = 0;
  /** The next write fails, carried out in part or not. */
  failsNext = false;
  /** Writes that did. */
  failures = 0;

  constructor(random: () => number, { halfBytes, blockBytes }: AreaSize, found?: Uint8Array) {
    this.random = random;
    this.halfBytes = halfBytes;
    this.blockBytes = blockBytes;
    this.foundBytes = found;
    this.visible = found?.slice();
    this.durable = found?.slice();
  }

  get found(): Uint8Array | undefined {
    return this.foundBytes;
  }

  create(pieces: readonly Uint8Array[], done: (error: Error | null) => void): void {
    const bytes = new Uint8Array(2 * this.halfBytes);
    bytes.set(Buffer.concat(pieces));
    this.begin({ at: undefined, bytes, done });
  }

  write(at: number, pieces: readonly Uint8Array[], done: (error: Error | null) => void): void {
    const bytes = wholeBlocks(this, at, pieces);
    const half = Math.floor(at / this.halfBytes);
    if (this.halfWritten !== undefined && this.halfWritten !== half) this.turns++;
    this.halfWritten = half;
    this.begin({ at, bytes, done });
  }

  private begin(write: PendingWrite): void {
    if (this.pending !== undefined) throw new Error('a write is under way');
    this.foundBytes = undefined;
    this.pending = write;
  }

  /** Completes the pending write; false where there is none. */
  step(): boolean {
    const write = this.isOver ? undefined : this.pending;
    if (write === undefined) return false;
    this.pending = undefined;
    if (this.failsNext) {
      this.failsNext = false;
      this.failures++;
      this.leave(write);
      write.done(new Error('the area failed'));
      return true;
    }
    this.visible = written(this.visible, write);
    this.durable = written(this.durable, write);
    write.done(null);
    return true;
  }

  /** What a write leaves that did not complete: nothing, its first blocks, or all of them. */
  private leave({ at, bytes }: PendingWrite): void {
    const fate = this.random();
    if (fate < 0.3) return;
    if (at === undefined) {
      // It gets its name when it is whole and durable.
      if (fate < 0.6) [this.visible, this.durable] = [bytes.slice(), bytes.slice()];
      return;
    }
    const blocks = bytes.length / this.blockBytes;
    const kept = fate < 0.6 ? Math.floor(this.random() * (blocks + 1)) : blocks;
    this.visible = written(this.visible, { at, bytes: bytes.subarray(0, kept * this.blockBytes) });
  }

  /** Ends its process, and returns what the next one finds. */
  endProcess(): CachedArea {
    this.isOver = true;
    if (this.pending !== undefined) this.leave(this.pending);
    return new CachedArea(this.random, this, this.visible);
  }

  /** Ends its machine, and returns what is found: each block that was not durable is as it was, as it was to be, or damaged. */
  losePower(): CachedArea {
    this.isOver = true;
    const { pending, random, blockBytes } = this;
    if (pending !== undefined && pending.at === undefined) {
      this.leave(pending);
      return new CachedArea(random, this, this.durable);
    }
    const found = this.durable?.slice();
    if (found === undefined) return new CachedArea(random, this);
    const meant = pending === undefined ? this.visible! : written(this.visible, pending);
    const mode = random();
    for (let at = 0; at < found.length; at += blockBytes) {
      const block = found.subarray(at, at + blockBytes);
      const meantBlock = meant.subarray(at, at + blockBytes);
      if (Buffer.compare(block, meantBlock) === 0) continue;
      const fate = mode < 0.3 ? 1 : mode < 0.5 ? 0 : random();
      if (fate < 0.4) block.set(meantBlock);
      else if (fate < 0.65) block.set(damaged(meantBlock, random)!);
    }
    return new CachedArea(random, this, found);
  }

  async close(): Promise<void> {}
}

function written(on: Uint8Array | undefined, { at, bytes }: Pick<PendingWrite, 'at' | 'bytes'>): Uint8Array {
  if (at === undefined) return bytes.slice();
  if (on === undefined) throw new Error('there is no area to write to');
  const copy = on.slice();
  copy.set(bytes, at);
  return copy;
}

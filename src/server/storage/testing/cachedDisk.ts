import type { Disk, DiskOperation } from '../contract.ts';
import { apply, damaged } from '../memoryDisk.ts';

interface PendingWrite {
  readonly operations: readonly DiskOperation[];
  readonly sync: boolean;
  readonly done: (error: Error | null) => void;
}

/**
 * A disk with a page cache, so that the end of a process and the end of its machine differ: the one leaves everything that was written, in memory
 * as it was before, the other what was synced and any part of the rest. A MemoryDisk knows the other only.
 */
export class CachedDisk implements Disk {
  /** Uniform in [0, 1). */
  private readonly random: () => number;
  private readonly visible: Map<string, Uint8Array>;
  private durable: ReadonlyMap<string, Uint8Array>;
  /** Visible, and not durable yet. */
  private unsynced: (readonly DiskOperation[])[];
  private pending: PendingWrite[] = [];
  private isOver = false;
  /** The next write fails, carried out or not. */
  failsNext = false;
  /** Writes that did. */
  failures = 0;

  constructor(
    random: () => number,
    visible = new Map<string, Uint8Array>(),
    durable: ReadonlyMap<string, Uint8Array> = new Map(visible),
    unsynced: readonly (readonly DiskOperation[])[] = [],
  ) {
    this.random = random;
    this.visible = visible;
    this.durable = durable;
    this.unsynced = [...unsynced];
  }

  get isEmpty(): boolean {
    return this.visible.size === 0;
  }

  get(key: string): Uint8Array | undefined {
    return this.visible.get(key);
  }

  keys(prefix: string): readonly string[] {
    return [...this.visible.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    this.pending.push({ operations, sync, done });
  }

  /** Completes the oldest pending write; false where there is none. */
  step(): boolean {
    const write = this.isOver ? undefined : this.pending.shift();
    if (write === undefined) return false;
    const { operations, sync, done } = write;
    if (this.failsNext) {
      this.failsNext = false;
      this.failures++;
      if (this.random() < 0.5) this.carryOut(operations);
      done(new Error('the disk failed'));
      return true;
    }
    this.carryOut(operations);
    if (sync) {
      this.durable = new Map(this.visible);
      this.unsynced = [];
    }
    done(null);
    return true;
  }

  private carryOut(operations: readonly DiskOperation[]): void {
    for (const operation of operations) apply(this.visible, operation);
    this.unsynced.push(operations);
  }

  /** Ends its process, and returns what the next one finds: the write that was under way may have been carried out. */
  endProcess(): CachedDisk {
    this.isOver = true;
    const [first] = this.pending;
    if (first !== undefined && this.random() < 0.5) this.carryOut(first.operations);
    return new CachedDisk(this.random, this.visible, this.durable, this.unsynced);
  }

  /** Ends its machine, and returns what is found: of what was not durable the beginning, or anything, torn and with bits flipped. */
  losePower(): CachedDisk {
    this.isOver = true;
    const { random } = this;
    const found = new Map(this.durable);
    const atRisk = [...this.unsynced, ...this.pending.slice(0, 1).map(({ operations }) => operations)];
    if (random() < 0.4) {
      const kept = atRisk.slice(0, Math.floor(random() * (atRisk.length + 1)));
      for (const operation of kept.flat()) apply(found, operation);
      return new CachedDisk(random, found);
    }
    for (const operations of atRisk) {
      // Most writes are whole or gone, so that there are holes; the rest are torn operation by operation.
      const fate = random();
      for (const operation of operations) {
        const own = fate < 0.35 ? 0 : fate < 0.6 ? 1 : random();
        if (own < 0.5) apply(found, operation);
        else if (own < 0.7) apply(found, { key: operation.key, value: damaged(operation.value, random) });
      }
    }
    return new CachedDisk(random, found);
  }

  async close(): Promise<void> {}
}

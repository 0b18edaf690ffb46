import type { Disk, DiskOperation, PromisedArea } from './contract.ts';

interface MemoryWrite {
  readonly operations: readonly DiskOperation[];
  readonly sync: boolean;
  readonly done: (error: Error | null) => void;
}

/** How a memory disk completes its writes: each in a later turn by itself, or only when `step` is called. */
export type Completion = 'automatic' | 'by-step';

/**
 * A Disk in memory. Writes become visible when they complete. It remembers what a crash may lose, so that `crash` can
 * return a disk as it might be found afterwards.
 */
export class MemoryDisk implements Disk {
  private readonly completion: Completion;
  /** What a crash cannot touch. */
  private durable: Map<string, Uint8Array>;
  /** What is readable now. */
  private readonly visible: Map<string, Uint8Array>;
  /** Completed writes that no sync has followed yet. */
  private unsynced: MemoryWrite[] = [];
  private pending: MemoryWrite[] = [];
  private crashed = false;
  /** While set, every write fails with it. */
  failure: Error | undefined;

  constructor(completion: Completion = 'automatic', content: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.completion = completion;
    this.durable = new Map(content);
    this.visible = new Map(content);
  }

  /** What is readable now; tests may change it to damage the disk. */
  get content(): Map<string, Uint8Array> {
    return this.visible;
  }

  get pendingWrites(): number {
    return this.pending.length;
  }

  get(key: string): Uint8Array | undefined {
    return this.visible.get(key);
  }

  keys(prefix: string): readonly string[] {
    return [...this.visible.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    this.pending.push({ operations, sync, done });
    if (this.completion === 'automatic') setImmediate(() => this.step());
  }

  /** Completes the oldest pending write; false where there is none. */
  step(): boolean {
    const write = this.pending.shift();
    if (write === undefined || this.crashed) return false;
    if (this.failure !== undefined) {
      write.done(this.failure);
      return true;
    }
    for (const operation of write.operations) apply(this.visible, operation);
    this.unsynced.push(write);
    if (write.sync) {
      this.unsynced = [];
      this.durable = new Map(this.visible);
    }
    write.done(null);
    return true;
  }

  /**
   * Ends this disk and returns what might be found of it. Without `random` all that was not synced is lost; with it
   * (uniform in [0, 1)) every operation of every write since the last completed sync is lost, done, cut short or damaged.
   */
  crash(random?: () => number): MemoryDisk {
    this.crashed = true;
    const found = new Map(this.durable);
    if (random !== undefined) {
      for (const write of [...this.unsynced, ...this.pending]) {
        // Most writes are whole or gone; the rest are torn operation by operation.
        const fate = random();
        for (const operation of write.operations) {
          const own = fate < 0.35 ? 0 : fate < 0.5 ? 0.9 : random();
          if (own < 0.5) apply(found, operation);
          else if (own < 0.8) apply(found, { key: operation.key, value: damaged(operation.value, random) });
        }
      }
    }
    return new MemoryDisk(this.completion, found);
  }

  async close(): Promise<void> {}
}

/** Carries out one operation. */
export function apply(content: Map<string, Uint8Array>, { key, value }: DiskOperation): void {
  if (value === null) content.delete(key);
  else content.set(key, value);
}

/** A copy that is cut short, or has a bit flipped; a deletion stays one. */
export function damaged(value: Uint8Array | null, random: () => number): Uint8Array | null {
  if (value === null) return null;
  const at = Math.floor(random() * value.length);
  if (random() < 0.5) return value.slice(0, at);
  const copy = value.slice();
  copy[at] = copy[at]! ^ (1 << Math.floor(random() * 8));
  return copy;
}

interface AreaWrite {
  readonly at: number;
  readonly bytes: Uint8Array;
}

export type AreaSize = Pick<PromisedArea, 'halfBytes' | 'blockBytes'>;

/** What is to be written at `at`, which must be whole blocks of one half. */
export function wholeBlocks(
  { halfBytes, blockBytes }: AreaSize,
  at: number,
  pieces: readonly Uint8Array[],
): Uint8Array {
  const bytes = new Uint8Array(Buffer.concat(pieces));
  if (at % blockBytes !== 0 || bytes.length % blockBytes !== 0) throw new Error('not whole blocks');
  if (Math.floor(at / halfBytes) !== Math.floor((at + bytes.length - 1) / halfBytes))
    throw new Error('not in one half');
  return bytes;
}

/** So small that a test fills it. */
export const MEMORY_AREA = { halfBytes: 4096, blockBytes: 256 } as const;

/** A PromisedArea in memory, with the same ways to complete and to crash. */
export class MemoryPromisedArea implements PromisedArea {
  readonly name = 'the promised area';
  readonly found: Uint8Array | undefined;
  readonly halfBytes: number;
  readonly blockBytes: number;
  private readonly completion: Completion;
  private bytes: Uint8Array | undefined;
  private pending: (() => void)[] = [];
  private writing: AreaWrite | undefined;
  private crashed = false;

  constructor(
    completion: Completion = 'automatic',
    found: Uint8Array | undefined = undefined,
    { halfBytes, blockBytes }: AreaSize = MEMORY_AREA,
  ) {
    this.completion = completion;
    this.found = found?.slice();
    this.bytes = found?.slice();
    this.halfBytes = halfBytes;
    this.blockBytes = blockBytes;
  }

  /** What is readable now. */
  get content(): Uint8Array | undefined {
    return this.bytes?.slice();
  }

  create(pieces: readonly Uint8Array[], done: (error: Error | null) => void): void {
    const made = new Uint8Array(2 * this.halfBytes);
    made.set(Buffer.concat(pieces));
    this.later(() => {
      this.bytes = made;
      done(null);
    });
  }

  write(at: number, pieces: readonly Uint8Array[], done: (error: Error | null) => void): void {
    const bytes = wholeBlocks(this, at, pieces);
    this.writing = { at, bytes };
    this.later(() => {
      this.writing = undefined;
      this.bytes!.set(bytes, at);
      done(null);
    });
  }

  private later(run: () => void): void {
    this.pending.push(run);
    if (this.completion === 'automatic') setImmediate(() => this.step());
  }

  /** Completes the oldest pending write; false where there is none. */
  step(): boolean {
    const run = this.pending.shift();
    if (run === undefined || this.crashed) return false;
    run();
    return true;
  }

  /** Ends this area and returns what might be found of it: of the blocks being written each as it was, as it will be, or damaged. */
  crash(random?: () => number): MemoryPromisedArea {
    this.crashed = true;
    const { writing, blockBytes } = this;
    const bytes = this.content;
    if (writing !== undefined && bytes !== undefined && random !== undefined && random() < 0.7) {
      const isWhole = random() < 0.4;
      for (let block = 0; block < writing.bytes.length; block += blockBytes) {
        const fate = isWhole ? 0 : random();
        const written = writing.bytes.subarray(block, block + blockBytes);
        if (fate < 0.4) bytes.set(written, writing.at + block);
        else if (fate < 0.6) bytes.set(damaged(written, random)!, writing.at + block);
      }
    }
    return new MemoryPromisedArea(this.completion, bytes, this);
  }

  async close(): Promise<void> {}
}

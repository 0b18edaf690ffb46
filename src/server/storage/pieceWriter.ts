import type { Disk, DiskOperation } from './contract.ts';

/** Pieces that wait for the disk before whoever makes them is to wait. */
const WAITING_MAX = 2;

/** Writes pieces of large values beside what else is written, one at a time and each synced: nothing tells of them yet. */
export class PieceWriter {
  private readonly disk: Disk;
  private readonly done: (error: Error | null) => void;
  private readonly waiting: { readonly operation: DiskOperation; readonly then: () => void }[] = [];
  private given = 0;
  private writtenCount = 0;

  /** `done` is told of each that is written. */
  constructor(disk: Disk, done: (error: Error | null) => void) {
    this.disk = disk;
    this.done = done;
  }

  /** How many are written of all that were given. */
  get written(): number {
    return this.writtenCount;
  }

  get count(): number {
    return this.given;
  }

  get hasRoom(): boolean {
    return this.given - this.writtenCount < WAITING_MAX;
  }

  /** `then` is called once it is on the disk. Returns how many were given with it. */
  put(operation: DiskOperation, then: () => void): number {
    this.waiting.push({ operation, then });
    if (this.waiting.length === 1) this.write();
    return ++this.given;
  }

  private write(): void {
    const [next] = this.waiting;
    if (next === undefined) return;
    this.disk.write([next.operation], true, (error) => {
      if (error === null) {
        this.waiting.shift();
        this.writtenCount++;
        next.then();
        this.write();
      }
      this.done(error);
    });
  }
}

import type { Disk, DiskOperation } from './contract.ts';

type Done = (error: Error | null) => void;

/** So much that waits is written, however short a time it has waited. */
export const LAG_BYTES = 256 * 1024;
export const LAG_OPERATIONS = 256;
/**
 * So long what is put waits for more, where there is a clock. A write to the disk is a trip to another thread and back, as dear as the one to the journal
 * before it; and one client that waits for each answer puts several records in this time. No longer than that: a journal whose end is damaged
 * before the disk has it looks like one that a crash tore.
 */
export const LAG_MS = 20;

/** Runs it when what waits has waited long enough. */
export type Later = (run: () => void) => void;

export const atOnce: Later = (run) => run();

interface Shown {
  readonly value: Uint8Array | null;
  readonly batch: number;
}

/**
 * A disk that need not be quick: what is put on it is promised elsewhere, shows at once, and is written later, in as few writes as may be:
 * with the next write that is not put but written, when much waits, and when `later` says so. All of it is written in the order in which it came. How much may wait is for whoever promises it to say: here it is what the halves of a journal hold.
 */
export class LaggingDisk {
  private readonly disk: Disk;
  private readonly later: Later;
  /** `later` was asked to flush, and has not. */
  private isDue = false;
  private waiting: DiskOperation[] = [];
  private waitingBytes = 0;
  /** What the disk may not show yet. */
  private readonly shown = new Map<string, Shown>();
  private batch = 0;
  private writing = 0;
  private again = false;
  private atRest: (() => void)[] = [];
  private failed: Error | null = null;
  private readonly onFailure: (error: Error) => void;

  /** `onFailure` is told of the first write that failed, once who waited for it was. */
  constructor(disk: Disk, later: Later, onFailure: (error: Error) => void) {
    this.disk = disk;
    this.later = later;
    this.onFailure = onFailure;
  }

  get(key: string): Uint8Array | undefined {
    const shown = this.shown.get(key);
    return shown === undefined ? this.disk.get(key) : (shown.value ?? undefined);
  }

  /** Of the first write that failed, since which nothing that is written counts: what was put before it may be missing. */
  get failure(): Error | null {
    return this.failed;
  }

  put(operations: readonly DiskOperation[]): void {
    for (const operation of operations) {
      const { key, value } = operation;
      this.waiting.push(operation);
      this.waitingBytes += value?.length ?? 0;
      this.shown.set(key, { value, batch: this.batch });
    }
    if (this.waitingBytes >= LAG_BYTES || this.waiting.length >= LAG_OPERATIONS) this.flush();
    else this.flushLater();
  }

  private flushLater(): void {
    if (this.isDue) return;
    this.isDue = true;
    this.later(() => {
      this.isDue = false;
      this.flush();
    });
  }

  /** Begins to write what waits, or does so after the write that is under way. */
  flush(): void {
    if (this.writing > 0) this.again = true;
    else if (this.waiting.length > 0 && this.failed === null) this.write([], false, () => {});
  }

  /** What waits, and these after it, as one write. Fails where an earlier one did. */
  write(operations: readonly DiskOperation[], sync: boolean, done: Done): void {
    const all = this.waiting.length === 0 ? operations : [...this.waiting, ...operations];
    const batch = this.batch++;
    const keys = this.waiting.map(({ key }) => key);
    this.waiting = [];
    this.waitingBytes = 0;
    this.writing++;
    this.disk.write(all, sync, (error) => {
      this.writing--;
      const isFirstFailure = error !== null && this.failed === null;
      this.failed ??= error;
      if (error === null) for (const key of keys) if (this.shown.get(key)?.batch === batch) this.shown.delete(key);
      if (this.writing === 0 && this.again) {
        this.again = false;
        this.flush();
      }
      done(this.failed);
      if (isFirstFailure) this.onFailure(error);
      if (this.writing === 0) this.rest();
    });
  }

  /** Calls it when no write is under way: at once, or in a later turn. */
  whenAtRest(run: () => void): void {
    if (this.writing === 0) run();
    else this.atRest.push(run);
  }

  private rest(): void {
    const waiting = this.atRest;
    this.atRest = [];
    for (const run of waiting) run();
  }
}

import { type DiskCondition, isStalled, writeUs } from '../../faults/diskCondition.ts';
import type { Disk, DiskOperation, PromisedArea, PromisedSlots } from '../storage/contract.ts';
import { StorageWriteError } from '../storage/levelDisk.ts';

type Done = (error: Error | null) => void;

interface Waiting {
  readonly isSync: boolean;
  readonly dueUs: number;
  readonly run: (isFull: boolean) => void;
}

/** Holds writes back, in order, for as long as the condition of their disk wants. What was held back when a process ends was never written. */
export class WriteGate {
  private readonly condition: () => DiskCondition;
  private readonly nowUs: () => number;
  private readonly waiting: Waiting[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(condition: () => DiskCondition, nowUs: () => number) {
    this.condition = condition;
    this.nowUs = nowUs;
  }

  /** Runs it when its time has come, at once where nothing is wrong. */
  enter(isSync: boolean, run: (isFull: boolean) => void): void {
    const afterUs = this.waiting.at(-1)?.dueUs ?? 0;
    const dueUs = Math.max(this.nowUs(), afterUs) + writeUs(this.condition(), 0, isSync);
    this.waiting.push({ isSync, dueUs, run });
    if (this.waiting.length === 1) this.moveOn();
  }

  /** The condition has changed, or time has passed. */
  moveOn(): void {
    clearTimeout(this.timer);
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const condition = this.condition();
      const nowUs = this.nowUs();
      // Of a disk that is slow no longer nothing has to wait.
      const isEarly = condition.syncAddedUs > 0 && first.dueUs > nowUs;
      if (isEarly) {
        this.timer = setTimeout(() => this.moveOn(), (first.dueUs - nowUs) / 1000);
        return;
      }
      if (first.isSync && isStalled(condition, nowUs)) return;
      this.waiting.shift();
      first.run(condition.isFull);
    }
  }
}

/** As the operating system says it. */
function noSpace(where: string): StorageWriteError {
  const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  return new StorageWriteError(`${where}: ${cause.message}`, { cause });
}

/** A disk that is slow, stalls or is full while its condition says so. */
export class FaultyDisk implements Disk {
  private readonly disk: Disk;
  private readonly gate: WriteGate;

  constructor(disk: Disk, gate: WriteGate) {
    this.disk = disk;
    this.gate = gate;
  }

  get(key: string): Uint8Array | undefined {
    return this.disk.get(key);
  }

  keys(prefix: string): readonly string[] {
    return this.disk.keys(prefix);
  }

  write(operations: readonly DiskOperation[], sync: boolean, done: Done): void {
    this.gate.enter(sync, (isFull) => {
      if (isFull) setImmediate(done, noSpace('LevelDB'));
      else this.disk.write(operations, sync, done);
    });
  }

  close(): Promise<void> {
    return this.disk.close();
  }
}

/** The same for what is promised beside the disk. Its place is taken when it is made: a disk that is full later has room for its writes. */
export class FaultyPromisedArea implements PromisedArea {
  private readonly area: PromisedArea;
  private readonly gate: WriteGate;

  constructor(area: PromisedArea, gate: WriteGate) {
    this.area = area;
    this.gate = gate;
  }

  get name(): string {
    return this.area.name;
  }

  get found(): PromisedSlots | undefined {
    return this.area.found;
  }

  create(slots: PromisedSlots, done: Done): void {
    this.gate.enter(true, (isFull) => {
      if (isFull) setImmediate(done, noSpace(this.name));
      else this.area.create(slots, done);
    });
  }

  write(slot: number, pieces: readonly Uint8Array[], done: Done): void {
    this.gate.enter(true, () => this.area.write(slot, pieces, done));
  }

  close(): Promise<void> {
    return this.area.close();
  }
}

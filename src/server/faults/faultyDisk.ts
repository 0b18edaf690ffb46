import type { DiskCondition } from '../../faults/diskCondition.ts';
import type { FaultEnvironment } from '../../faults/environment.ts';
import { type Disk, type DiskOperation, type PromisedArea, StorageWriteError } from '../storage/contract.ts';

type Done = (error: Error | null) => void;

interface Waiting {
  readonly isSync: boolean;
  readonly dueUs: number;
  readonly run: (isFull: boolean) => void;
}

/** Holds writes back, in order, for as long as the condition of their disk wants. What was held back when a process ends was never written. */
export class WriteGate {
  private readonly condition: () => DiskCondition;
  private readonly environment: FaultEnvironment;
  private readonly waiting: Waiting[] = [];
  /** Of when the first of them is due. */
  private callOff = () => {};

  constructor(condition: () => DiskCondition, environment: FaultEnvironment) {
    this.condition = condition;
    this.environment = environment;
  }

  /** Runs it when its time has come, at once where nothing is wrong. */
  enter(isSync: boolean, run: (isFull: boolean) => void): void {
    const afterUs = this.waiting.at(-1)?.dueUs ?? 0;
    const addedUs = isSync ? this.condition().syncAddedUs : 0;
    const dueUs = Math.max(this.environment.nowUs(), afterUs) + addedUs;
    this.waiting.push({ isSync, dueUs, run });
    if (this.waiting.length === 1) this.moveOn();
  }

  soon(run: () => void): void {
    this.environment.after(0, run);
  }

  /** The condition has changed, or time has passed. */
  moveOn(): void {
    const { nowUs, after } = this.environment;
    this.callOff();
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      const condition = this.condition();
      const earlyUs = first.dueUs - nowUs();
      // Of a disk that is slow no longer nothing has to wait.
      if (condition.syncAddedUs > 0 && earlyUs > 0) {
        this.callOff = after(earlyUs, () => this.moveOn());
        return;
      }
      if (first.isSync && condition.isStalled) return;
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
      if (isFull) this.gate.soon(() => done(noSpace('LevelDB')));
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

  get halfBytes(): number {
    return this.area.halfBytes;
  }

  get blockBytes(): number {
    return this.area.blockBytes;
  }

  get found(): Uint8Array | undefined {
    return this.area.found;
  }

  create(pieces: readonly Uint8Array[], done: Done): void {
    this.gate.enter(true, (isFull) => {
      if (isFull) this.gate.soon(() => done(noSpace(this.name)));
      else this.area.create(pieces, done);
    });
  }

  write(at: number, pieces: readonly Uint8Array[], done: Done): void {
    this.gate.enter(true, () => this.area.write(at, pieces, done));
  }

  close(): Promise<void> {
    return this.area.close();
  }
}

import type { Disk, DiskOperation, PiecedValues } from './contract.ts';

export interface DiskTimes {
  /** µs that a read took. */
  read(latencyUs: number): void;
  /** µs from handing a synced write over until it was on disk. */
  write(latencyUs: number): void;
}

/** A disk that tells how long its reads and synced writes took. */
export class TimedDisk implements Disk {
  private readonly disk: Disk;
  private readonly times: DiskTimes;
  private readonly nowUs: () => number;

  constructor(disk: Disk, times: DiskTimes, nowUs: () => number) {
    this.disk = disk;
    this.times = times;
    this.nowUs = nowUs;
  }

  get pieced(): PiecedValues | undefined {
    return this.disk.pieced;
  }

  get(key: string): Uint8Array | undefined {
    const startUs = this.nowUs();
    const value = this.disk.get(key);
    this.times.read(this.nowUs() - startUs);
    return value;
  }

  keys(prefix: string): readonly string[] {
    return this.disk.keys(prefix);
  }

  write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    const startUs = this.nowUs();
    this.disk.write(operations, sync, (error) => {
      if (sync) this.times.write(this.nowUs() - startUs);
      done(error);
    });
  }

  close(): Promise<void> {
    return this.disk.close();
  }
}

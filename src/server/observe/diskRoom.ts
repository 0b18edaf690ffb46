import type { LimitedLog } from './logLimiter.ts';

/** `little`: less than twice what is set aside. `none`: less than that. */
export type Room = 'enough' | 'little' | 'none';

export interface DiskRoomOptions {
  /** `-diskreserve`; 0: any room is enough. */
  readonly reserveBytes: number;
  /** Of the state that snapshots are made of. */
  stateBytes(): number;
  /** What the disk has for this user. Rejects where it cannot be told. */
  freeBytes(): Promise<number>;
  readonly log: LimitedLog;
  /** Called where it is another than before. */
  changed(room: Room): void;
}

/** A snapshot is written while the one before is there, which LevelDB removes some time after. */
const SNAPSHOTS_AT_ONCE = 2;
/** Times what is set aside: compactions take room and give it back, and who is just above would else be refused and taken in turn. */
const ENOUGH_AGAIN = 1.25;
const LITTLE = 2;

/**
 * How much room the disk under the data has beside what is set aside: what a server needs that takes on nothing new (its own snapshots,
 * compactions, LevelDB's logs, and what is on its way already). So a disk that fills up is noticed while there is room to go on
 * with, and the server need not end: it refuses new commands until there is more.
 */
export class DiskRoom {
  private readonly options: DiskRoomOptions;
  private current: Room = 'enough';
  private lastFreeBytes = 0;
  private looking = false;

  constructor(options: DiskRoomOptions) {
    this.options = options;
  }

  get room(): Room {
    return this.current;
  }

  /** As last looked at; 0 before. */
  get freeBytes(): number {
    return this.lastFreeBytes;
  }

  get setAsideBytes(): number {
    const { reserveBytes, stateBytes } = this.options;
    return reserveBytes === 0 ? 0 : reserveBytes + SNAPSHOTS_AT_ONCE * stateBytes();
  }

  /** To be called again and again. Does nothing while the disk has not answered the look before. */
  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      this.lastFreeBytes = await this.options.freeBytes();
      this.judge();
    } catch (error) {
      this.options.log.warn({}, `how much room the disk has cannot be told: ${(error as Error).message}`);
    } finally {
      this.looking = false;
    }
  }

  private judge(): void {
    const { lastFreeBytes: free, setAsideBytes, current: before } = this;
    const needed = before === 'none' ? ENOUGH_AGAIN * setAsideBytes : setAsideBytes;
    this.current = free < needed ? 'none' : free < LITTLE * setAsideBytes ? 'little' : 'enough';
    if (this.current === before) return;
    this.tell();
    this.options.changed(this.current);
  }

  private tell(): void {
    const { log } = this.options;
    if (this.current === 'none') log.error({}, this.words);
    else if (this.current === 'little') {
      log.warn(
        {},
        `the disk has ${inMiB(this.freeBytes)} left: below ${inMiB(this.setAsideBytes)} no command is taken`,
      );
    } else log.info({}, `the disk has ${inMiB(this.freeBytes)} left, which is enough`);
  }

  /** What is said to whom is refused. */
  get words(): string {
    const { freeBytes, setAsideBytes } = this;
    return `the disk has ${inMiB(freeBytes)} left of ${inMiB(setAsideBytes)} that are set aside (-diskreserve): no command is taken until there is more`;
  }
}

function inMiB(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`;
}

import { type DelayShape, drawDelayUs } from './delays.ts';
import type { NextRandom } from './distributions.ts';

/** What befalls all that is sent one way between two servers. */
export interface LinkCondition {
  readonly isCut: boolean;
  /** Of each message, whole: what is sent is a stream's, of which the other end gets a message or does not. */
  readonly lossChance: number;
  /** They add up. */
  readonly delays: readonly DelayShape[];
  /** Infinity: as many as there are. */
  readonly bytesPerSecond: number;
  /** Whether nothing overtakes what was sent before it, as on a stream. */
  readonly keepsOrder: boolean;
}

/** What becomes of a message: it gets into nothing, it is lost on its way, or it arrives. */
export type Fate = 'cut' | 'lost' | 'carried';

/** Draws once where messages may be lost, and not otherwise. */
export function fateOf({ isCut, lossChance }: LinkCondition, next: NextRandom): Fate {
  if (isCut) return 'cut';
  return lossChance > 0 && next() < lossChance ? 'lost' : 'carried';
}

/** Told of what is rare, for whoever counts it. */
export interface LaneWatcher {
  /** A delay is one of the rare long ones. */
  tailed(): void;
  /** A message arrives before one that was sent earlier. */
  overtaken(): void;
}

const NOBODY: LaneWatcher = { tailed: () => {}, overtaken: () => {} };

/** One direction of one link: says when what is sent there arrives. */
export class Lane {
  private readonly watcher: LaneWatcher;
  /** When the latest message that was sent in order arrives. */
  private lastUs = 0;
  private lastUrgentUs = 0;
  /** When the last byte has left. */
  private freeUs = 0;

  constructor(watcher: LaneWatcher = NOBODY) {
    this.watcher = watcher;
  }

  /** When all that is under way has arrived. */
  get arrivedUs(): number {
    return Math.max(this.lastUs, this.lastUrgentUs);
  }

  /**
   * When a message of so many bytes that is carried arrives. An urgent one does not wait for bytes of others to leave, though it takes
   * their room: it stays in order with its like.
   */
  arrivalUs(condition: LinkCondition, nowUs: number, bytes: number, next: NextRandom, isUrgent = false): number {
    const { delays, bytesPerSecond, keepsOrder } = condition;
    let arrivalUs =
      bytesPerSecond === Number.POSITIVE_INFINITY ? nowUs : this.leave(bytesPerSecond, nowUs, bytes, isUrgent);
    for (const shape of delays) arrivalUs += drawDelayUs(shape, next, this.watcher.tailed);
    const lastUs = isUrgent ? this.lastUrgentUs : this.lastUs;
    if (arrivalUs < lastUs) {
      if (keepsOrder) return lastUs;
      this.watcher.overtaken();
    } else if (isUrgent) this.lastUrgentUs = arrivalUs;
    else this.lastUs = arrivalUs;
    return arrivalUs;
  }

  private leave(bytesPerSecond: number, nowUs: number, bytes: number, isUrgent: boolean): number {
    const costUs = Math.round((bytes / bytesPerSecond) * 1e6);
    this.freeUs = Math.max(nowUs, this.freeUs) + costUs;
    return isUrgent ? nowUs + costUs : this.freeUs;
  }
}

import type { Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import type { LogTail } from '../parts/logTail.ts';
import { COMMITTED_BYTES_PER_TURN } from './limits.ts';

export interface Delivered {
  readonly restore: Snapshot | undefined;
  readonly committed: readonly Entry[];
}

/** What is to be delivered, and how far the host is with what was. */
interface DeliverySource {
  readonly log: LogTail;
  readonly commitIndex: number;
  readonly appliedIndex: number;
}

const NONE: readonly Entry[] = [];

/** Hands committed entries to the host: each once, in order; and the snapshots that take their place. */
export class Delivery {
  private delivered: number;
  private installed: Snapshot | undefined;

  /** The host's state machine stands at `appliedIndex`. */
  constructor(appliedIndex: number) {
    this.delivered = appliedIndex;
  }

  /** Entries up to here were handed over. */
  get index(): number {
    return this.delivered;
  }

  /** The leader's snapshot replaced the log. */
  install(snapshot: Snapshot): void {
    this.installed = snapshot;
  }

  take({ log, commitIndex, appliedIndex }: DeliverySource): Delivered {
    let restore: Snapshot | undefined;
    if (this.installed !== undefined) {
      restore = this.installed;
      this.installed = undefined;
      this.delivered = restore.index;
    }
    const from = this.delivered + 1;
    if (from > commitIndex) return { restore, committed: NONE };
    // A backlog in storage is read in lots, the next when the last is applied.
    if (!log.inMemory(from) && appliedIndex < this.delivered) return { restore, committed: NONE };
    const maxBytes = log.inMemory(from) ? Number.POSITIVE_INFINITY : COMMITTED_BYTES_PER_TURN;
    const committed = log.entries(from, commitIndex, maxBytes);
    this.delivered += committed.length;
    return { restore, committed };
  }
}

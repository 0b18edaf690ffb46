import type { Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { COMMITTED_BYTES_PER_TURN } from './limits.ts';
import type { ServerState } from './state.ts';
import { restoredSnapshot } from './userSnapshot.ts';

export interface Delivered {
  readonly restore: Snapshot | undefined;
  readonly committed: readonly Entry[];
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

  take(state: ServerState): Delivered {
    let restore: Snapshot | undefined;
    if (this.installed !== undefined) {
      restore = this.installed;
      this.installed = undefined;
      this.delivered = restore.index;
    }
    const { log, commitIndex, appliedIndex } = state;
    const from = this.delivered + 1;
    if (from > commitIndex) return { restore, committed: NONE };
    // A backlog in storage is read in lots, the next when the last is applied.
    if (!log.inMemory(from) && appliedIndex < this.delivered) return { restore, committed: NONE };
    const maxBytes = log.inMemory(from) ? Number.POSITIVE_INFINITY : COMMITTED_BYTES_PER_TURN;
    let entries = log.entries(from, commitIndex, maxBytes);
    // A snapshot restored by a user waits until everything before it is applied, and leads its own output.
    const first = restore === undefined ? restoredSnapshot(entries[0]!) : undefined;
    if (first !== undefined && appliedIndex >= this.delivered) {
      const { index, term } = entries[0]!;
      restore = { index, term, configuration: state.configurations.at(index), data: first };
      this.delivered = index;
      entries = entries.slice(1);
    }
    const stop = entries.findIndex((entry) => restoredSnapshot(entry) !== undefined);
    if (stop >= 0) entries = entries.slice(0, stop);
    this.delivered += entries.length;
    return { restore, committed: entries };
  }
}

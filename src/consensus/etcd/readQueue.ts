import type { NodeId } from '../contract.ts';
import { jointReached, type VoterSet } from '../parts/quorum.ts';

/** A read that may be answered at `index`. */
export interface ReadState {
  readonly index: number;
  readonly context: number;
  /** Who asked; 0 for this server. */
  readonly origin: NodeId;
}

/**
 * Reads that wait for proof that their leader still leads (thesis §6.4): heartbeats sent after a read carry the number of the
 * newest read, an answer confirms it and all before it, and a read is proven once a majority has confirmed it. That is the
 * same order statistic as for commits.
 */
export class ReadQueue {
  private readonly waiting: (ReadState & { readonly sequence: number })[] = [];
  private readonly confirmed = new Map<NodeId, number>();
  /** The number of the newest read that heartbeats have to carry; 0 where none waits. */
  private newest = 0;

  get newestWaiting(): number {
    return this.waiting.length === 0 ? 0 : this.newest;
  }

  add({ index, context, origin }: ReadState): void {
    this.newest++;
    this.waiting.push({ index, context, origin, sequence: this.newest });
  }

  /** `from` has confirmed this leader's term after read `sequence` arrived. */
  confirm(from: NodeId, sequence: number): void {
    if (sequence > (this.confirmed.get(from) ?? 0) && sequence <= this.newest) this.confirmed.set(from, sequence);
  }

  /** Takes out the reads that majorities have confirmed; `self` confirms everything. */
  takeProven(self: NodeId, voters: VoterSet, outgoing: VoterSet): ReadState[] {
    const proven = jointReached(voters, outgoing, (id) => (id === self ? this.newest : this.confirmed.get(id)));
    let count = 0;
    while (count < this.waiting.length && this.waiting[count]!.sequence <= proven) count++;
    return count === 0 ? [] : this.waiting.splice(0, count);
  }
}

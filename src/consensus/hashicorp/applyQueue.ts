import type { ProposalBatch } from '../contract.ts';

/** Commands offset … of a batch that wait for their place in the log. */
export interface QueuedCommands {
  readonly kind: 'commands';
  readonly batch: ProposalBatch;
  offset: number;
  readonly queuedAtMs: number;
}

/** A marker entry that keeps its place among the commands: a barrier, or a snapshot that a user restores. */
export interface QueuedMarker {
  readonly kind: 'barrier' | 'restore';
  readonly token: number;
  readonly data: Uint8Array;
  readonly queuedAtMs: number;
}

export type Queued = QueuedCommands | QueuedMarker;

/**
 * What clients asked the leader to append, in order. One dispatch takes everything that waits (group commit): however many
 * callers there were, it becomes one append and one disk write.
 */
export class ApplyQueue {
  private items: Queued[] = [];
  private commandCount = 0;

  get empty(): boolean {
    return this.items.length === 0;
  }

  /** Commands and markers that wait. */
  get size(): number {
    return this.commandCount;
  }

  get head(): Queued | undefined {
    return this.items[0];
  }

  push(item: Queued): void {
    this.items.push(item);
    this.commandCount += waitingIn(item);
  }

  /** `count` commands of the head, or the marker at the head, took their place. Returns whether the head is done. */
  advance(count: number): boolean {
    const head = this.items[0]!;
    this.commandCount -= count;
    if (head.kind === 'commands') {
      head.offset += count;
      if (head.offset < head.batch.commands.length) return false;
    }
    this.items.shift();
    return true;
  }

  /** Removes and returns what has waited since before `queuedBeforeMs`. */
  expire(queuedBeforeMs: number): Queued[] {
    let count = 0;
    while (count < this.items.length && this.items[count]!.queuedAtMs <= queuedBeforeMs) count++;
    if (count === 0) return [];
    const expired = this.items.splice(0, count);
    for (const item of expired) this.commandCount -= waitingIn(item);
    return expired;
  }

  /** Removes and returns everything. */
  abandon(): Queued[] {
    const items = this.items;
    this.items = [];
    this.commandCount = 0;
    return items;
  }
}

function waitingIn(item: Queued): number {
  return item.kind === 'commands' ? item.batch.commands.length - item.offset : 1;
}

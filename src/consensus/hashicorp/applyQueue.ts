import type { ProposalBatch } from '../contract.ts';

/** Commands offset … of a batch that wait for their place in the log. */
export interface QueuedCommands {
  readonly batch: ProposalBatch;
  offset: number;
  readonly queuedAtMs: number;
}

/**
 * What clients asked the leader to append, in order. One dispatch takes everything that waits (group commit): however many
 * callers there were, it becomes one append and one disk write.
 */
export class ApplyQueue {
  private items: QueuedCommands[] = [];
  private commandCount = 0;

  get empty(): boolean {
    return this.items.length === 0;
  }

  /** Commands that wait. */
  get size(): number {
    return this.commandCount;
  }

  get head(): QueuedCommands | undefined {
    return this.items[0];
  }

  push(item: QueuedCommands): void {
    this.items.push(item);
    this.commandCount += waitingIn(item);
  }

  /** `count` commands of the head took their place. */
  advance(count: number): void {
    const head = this.items[0]!;
    this.commandCount -= count;
    head.offset += count;
    if (head.offset === head.batch.commands.length) this.items.shift();
  }

  /** Removes and returns what has waited since before `queuedBeforeMs`. */
  expire(queuedBeforeMs: number): QueuedCommands[] {
    let count = 0;
    while (count < this.items.length && this.items[count]!.queuedAtMs <= queuedBeforeMs) count++;
    if (count === 0) return [];
    const expired = this.items.splice(0, count);
    for (const item of expired) this.commandCount -= waitingIn(item);
    return expired;
  }

  /** Removes and returns everything. */
  abandon(): QueuedCommands[] {
    const items = this.items;
    this.items = [];
    this.commandCount = 0;
    return items;
  }
}

function waitingIn({ batch, offset }: QueuedCommands): number {
  return batch.commands.length - offset;
}

import type { ProposalBatch } from '../contract.ts';

/** Commands that wait for their turn where batching is off. */
export class ProposalQueue {
  private batches: ProposalBatch[] = [];
  /** The first command of the first batch that still waits. */
  private offset = 0;
  private waiting = 0;

  get size(): number {
    return this.waiting;
  }

  add(batch: ProposalBatch): void {
    if (batch.commands.length === 0) return;
    this.batches.push(batch);
    this.waiting += batch.commands.length;
  }

  /** The next command and its place in its batch. */
  peek(): { token: number; offset: number; command: Uint8Array } | undefined {
    const batch = this.batches[0];
    if (batch === undefined) return undefined;
    return { token: batch.token, offset: this.offset, command: batch.commands[this.offset]! };
  }

  shift(): void {
    this.waiting--;
    this.offset++;
    if (this.offset < this.batches[0]!.commands.length) return;
    this.batches.shift();
    this.offset = 0;
  }

  /** Takes out everything, as ranges of their batches. */
  takeAll(): { token: number; offset: number; count: number }[] {
    const ranges = this.batches.map(({ token, commands }, position) => {
      const offset = position === 0 ? this.offset : 0;
      return { token, offset, count: commands.length - offset };
    });
    this.batches = [];
    this.offset = 0;
    this.waiting = 0;
    return ranges;
  }
}

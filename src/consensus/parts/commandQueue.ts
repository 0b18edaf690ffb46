import type { NodeId, ProposalBatch, RejectReason } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import type { OutputBuffer } from './outputBuffer.ts';

/** Commands `offset` … of a batch that wait for their place in the log. */
interface QueuedCommands {
  readonly batch: ProposalBatch;
  offset: number;
  readonly queuedAtMs: number;
}

/** What clients asked a leader to append, in order. When, and how much at once, is the engine's to say; how much may wait, its host's. */
export class CommandQueue {
  private readonly out: OutputBuffer<unknown>;
  private items: QueuedCommands[] = [];

  constructor(out: OutputBuffer<unknown>) {
    this.out = out;
  }

  get isEmpty(): boolean {
    return this.items.length === 0;
  }

  push(batch: ProposalBatch, nowMs: number): void {
    if (batch.commands.length > 0) this.items.push({ batch, offset: 0, queuedAtMs: nowMs });
  }

  /** The next commands of one batch, `countMax` at most, as the entries from `firstIndex` on. */
  place(firstIndex: number, term: number, countMax: number): Entry[] {
    const { batch, offset } = this.items[0]!;
    const { token, commands, type = EntryType.Normal } = batch;
    const count = Math.min(commands.length - offset, countMax);
    const entries: Entry[] = [];
    for (let i = 0; i < count; i++) {
      entries.push(new Entry(firstIndex + i, term, type, commands[offset + i]!));
    }
    this.out.accepted.push({ token, offset, count, firstIndex, term });
    this.advance(count);
    return entries;
  }

  /** The next command, which waits no more. */
  take(): { readonly batch: ProposalBatch; readonly offset: number } {
    const { batch, offset } = this.items[0]!;
    this.advance(1);
    return { batch, offset };
  }

  /** What has waited since `queuedBeforeMs` or longer will never be appended. */
  expire(queuedBeforeMs: number, reason: RejectReason, leader: NodeId): void {
    let count = 0;
    while (count < this.items.length && this.items[count]!.queuedAtMs <= queuedBeforeMs) count++;
    this.refuse(count, reason, leader);
  }

  /** Nor will anything that waits. */
  abandon(reason: RejectReason, leader: NodeId): void {
    this.refuse(this.items.length, reason, leader);
  }

  private refuse(itemCount: number, reason: RejectReason, leader: NodeId): void {
    for (const { batch, offset } of this.items.splice(0, itemCount)) {
      this.out.reject(batch.token, offset, batch.commands.length - offset, reason, leader);
    }
  }

  private advance(count: number): void {
    const head = this.items[0]!;
    head.offset += count;
    if (head.offset === head.batch.commands.length) this.items.shift();
  }
}

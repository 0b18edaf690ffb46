import { type ProposalBatch, RejectReason } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { encodeEntries } from '../entryCodec.ts';
import { ApplyQueue, type QueuedCommands } from './applyQueue.ts';
import { QUEUED_COMMANDS_MAX, UNCOMMITTED_BYTES_MAX, UNCOMMITTED_ENTRIES_MAX } from './limits.ts';
import type { ServerState } from './state.ts';

/** What one dispatch appended, to know what is uncommitted in bytes. */
interface Dispatch {
  readonly lastIndex: number;
  readonly bytes: number;
}

/** The leader's way from the apply queue to the log. */
export class Dispatcher {
  private readonly state: ServerState;
  private readonly queue = new ApplyQueue();
  private uncommitted: Dispatch[] = [];
  private uncommittedBytes = 0;

  constructor(state: ServerState) {
    this.state = state;
  }

  propose(batch: ProposalBatch): void {
    const count = batch.commands.length;
    if (count === 0) return;
    if (this.queue.size + count > QUEUED_COMMANDS_MAX) {
      this.state.outbox.reject(batch.token, 0, count, RejectReason.Overloaded, this.state.id);
      return;
    }
    this.queue.push({ batch, offset: 0, queuedAtMs: this.state.nowMs });
  }

  /**
   * Group commit: everything that waits becomes one append, to be persisted in one write. Without batching, one command at
   * a time, the next when the disk is idle.
   */
  dispatch(): void {
    const { state, queue } = this;
    if (queue.empty) return;
    this.forgetCommitted();
    const first = state.log.lastIndex + 1;
    let room = UNCOMMITTED_ENTRIES_MAX - (first - 1 - state.commitIndex);
    if (this.uncommittedBytes >= UNCOMMITTED_BYTES_MAX) room = 0;
    if (!state.limits.batch) room = state.writes.idle ? Math.min(room, 1) : 0;
    const entries: Entry[] = [];
    while (entries.length < room && queue.head !== undefined) {
      const before = entries.length;
      this.place(queue.head, first, room, entries);
      queue.advance(entries.length - before);
    }
    if (entries.length === 0) return;
    const bytes = encodeEntries(entries).length;
    this.uncommitted.push({ lastIndex: first + entries.length - 1, bytes });
    this.uncommittedBytes += bytes;
    state.append(entries);
  }

  /** What found no place in the log for too long is turned away; it will never be appended. */
  expire(): void {
    const expired = this.queue.expire(this.state.nowMs - this.state.limits.enqueueTimeoutMs);
    this.turnAway(expired, RejectReason.Timeout);
  }

  /** Leadership is lost. */
  abandon(): void {
    this.turnAway(this.queue.abandon(), RejectReason.NotLeader);
  }

  private place(head: QueuedCommands, first: number, room: number, entries: Entry[]): void {
    const { token, commands } = head.batch;
    const { term } = this.state;
    const firstIndex = first + entries.length;
    const count = Math.min(commands.length - head.offset, room - entries.length);
    for (let i = 0; i < count; i++) {
      entries.push(new Entry(firstIndex + i, term, EntryType.Normal, commands[head.offset + i]!));
    }
    this.state.outbox.accepted.push({ token, offset: head.offset, count, firstIndex, term });
  }

  private forgetCommitted(): void {
    let done = 0;
    while (done < this.uncommitted.length && this.uncommitted[done]!.lastIndex <= this.state.commitIndex) {
      this.uncommittedBytes -= this.uncommitted[done++]!.bytes;
    }
    if (done > 0) this.uncommitted.splice(0, done);
  }

  private turnAway(items: readonly QueuedCommands[], reason: RejectReason): void {
    const { outbox, leader } = this.state;
    for (const { batch, offset } of items) {
      outbox.reject(batch.token, offset, batch.commands.length - offset, reason, leader);
    }
  }
}

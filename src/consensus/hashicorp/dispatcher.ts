import { type ProposalBatch, RejectReason } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { encodeEntries } from '../entryCodec.ts';
import type { CommandQueue } from '../parts/commandQueue.ts';
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
  private readonly queue: CommandQueue;
  private uncommitted: Dispatch[] = [];
  private uncommittedBytes = 0;

  constructor(state: ServerState, queue: CommandQueue) {
    this.state = state;
    this.queue = queue;
  }

  propose(batch: ProposalBatch): void {
    const { state, queue } = this;
    const count = batch.commands.length;
    if (queue.size + count <= QUEUED_COMMANDS_MAX) queue.push(batch, state.nowMs);
    else state.out.reject(batch.token, 0, count, RejectReason.Overloaded, state.id);
  }

  /**
   * Group commit: everything that waits, of however many callers, becomes one append, to be persisted in one write. Without batching,
   * one command at a time, the next when the disk is idle.
   */
  dispatch(): void {
    const { state, queue } = this;
    if (queue.isEmpty) return;
    this.forgetCommitted();
    const first = state.log.lastIndex + 1;
    let room = UNCOMMITTED_ENTRIES_MAX - (first - 1 - state.commitIndex);
    if (this.uncommittedBytes >= UNCOMMITTED_BYTES_MAX) room = 0;
    if (!state.settings.batch) room = state.writes.idle ? Math.min(room, 1) : 0;
    const entries: Entry[] = [];
    while (entries.length < room && !queue.isEmpty) {
      queue.place(entries, first + entries.length, state.term, room - entries.length);
    }
    if (entries.length === 0) return;
    const bytes = encodeEntries(entries).length;
    this.uncommitted.push({ lastIndex: first + entries.length - 1, bytes });
    this.uncommittedBytes += bytes;
    state.append(entries);
  }

  /** What found no place in the log for too long is turned away. */
  expire(): void {
    const { nowMs, limits, leaderId } = this.state;
    this.queue.expire(nowMs - limits.enqueueTimeoutMs, RejectReason.Timeout, leaderId);
  }

  private forgetCommitted(): void {
    let done = 0;
    while (done < this.uncommitted.length && this.uncommitted[done]!.lastIndex <= this.state.commitIndex) {
      this.uncommittedBytes -= this.uncommitted[done++]!.bytes;
    }
    if (done > 0) this.uncommitted.splice(0, done);
  }
}

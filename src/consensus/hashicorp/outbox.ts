import type { EngineEvent, Envelope, NodeId, Output, PersistBatch, RejectReason } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import type { HashicorpMessage } from './messages.ts';

/** What a turn brings forth, with heartbeats before everything else. */
export class Outbox extends OutputBuffer<HashicorpMessage> {
  private urgent: Envelope<HashicorpMessage>[] = [];

  /** For what must not stand behind a large append. */
  sendFirst(to: NodeId, message: HashicorpMessage): void {
    this.urgent.push({ to, message });
  }

  reject(token: number, offset: number, count: number, reason: RejectReason, leader: NodeId): void {
    if (count > 0) this.rejected.push({ token, offset, count, reason, leader });
  }

  readFailed(token: number, reason: RejectReason, leader: NodeId): void {
    this.reads.push({ token, ok: false, reason, leader });
  }

  event(event: EngineEvent): void {
    this.events.push(event);
  }

  override take(persist: PersistBatch | undefined, committed: readonly Entry[]): Output<HashicorpMessage> {
    if (this.urgent.length > 0) {
      this.messages = [...this.urgent, ...this.messages];
      this.urgent = [];
    }
    return super.take(persist, committed);
  }
}

import type { Envelope, NodeId, Output, PersistBatch } from '../contract.ts';
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

  override take(persist: PersistBatch | undefined, committed: readonly Entry[]): Output<HashicorpMessage> {
    if (this.urgent.length > 0) {
      this.messages = [...this.urgent, ...this.messages];
      this.urgent = [];
    }
    return super.take(persist, committed);
  }
}

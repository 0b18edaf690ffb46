import type { NodeId } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import type { EtcdMessage } from './codec.ts';
import { MessageType } from './messages.ts';

/** What a turn brings forth. Acknowledgements that leave together are one: the last one says it all. */
export class Outbox extends OutputBuffer<EtcdMessage> {
  override sendAfterPersist(to: NodeId, message: EtcdMessage): void {
    const before = this.messagesAfterPersist[this.messagesAfterPersist.length - 1]?.message;
    if (
      before?.type === MessageType.AppendResp &&
      message.type === MessageType.AppendResp &&
      !before.reject &&
      !message.reject &&
      before.to === message.to &&
      before.term === message.term &&
      before.index <= message.index
    ) {
      this.messagesAfterPersist.pop();
    }
    super.sendAfterPersist(to, message);
  }
}

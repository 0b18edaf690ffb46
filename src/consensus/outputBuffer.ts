import type {
  AcceptedProposals,
  EngineEvent,
  Envelope,
  Missing,
  NodeId,
  Output,
  PersistBatch,
  ReadOutcome,
  RejectedProposals,
  RejectReason,
  RequestOutcome,
  Snapshot,
} from './contract.ts';
import type { Entry } from './entry.ts';

/** Gathers what an engine's turn brings forth until the host drains it. */
export class OutputBuffer<M> {
  messages: Envelope<M>[] = [];
  messagesAfterPersist: Envelope<M>[] = [];
  restore: Snapshot | undefined;
  accepted: AcceptedProposals[] = [];
  rejected: RejectedProposals[] = [];
  reads: ReadOutcome[] = [];
  requests: RequestOutcome[] = [];
  events: EngineEvent[] = [];

  send(to: NodeId, message: M): void {
    this.messages.push({ to, message });
  }

  sendAfterPersist(to: NodeId, message: M): void {
    this.messagesAfterPersist.push({ to, message });
  }

  requestFailed(token: number, reason: RejectReason, leader: NodeId, missing?: Missing): void {
    this.requests.push({ token, ok: false, reason, leader, missing });
  }

  take(persist: PersistBatch | undefined, committed: readonly Entry[]): Output<M> {
    const { messages, messagesAfterPersist, restore, accepted, rejected, reads, requests, events } = this;
    this.messages = [];
    this.messagesAfterPersist = [];
    this.restore = undefined;
    this.accepted = [];
    this.rejected = [];
    this.reads = [];
    this.requests = [];
    this.events = [];
    return {
      persist,
      messages,
      messagesAfterPersist,
      restore,
      committed,
      accepted,
      rejected,
      reads,
      requests,
      events,
    };
  }
}

import type {
  AcceptedProposals,
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
  ToldEvent,
} from '../contract.ts';
import type { Entry } from '../entry.ts';

/** Gathers what an engine's turn brings forth until the host drains it. */
export class OutputBuffer<M> {
  messages: Envelope<M>[] = [];
  messagesAfterPersist: Envelope<M>[] = [];
  restore: Snapshot | undefined;
  accepted: AcceptedProposals[] = [];
  rejected: RejectedProposals[] = [];
  reads: ReadOutcome[] = [];
  requests: RequestOutcome[] = [];
  events: ToldEvent[] = [];

  send(to: NodeId, message: M): void {
    this.messages.push({ to, message });
  }

  sendAfterPersist(to: NodeId, message: M): void {
    this.messagesAfterPersist.push({ to, message });
  }

  /** Commands `offset` to `offset + count - 1` of a batch. */
  reject(token: number, offset: number, count: number, reason: RejectReason, leader: NodeId): void {
    if (count > 0) this.rejected.push({ token, offset, count, reason, leader });
  }

  readFailed(token: number, reason: RejectReason, leader: NodeId): void {
    this.reads.push({ token, ok: false, reason, leader });
  }

  requestFailed(token: number, reason: RejectReason, leader: NodeId, missing?: Missing): void {
    this.requests.push({ token, ok: false, reason, leader, missing });
  }

  take(persist: PersistBatch | undefined, committed: readonly Entry[]): Output<M> {
    const { messages, messagesAfterPersist, restore, accepted, rejected, reads, requests, events } = this;
    // Most turns bring forth little: an empty list goes out as NOTHING, and its place is kept.
    if (messages.length > 0) this.messages = [];
    if (messagesAfterPersist.length > 0) this.messagesAfterPersist = [];
    this.restore = undefined;
    if (accepted.length > 0) this.accepted = [];
    if (rejected.length > 0) this.rejected = [];
    if (reads.length > 0) this.reads = [];
    if (requests.length > 0) this.requests = [];
    if (events.length > 0) this.events = [];
    return {
      persist,
      messages: messages.length > 0 ? messages : NOTHING,
      messagesAfterPersist: messagesAfterPersist.length > 0 ? messagesAfterPersist : NOTHING,
      restore,
      committed,
      accepted: accepted.length > 0 ? accepted : NOTHING,
      rejected: rejected.length > 0 ? rejected : NOTHING,
      reads: reads.length > 0 ? reads : NOTHING,
      requests: requests.length > 0 ? requests : NOTHING,
      events: events.length > 0 ? events : NOTHING,
    };
  }
}

const NOTHING: readonly never[] = [];

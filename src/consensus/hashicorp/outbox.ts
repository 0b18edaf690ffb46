import type {
  AcceptedProposals,
  EngineEvent,
  Envelope,
  NodeId,
  Output,
  PersistBatch,
  ReadOutcome,
  RejectedProposals,
  RejectReason,
  RequestOutcome,
  Snapshot,
} from '../contract.ts';
import type { Entry } from '../entry.ts';
import type { HashicorpMessage } from './messages.ts';

type Letter = Envelope<HashicorpMessage>;

/** Gathers what a turn brings forth until the host drains it. */
export class Outbox {
  /** Heartbeats and what else must not stand behind a large append. */
  private urgent: Letter[] = [];
  private letters: Letter[] = [];
  private afterPersist: Letter[] = [];
  private acceptedList: AcceptedProposals[] = [];
  private rejectedList: RejectedProposals[] = [];
  private reads: ReadOutcome[] = [];
  private requests: RequestOutcome[] = [];
  private events: EngineEvent[] = [];

  sendFirst(to: NodeId, message: HashicorpMessage): void {
    this.urgent.push({ to, message });
  }

  send(to: NodeId, message: HashicorpMessage): void {
    this.letters.push({ to, message });
  }

  sendAfterPersist(to: NodeId, message: HashicorpMessage): void {
    this.afterPersist.push({ to, message });
  }

  accepted(part: AcceptedProposals): void {
    this.acceptedList.push(part);
  }

  rejected(part: RejectedProposals): void {
    if (part.count > 0) this.rejectedList.push(part);
  }

  readOk(token: number, index: number): void {
    this.reads.push({ token, ok: true, index });
  }

  readFailed(token: number, reason: RejectReason, leader: NodeId): void {
    this.reads.push({ token, ok: false, reason, leader });
  }

  requestOk(token: number): void {
    this.requests.push({ token, ok: true });
  }

  requestFailed(token: number, reason: RejectReason, leader: NodeId): void {
    this.requests.push({ token, ok: false, reason, leader });
  }

  event(event: EngineEvent): void {
    this.events.push(event);
  }

  take(persist: PersistBatch | undefined, restore: Snapshot | undefined, committed: readonly Entry[]) {
    const output: Output<HashicorpMessage> = {
      persist,
      messages: this.urgent.length === 0 ? this.letters : [...this.urgent, ...this.letters],
      messagesAfterPersist: this.afterPersist,
      restore,
      committed,
      accepted: this.acceptedList,
      rejected: this.rejectedList,
      reads: this.reads,
      requests: this.requests,
      events: this.events,
    };
    this.urgent = [];
    this.letters = [];
    this.afterPersist = [];
    this.acceptedList = [];
    this.rejectedList = [];
    this.reads = [];
    this.requests = [];
    this.events = [];
    return output;
  }
}

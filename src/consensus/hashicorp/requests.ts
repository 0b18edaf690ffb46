import { type NodeId, RejectReason } from '../contract.ts';
import type { LogTail } from '../parts/logTail.ts';
import type { Outbox } from './outbox.ts';

interface Request {
  readonly token: number;
  readonly index: number;
  readonly term: number;
}

/**
 * Membership changes that became a log entry. They end where the entry's index is committed, even if this server is no
 * longer leader then: with the entry, or with another that took its place.
 */
export class Requests {
  private readonly out: Outbox;
  private waiting: Request[] = [];

  constructor(out: Outbox) {
    this.out = out;
  }

  add(request: Request): void {
    this.waiting.push(request);
  }

  /** Everything up to `commitIndex` is committed. */
  commit(commitIndex: number, log: LogTail, leader: NodeId): void {
    if (this.waiting.length === 0) return;
    const due = this.waiting.filter((request) => request.index <= commitIndex);
    this.waiting = this.waiting.filter((request) => request.index > commitIndex);
    for (const request of due) {
      if (log.term(request.index) !== request.term) {
        this.out.requestFailed(request.token, RejectReason.NotLeader, leader);
      } else this.out.requests.push({ token: request.token, ok: true });
    }
  }

  /** A snapshot took the place of everything up to `index`: what became of entries there cannot be known any more. */
  forgetUpTo(index: number): void {
    this.waiting = this.waiting.filter((request) => request.index > index);
  }
}

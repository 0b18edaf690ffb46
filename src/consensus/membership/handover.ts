import { type NodeId, RejectReason } from '../contract.ts';
import type { OutputBuffer } from '../parts/outputBuffer.ts';
import type { LeaderView } from './leaderView.ts';
import { TRANSFER_ELECTIONS } from './transferPreparation.ts';

interface Open {
  readonly to: NodeId;
  readonly token: number;
  readonly deadlineMs: number;
  /** The target holds everything, and was told to take over. */
  told: boolean;
}

/**
 * The transfer for which a leader stopped its writes. *Who leads next decides it*: done where that is the target; where it is anybody
 * else, this server in a later term included, or where the time is over before anybody is known to lead, the target did not take over
 * in time. Whether this server leads until then, steps down, or is removed makes no difference, nor whether the target had been told.
 *
 * Never `not-leader`, at which clients ask the next leader by themselves: leadership has moved, and moving it again is for the operator
 * to say. That is for what is asked of a server that does not lead, and for a transfer that cost nothing yet.
 */
export class Handover {
  private readonly out: OutputBuffer<unknown>;
  private open: Open | undefined;

  constructor(out: OutputBuffer<unknown>) {
    this.out = out;
  }

  /** Nothing new is accepted meanwhile, and what queued is not appended: the target is to hold the whole log, also when it stands. */
  get isOpen(): boolean {
    return this.open !== undefined;
  }

  begin(to: NodeId, token: number, { nowMs, electionTimeoutMs }: LeaderView): void {
    this.open = { to, token, deadlineMs: nowMs + TRANSFER_ELECTIONS * electionTimeoutMs, told: false };
  }

  /** Whom its leader tells now to stand for election (thesis §3.10): the target, once, when it holds the whole log. 0: nobody. */
  toBeTold(leader: { readonly view: LeaderView }): NodeId {
    const { open } = this;
    if (open === undefined || open.told) return 0;
    const { lastIndex, peer } = leader.view;
    if (peer(open.to)?.matchIndex !== lastIndex) return 0;
    open.told = true;
    return open.to;
  }

  /** `leader` leads from now on; 0: nobody is known to. */
  ledBy(leader: NodeId): void {
    const { open, out } = this;
    if (open === undefined || leader === 0) return;
    if (leader !== open.to) {
      this.giveUp(leader);
      return;
    }
    this.open = undefined;
    out.requests.push({ token: open.token, ok: true });
  }

  /** `leader` is the one that is known to lead; 0: nobody is. */
  tick(nowMs: number, leader: NodeId): void {
    if (this.open !== undefined && nowMs >= this.open.deadlineMs) this.giveUp(leader);
  }

  private giveUp(leader: NodeId): void {
    if (this.open !== undefined) this.out.requestFailed(this.open.token, RejectReason.Timeout, leader);
    this.open = undefined;
  }
}

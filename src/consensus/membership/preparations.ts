import {
  ChangeType,
  type Configuration,
  type MembershipChange,
  type Missing,
  type NodeId,
  type PendingChange,
  RejectReason,
} from '../contract.ts';
import type { OutputBuffer } from '../parts/outputBuffer.ts';
import { ChangePreparation } from './changePreparation.ts';
import type { Handover } from './handover.ts';
import type { LeaderView } from './leaderView.ts';
import { type RequestedTransfer, TransferPreparation } from './transferPreparation.ts';

/** What an engine does of it. */
export interface Preparing {
  readonly view: LeaderView;
  /** Whether a change may enter the log: an entry of this leader's term is committed, and no other change is on its way. */
  readonly mayChange: boolean;
  /**
   * Whether the host was handed everything that is committed. A change that took effect before would make it look committed by
   * voters who did not commit it.
   */
  readonly isAllHandedOut: boolean;
  /** Whether a change is in the log and not committed. */
  readonly isChangeInLog: boolean;
  /** From now on what is in the log goes to a server that does not count, and no longer. */
  stage(id: NodeId): void;
  unstage(id: NodeId): void;
  /** Appends an empty entry and answers its index; undefined where there is no room for it now. */
  appendMark(): number | undefined;
  /** From here on the request is the engine's to answer. */
  appendChange(change: MembershipChange, token: number): void;
  /** The handover to `target` is open. */
  handingOver?(target: NodeId): void;
}

/** What a leader's operator asks for, one thing at a time: a change of the members until it is appended, or a transfer of leadership. */
export class Preparations {
  private readonly engine: Preparing;
  private readonly out: OutputBuffer<unknown>;
  private readonly handover: Handover;
  private preparing: ChangePreparation | undefined;
  private choosing: TransferPreparation | undefined;

  constructor(engine: Preparing, out: OutputBuffer<unknown>, handover: Handover) {
    this.engine = engine;
    this.out = out;
    this.handover = handover;
  }

  /** Why another request has to wait. */
  get occupation(): RejectReason | undefined {
    if (this.choosing !== undefined || this.handover.isOpen) return RejectReason.Transferring;
    const isChanging = this.preparing !== undefined || this.engine.isChangeInLog;
    return isChanging ? RejectReason.ChangeInFlight : undefined;
  }

  /** The server that is staged; 0 where none is. */
  get newcomer(): NodeId {
    return this.preparing?.newcomer ?? 0;
  }

  get pendingChange(): PendingChange | undefined {
    return this.preparing?.pending(this.engine.view);
  }

  /** `quorums`: the configurations of which a majority each must hold what comes after it; undefined: the change makes no sense. */
  change(change: MembershipChange, token: number, quorums: readonly Configuration[] | undefined): void {
    const { engine, occupation, out } = this;
    if (occupation !== undefined || quorums === undefined) {
      this.refuse(token, occupation ?? RejectReason.InvalidChange);
      return;
    }
    const adds = change.type === ChangeType.AddVoter || change.type === ChangeType.AddLearner;
    out.events.push(adds ? 'proposeaddserver' : 'proposeremoveserver');
    this.preparing = new ChangePreparation({ change, token, quorums }, engine.view);
    if (this.newcomer === 0) return;
    out.events.push('startreplicate');
    engine.stage(this.newcomer);
  }

  transfer(request: RequestedTransfer, voters: readonly NodeId[]): void {
    const { occupation } = this;
    const { view } = this.engine;
    const { to, token } = request;
    if (to === view.id) {
      this.out.requests.push({ token, ok: true });
      return;
    }
    const choosing = new TransferPreparation(request, voters, view);
    const refusal = occupation === undefined ? choosing.refusedAtOnce(request, view) : { reason: occupation };
    if (refusal === undefined) this.choosing = choosing;
    else this.refuse(token, refusal.reason, refusal.missing);
  }

  /** Once a turn. */
  advance(): void {
    if (this.preparing !== undefined) this.advanceChange(this.preparing);
    if (this.choosing !== undefined) this.advanceTransfer(this.choosing);
  }

  /** Leadership is over, and `leader` leads, as far as is known: what was being prepared was certainly not done. */
  abandon(leader: NodeId): void {
    const { newcomer } = this;
    for (const asked of [this.preparing, this.choosing]) {
      if (asked !== undefined) this.out.requestFailed(asked.token, RejectReason.NotLeader, leader);
    }
    this.preparing = undefined;
    this.choosing = undefined;
    if (newcomer !== 0) this.engine.unstage(newcomer);
  }

  private advanceChange(preparing: ChangePreparation): void {
    const { engine } = this;
    const verdict = preparing.advance(engine.view, engine.mayChange && engine.isAllHandedOut);
    const { change, token, newcomer } = preparing;
    if (verdict.kind === 'wait') return;
    if (verdict.kind === 'mark') {
      const index = engine.appendMark();
      if (index === undefined) return;
      if (newcomer !== 0) this.out.events.push('caughtup');
      preparing.marked(index, engine.view.nowMs);
      return;
    }
    this.preparing = undefined;
    if (verdict.kind === 'ready') {
      engine.appendChange(change, token);
      return;
    }
    if (newcomer !== 0) engine.unstage(newcomer);
    this.refuse(token, verdict.reason, verdict.missing);
  }

  private advanceTransfer(choosing: TransferPreparation): void {
    const { engine } = this;
    const choice = choosing.advance(engine.view);
    if (choice === undefined) return;
    this.choosing = undefined;
    if ('target' in choice) {
      this.handover.begin(choice.target, choosing.token, engine.view);
      engine.handingOver?.(choice.target);
    } else this.refuse(choosing.token, choice.reason, choice.missing);
  }

  private refuse(token: number, reason: RejectReason, missing?: Missing): void {
    this.out.requestFailed(token, reason, this.engine.view.id, missing);
  }
}

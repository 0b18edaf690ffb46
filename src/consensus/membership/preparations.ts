import {
  ChangeType,
  type MembershipChange,
  type Missing,
  type NodeId,
  type PendingChange,
  RejectReason,
  type ToldEvent,
} from '../contract.ts';
import { ChangePreparation, type RequestedChange } from './changePreparation.ts';
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
  /** From now on what is in the log goes to a server that does not count, and no longer. */
  stage(id: NodeId): void;
  unstage(id: NodeId): void;
  /** Appends an empty entry and answers its index; undefined where there is no room for it now. */
  appendMark(): number | undefined;
  /** From here on the request is the engine's to answer. */
  appendChange(change: MembershipChange, token: number): void;
  /** Stops writes and tells `target`, once. From here on the request is the engine's to answer. */
  handOver(target: NodeId, token: number): void;
  refuse(token: number, reason: RejectReason, missing?: Missing): void;
  record(event: ToldEvent): void;
}

/** The one request of a leader's operator that is being prepared: a change of the members, or a transfer of leadership. */
export class Preparations {
  private readonly engine: Preparing;
  private preparing: ChangePreparation | undefined;
  private choosing: TransferPreparation | undefined;

  constructor(engine: Preparing) {
    this.engine = engine;
  }

  /** Why another request has to wait. */
  get occupation(): RejectReason | undefined {
    if (this.choosing !== undefined) return RejectReason.Transferring;
    return this.preparing === undefined ? undefined : RejectReason.ChangeInFlight;
  }

  /** The server that is staged; 0 where none is. */
  get newcomer(): NodeId {
    return this.preparing?.newcomer ?? 0;
  }

  get pendingChange(): PendingChange | undefined {
    return this.preparing?.pending(this.engine.view);
  }

  change(request: RequestedChange): void {
    const { engine } = this;
    const { type } = request.change;
    const adds = type === ChangeType.AddVoter || type === ChangeType.AddLearner;
    engine.record(adds ? 'proposeaddserver' : 'proposeremoveserver');
    this.preparing = new ChangePreparation(request, engine.view);
    if (this.newcomer === 0) return;
    engine.record('startreplicate');
    engine.stage(this.newcomer);
  }

  transfer(request: RequestedTransfer, voters: readonly NodeId[]): void {
    const { engine } = this;
    const choosing = new TransferPreparation(request, voters, engine.view);
    const refusal = choosing.refusedAtOnce(request, engine.view);
    if (refusal === undefined) this.choosing = choosing;
    else engine.refuse(request.token, refusal.reason, refusal.missing);
  }

  /** Once a turn. */
  advance(): void {
    if (this.preparing !== undefined) this.advanceChange(this.preparing);
    if (this.choosing !== undefined) this.advanceTransfer(this.choosing);
  }

  /** Leadership is over: what was being prepared was certainly not done. Returns the tokens. */
  abandon(): number[] {
    const tokens = [this.preparing, this.choosing].flatMap((asked) => (asked === undefined ? [] : [asked.token]));
    const { newcomer } = this;
    this.preparing = undefined;
    this.choosing = undefined;
    if (newcomer !== 0) this.engine.unstage(newcomer);
    return tokens;
  }

  private advanceChange(preparing: ChangePreparation): void {
    const { engine } = this;
    const verdict = preparing.advance(engine.view, engine.mayChange && engine.isAllHandedOut);
    const { change, token, newcomer } = preparing;
    if (verdict.kind === 'wait') return;
    if (verdict.kind === 'mark') {
      const index = engine.appendMark();
      if (index === undefined) return;
      if (newcomer !== 0) engine.record('caughtup');
      preparing.marked(index, engine.view.nowMs);
      return;
    }
    this.preparing = undefined;
    if (verdict.kind === 'ready') {
      engine.appendChange(change, token);
      return;
    }
    if (newcomer !== 0) engine.unstage(newcomer);
    engine.refuse(token, verdict.reason, verdict.missing);
  }

  private advanceTransfer(choosing: TransferPreparation): void {
    const choice = choosing.advance(this.engine.view);
    if (choice === undefined) return;
    this.choosing = undefined;
    if ('target' in choice) this.engine.handOver(choice.target, choosing.token);
    else this.engine.refuse(choosing.token, choice.reason, choice.missing);
  }
}

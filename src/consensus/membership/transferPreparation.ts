import { type Missing, type NodeId, RejectReason } from '../contract.ts';
import { answersLately, type LeaderView, longestLog } from './leaderView.ts';

/** How long a target has to answer, and then to take over, in election timeouts; writes stop for the second only. */
export const TRANSFER_ELECTIONS = 1;

export interface RequestedTransfer {
  /** 0: whoever is best prepared. */
  readonly to: NodeId;
  readonly token: number;
  /** Servers that cannot be told to take over. */
  readonly unable: readonly NodeId[];
}

interface TransferRefusal {
  readonly reason: RejectReason;
  readonly missing?: Missing;
}

/**
 * A transfer of leadership before it costs anything (thesis §3.10). Writes go on until a target has answered since the request
 * and holds what the log held then; only then does the leader stop them and tell that target, once, to stand for election.
 */
export class TransferPreparation {
  readonly token: number;
  private readonly to: NodeId;
  private readonly candidates: readonly NodeId[];
  private readonly beganMs: number;
  private readonly goalIndex: number;

  constructor({ to, token, unable }: RequestedTransfer, voters: readonly NodeId[], view: LeaderView) {
    this.to = to;
    this.token = token;
    this.candidates = voters.filter((id) => id !== view.id && (to === 0 ? !unable.includes(id) : id === to));
    this.beganMs = view.nowMs;
    this.goalIndex = view.lastIndex;
  }

  /** Why there is no point in waiting; undefined where there is one. */
  refusedAtOnce({ unable }: RequestedTransfer, view: LeaderView): TransferRefusal | undefined {
    if (this.to !== 0 && this.candidates.length === 0) return { reason: RejectReason.InvalidChange };
    const nobodyElse = this.to === 0 && this.candidates.length === 0 && unable.length > 0;
    if (unable.includes(this.to) || nobodyElse) return { reason: RejectReason.CannotTakeOver };
    if (this.candidates.some((id) => answersLately(view, id))) return undefined;
    return this.refusal({ silent: this.candidates, behind: [] });
  }

  /** The target that is to be told now, what the transfer was refused for, or undefined: wait. */
  advance(view: LeaderView): { readonly target: NodeId } | TransferRefusal | undefined {
    const { beganMs, goalIndex, candidates } = this;
    const answers = (id: NodeId) => (view.peer(id)?.heardMs ?? -1) > beganMs;
    const holds = (id: NodeId) => (view.peer(id)?.matchIndex ?? 0) >= goalIndex;
    const target = longestLog(
      view,
      candidates.filter((id) => answers(id) && holds(id)),
    );
    if (target !== 0) return { target };
    if (view.nowMs - beganMs < TRANSFER_ELECTIONS * view.electionTimeoutMs) return undefined;
    const behind = candidates.filter(answers);
    return this.refusal({
      silent: candidates.filter((id) => !answers(id)),
      behind: behind.map((id) => ({ id, heldIndex: view.peer(id)?.matchIndex ?? 0, goalIndex })),
    });
  }

  private refusal(missing: Missing): TransferRefusal {
    if (this.to === 0) return { reason: RejectReason.NoSuccessor, missing };
    const reason = missing.silent.length > 0 ? RejectReason.TargetUnreachable : RejectReason.NotCaughtUp;
    return { reason, missing };
  }
}

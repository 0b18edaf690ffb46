import {
  ChangeType,
  type Configuration,
  type MembershipChange,
  type Missing,
  type NodeId,
  type PendingChange,
  RejectReason,
} from '../contract.ts';
import { answersLately, type LeaderView } from './leaderView.ts';

/** A new voter has this many election timeouts for its first answer: it may be starting just now. */
const ARRIVAL_ELECTIONS = 4;
/** A majority that is to decide has this many for its answer. */
const ANSWER_ELECTIONS = 2;
/** A new voter that comes no nearer to the leader's log for this many election timeouts is given up. */
const PROGRESS_ELECTIONS = 10;
/** A new voter is up to date once it needed no longer than an election timeout for a round; it has this many (thesis §4.2.1). */
const CATCH_UP_ROUNDS_MAX = 10;

export type Verdict =
  | { readonly kind: 'wait' }
  /** An empty entry is to be appended now, and its index told to `marked`. */
  | { readonly kind: 'mark' }
  /** The change may be appended: those who are to commit it do answer. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly reason: RejectReason; readonly missing: Missing };

const WAIT: Verdict = { kind: 'wait' };

export interface RequestedChange {
  readonly change: MembershipChange;
  readonly token: number;
  /** The configurations of which a majority each must hold what comes after this change. */
  readonly quorums: readonly Configuration[];
}

/**
 * What has to be so before a membership change enters the log: *it must be able to commit*, and so must what follows. A change
 * that waits in the log for a majority that is not there can be taken back by nobody, not even after restarts.
 *
 * A new voter is first brought up to date while it does not count (thesis §4.2.1), in rounds, each up to where the log ended
 * when the round began. Then the leader appends an empty entry, the mark, and waits until a majority of the coming configuration
 * holds it, the new voter among them: who acknowledges an entry that was not there before has answered since, with its disk. All
 * of it is the leader's own knowledge: nothing of it is in the log, and it ends with the leadership.
 */
export class ChangePreparation {
  readonly change: MembershipChange;
  readonly token: number;
  private readonly quorums: readonly Configuration[];
  /** The voter to be added; 0 for every other change. */
  readonly newcomer: NodeId;
  private readonly beganMs: number;
  private goalIndex: number;
  private roundBeganMs: number;
  private rounds = 1;
  private heldIndex = 0;
  private progressMs: number;
  private markIndex = 0;
  private markedMs = 0;

  constructor({ change, token, quorums }: RequestedChange, { nowMs, lastIndex }: LeaderView) {
    this.change = change;
    this.token = token;
    this.quorums = quorums;
    this.newcomer = change.type === ChangeType.AddVoter ? change.id : 0;
    this.beganMs = nowMs;
    this.goalIndex = lastIndex;
    this.roundBeganMs = nowMs;
    this.progressMs = nowMs;
  }

  /** To be asked once a turn. `mayChange`: nothing of the leader's own stands in the way of a change now. */
  advance(view: LeaderView, mayChange: boolean): Verdict {
    if (this.markIndex === 0) return this.newcomer === 0 ? { kind: 'mark' } : this.catchUp(view, this.newcomer);
    const missing = this.missing(view);
    const isComplete = missing.silent.length === 0 && missing.behind.length === 0;
    if (isComplete && mayChange) return { kind: 'ready' };
    if (view.nowMs - this.markedMs < ANSWER_ELECTIONS * view.electionTimeoutMs) return WAIT;
    if (isComplete) return { kind: 'refused', reason: RejectReason.Timeout, missing };
    return { kind: 'refused', reason: this.reasonOf(missing), missing };
  }

  marked(index: number, nowMs: number): void {
    this.markIndex = index;
    this.markedMs = nowMs;
  }

  pending(view: LeaderView): PendingChange {
    return { change: this.change, missing: this.missing(view) };
  }

  private catchUp(view: LeaderView, newcomer: NodeId): Verdict {
    const { nowMs, electionTimeoutMs, lastIndex } = view;
    const { matchIndex = 0, heardMs = -1 } = view.peer(newcomer) ?? {};
    const refused = (reason: RejectReason): Verdict => ({ kind: 'refused', reason, missing: this.missing(view) });
    if (heardMs <= this.beganMs) {
      const isLate = nowMs - this.beganMs >= ARRIVAL_ELECTIONS * electionTimeoutMs;
      return isLate ? refused(RejectReason.TargetUnreachable) : WAIT;
    }
    if (matchIndex !== this.heldIndex) {
      this.heldIndex = matchIndex;
      this.progressMs = nowMs;
    }
    if (matchIndex < this.goalIndex) {
      if (nowMs - this.progressMs < PROGRESS_ELECTIONS * electionTimeoutMs) return WAIT;
      return refused(answersLately(view, newcomer) ? RejectReason.NotCaughtUp : RejectReason.TargetUnreachable);
    }
    if (nowMs - this.roundBeganMs <= electionTimeoutMs) return { kind: 'mark' };
    if (this.rounds >= CATCH_UP_ROUNDS_MAX) return refused(RejectReason.NotCaughtUp);
    this.rounds++;
    this.goalIndex = lastIndex;
    this.roundBeganMs = nowMs;
    return WAIT;
  }

  /** Before the mark that is the new voter; after it, everybody without whom a majority falls short. */
  private missing(view: LeaderView): Missing {
    const sinceMs = this.markIndex === 0 ? this.beganMs : this.markedMs;
    const goalIndex = this.markIndex === 0 ? this.goalIndex : this.markIndex;
    const isSilent = (id: NodeId) => (view.peer(id)?.heardMs ?? -1) <= sinceMs;
    const isShort = (id: NodeId) => (view.peer(id)?.matchIndex ?? 0) < goalIndex;
    // The mark proves by itself that its holder answered since.
    const lacks = (id: NodeId) => id !== view.id && (isShort(id) || (this.markIndex === 0 && isSilent(id)));
    const needed = new Set<NodeId>();
    if (this.newcomer !== 0 && lacks(this.newcomer)) needed.add(this.newcomer);
    for (const { voters } of this.markIndex === 0 ? [] : this.quorums) {
      const without = voters.filter(lacks);
      if (2 * (voters.length - without.length) <= voters.length) for (const id of without) needed.add(id);
    }
    const ids = [...needed].sort((a, b) => a - b);
    const behind = ids.filter((id) => !isSilent(id));
    return {
      silent: ids.filter(isSilent),
      behind: behind.map((id) => ({ id, heldIndex: view.peer(id)?.matchIndex ?? 0, goalIndex })),
    };
  }

  private reasonOf({ silent, behind }: Missing): RejectReason {
    if (silent.includes(this.newcomer)) return RejectReason.TargetUnreachable;
    if (behind.some(({ id }) => id === this.newcomer)) return RejectReason.NotCaughtUp;
    return RejectReason.NoQuorum;
  }
}

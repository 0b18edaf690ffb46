import type { LogTail } from '../parts/logTail.ts';
import { CATCH_UP_INTERVAL_MS } from './limits.ts';
import type { AppendEntries } from './messages.ts';

/** An entry known not to be the leader's. Until it is replaced, the log's length says nothing about what is missing. */
interface Conflict {
  /** The leader's term. */
  readonly term: number;
  readonly index: number;
  readonly entryTerm: number | undefined;
  /** Up to here the log has proved to be the leader's. */
  agreedIndex: number;
}

/** The follower's side of catching up: it pulls what it lacks, from where its log may still agree with the leader's. */
export class CatchUp {
  private askedMs = Number.NEGATIVE_INFINITY;
  private askedIndex = 0;
  private conflict: Conflict | undefined;

  /** A leader of `term` has shown that the log agrees with its own up to `index`. */
  agreed(term: number, index: number): void {
    if (this.conflict?.term === term) this.conflict.agreedIndex = Math.max(this.conflict.agreedIndex, index);
  }

  /** The next index to ask for after a refused request, or undefined while an earlier question is still open. */
  ask(log: LogTail, refused: AppendEntries, commitIndex: number, nowMs: number): number | undefined {
    this.noticeConflict(log, refused, commitIndex);
    const nextIndex = missingFrom(log, refused, this.conflict?.agreedIndex ?? commitIndex, this.conflict !== undefined);
    // An answer that came and moved the log on, or showed an earlier conflict, allows the next question at once.
    const open = nextIndex === this.askedIndex && nowMs - this.askedMs < CATCH_UP_INTERVAL_MS;
    if (open) return undefined;
    this.askedMs = nowMs;
    this.askedIndex = nextIndex;
    return nextIndex;
  }

  private noticeConflict(log: LogTail, { term, prevLogIndex }: AppendEntries, commitIndex: number): void {
    const { conflict } = this;
    const isSettled =
      conflict === undefined ||
      conflict.term !== term ||
      conflict.index > log.lastIndex ||
      log.term(conflict.index) !== conflict.entryTerm;
    if (!isSettled) {
      conflict.agreedIndex = Math.max(conflict.agreedIndex, commitIndex);
      return;
    }
    this.conflict = undefined;
    if (prevLogIndex > log.lastIndex) return;
    this.conflict = { term, index: prevLogIndex, entryTerm: log.term(prevLogIndex), agreedIndex: commitIndex };
  }
}

/**
 * The log's length + 1 where it is too short and, as far as is known, right. Where it disagrees at prevLogIndex, the first
 * index of the term it has there: that whole term may be wrong (Raft §5.3, end). Where it is too short and known to be
 * wrong, the first entry that has not proved right. Never at or below what agrees with the leader's log.
 */
function missingFrom(log: LogTail, { prevLogIndex }: AppendEntries, agreedIndex: number, hasConflict: boolean): number {
  if (prevLogIndex > log.lastIndex) return hasConflict ? agreedIndex + 1 : log.lastIndex + 1;
  const floor = Math.max(agreedIndex + 1, log.firstIndex);
  const term = log.term(prevLogIndex);
  let from = prevLogIndex;
  while (from > floor && log.term(from - 1) === term) from--;
  return Math.max(1, from);
}

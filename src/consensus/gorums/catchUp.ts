import type { PendingLog } from '../log/pendingLog.ts';
import type { AppendEntries } from './messages.ts';

/** A follower asks again this often while what it asked for does not come. */
export const CATCH_UP_INTERVAL_MS = 100;

/** The follower's side of catching up: it pulls what it lacks, from where its log may still agree with the leader's. */
export class CatchUp {
  private askedMs = Number.NEGATIVE_INFINITY;
  private askedIndex = 0;

  /** The next index to ask for after a refused request, or undefined while an earlier question is still open. */
  ask(log: PendingLog, refused: AppendEntries, commitIndex: number, nowMs: number): number | undefined {
    const nextIndex = missingFrom(log, refused, commitIndex);
    // An answer that came and moved the log on, or showed an earlier conflict, allows the next question at once.
    const open = nextIndex === this.askedIndex && nowMs - this.askedMs < CATCH_UP_INTERVAL_MS;
    if (open) return undefined;
    this.askedMs = nowMs;
    this.askedIndex = nextIndex;
    return nextIndex;
  }
}

/**
 * The log's length + 1 where it is too short. Where it disagrees at prevLogIndex, the first index of the term it has there:
 * that whole term may be wrong (Raft §5.3, end). Never at or below what is committed.
 */
function missingFrom(log: PendingLog, { prevLogIndex }: AppendEntries, commitIndex: number): number {
  if (prevLogIndex > log.lastIndex) return log.lastIndex + 1;
  const floor = Math.max(commitIndex + 1, log.firstIndex);
  const term = log.term(prevLogIndex);
  let from = prevLogIndex;
  while (from > floor && log.term(from - 1) === term) from--;
  return Math.max(1, Math.min(from, log.lastIndex + 1));
}

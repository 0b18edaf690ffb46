/** Terms end here: a candidate may still ask for the next one, and that is a safe integer. */
export const TERM_MAX = Number.MAX_SAFE_INTEGER - 1;
/** What peers say lifts a term, within one election timeout, by at most this share of the terms that are left. */
const SHARE_PER_TIMEOUT = 2 ** -21;
/** And by at least so much: more than all honest elections of that time. */
const RISE_MIN = 1024;

/**
 * How far ahead a peer's term is believed. A term never falls, so one forged message could bring it to the end of the
 * integers, and nobody could be elected again. Nor may what is too far ahead simply be left out: two servers that were led
 * up separately would be deaf to each other for ever. So a term rises towards what it hears, only not faster than this:
 * whatever lies between two servers is made up for in about the time that it took to get there, 2^32 terms in an election
 * timeout while most of the terms are left, and forging does not come to their end. Raft is safe with any rise of a term.
 */
export class TermGuard {
  private readonly electionTimeoutMs: number;
  private sinceMs = Number.NEGATIVE_INFINITY;
  private highest = 0;

  constructor(electionTimeoutMs: number) {
    this.electionTimeoutMs = electionTimeoutMs;
  }

  /** The highest term that a server in term `own` may believe, or take, from a peer now; never below `own`. */
  ceiling(own: number, nowMs: number): number {
    if (nowMs - this.sinceMs >= this.electionTimeoutMs) {
      this.sinceMs = nowMs;
      const rise = Math.max(RISE_MIN, Math.floor((TERM_MAX - own) * SHARE_PER_TIMEOUT));
      this.highest = Math.min(TERM_MAX, own + rise);
    }
    return Math.max(own, this.highest);
  }
}

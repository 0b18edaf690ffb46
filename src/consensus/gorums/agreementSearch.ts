import { BEGINNINGS_MAX } from './limits.ts';

/**
 * Where a follower's log agrees with the leader's, of one that does not know: the original's followers ask for what comes after their log, however
 * often that is refused. Then what ends their log is not the leader's, and the leader goes back by itself: 1, 2, 4 … entries
 * (Raft §5.3; doubling, so that a long suffix takes few questions). Ours ask for less after a refusal, and are sent what they ask for.
 */
export class AgreementSearch {
  /** Calls that began to bring what was asked for, ascending, and from where. */
  private begun: { readonly call: number; readonly from: number }[] = [];
  private askedIndex = 0;
  /** The lowest beginning that was refused since the follower last agreed to one. */
  private refusedFrom = Number.POSITIVE_INFINITY;
  private step = 1;

  /**
   * The follower asks for what follows `nextIndex` - 1, and holds what `matchIndex` says. The leader's log begins at `firstIndex`. `asked`: what it
   * said, where its log is longer than the leader's, whose end moves on from one question to the next.
   */
  beginning(nextIndex: number, matchIndex: number, firstIndex: number, asked = nextIndex): number {
    const { refusedFrom } = this;
    const isSame = asked === this.askedIndex;
    this.askedIndex = asked;
    if (!isSame || refusedFrom > nextIndex) return nextIndex;
    const back = refusedFrom - this.step;
    // A snapshot only where all that the log holds was refused.
    const from = refusedFrom > firstIndex ? Math.max(back, firstIndex) : back;
    this.step *= 2;
    this.refusedFrom = Number.POSITIVE_INFINITY;
    return Math.max(from, matchIndex + 1);
  }

  began(call: number, from: number): void {
    if (this.begun.length >= BEGINNINGS_MAX) this.begun.shift();
    this.begun.push({ call, from });
  }

  agreed(call: number): void {
    if (!this.begun.some((each) => each.call === call)) return;
    this.begun = [];
    this.refusedFrom = Number.POSITIVE_INFINITY;
    this.step = 1;
  }

  refused(call: number): void {
    const refused = this.begun.find((each) => each.call === call);
    if (refused !== undefined) this.refusedFrom = Math.min(this.refusedFrom, refused.from);
  }
}

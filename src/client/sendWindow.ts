/** So many commands may always be on their way: fewer would not show when there is room again. */
const IN_FLIGHT_MIN = 16;
/** Past this nobody is refused for want of room any more, whatever is on the way. */
const UNBOUNDED_FROM = 1 << 15;
/** How much each answer makes room for besides its own: an eighth more in a round trip. */
const GROWTH_PER_ANSWER = 1 / 8;
/** Weight of a new measurement of how long answers take. */
const ANSWER_SHARE = 1 / 16;
/** Answers take longer than they did on the average. */
const ANSWER_MARGIN = 2;

/**
 * How many commands may be on their way to a server that has refused some for having too much to do: as many as it took, and then a little
 * more with each answer, so that little is sent in vain and what becomes free is found (additive increase, multiplicative decrease: Chiu
 * and Jain, 1989; the decrease is what the server says itself by what it takes).
 */
export class SendWindow {
  private limit = Number.POSITIVE_INFINITY;
  private answerMs = 0;

  /** The server has more to do than it can, by its last word. */
  get isOverloaded(): boolean {
    return this.limit !== Number.POSITIVE_INFINITY;
  }

  /** How many more may be sent beside `inFlight`. */
  room(inFlight: number): number {
    return this.limit - inFlight;
  }

  /** A command that is sent now, behind `inFlight`, will hardly be answered in `leftMs`. A few are sent in any case, to know. */
  isTooLate(leftMs: number, inFlight: number): boolean {
    return this.isOverloaded && inFlight >= IN_FLIGHT_MIN && leftMs < ANSWER_MARGIN * this.answerMs;
  }

  /** `answers` commands were carried out, the last of them `tookMs` after it was sent. */
  answered(answers: number, tookMs: number): void {
    this.answerMs += (tookMs - this.answerMs) * (this.answerMs === 0 ? 1 : ANSWER_SHARE);
    if (!this.isOverloaded) return;
    this.limit += answers * GROWTH_PER_ANSWER;
    if (this.limit >= UNBOUNDED_FROM) this.limit = Number.POSITIVE_INFINITY;
  }

  /** Commands were refused; `inFlight` of those that were sent were not, so far. */
  refused(inFlight: number): void {
    this.limit = Math.max(IN_FLIGHT_MIN, Math.min(this.limit, inFlight));
  }
}

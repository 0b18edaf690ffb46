import type { Configuration, NodeId } from '../contract.ts';
import { BYTES_IN_FLIGHT_MAX, ROUNDS_IN_FLIGHT_MAX } from './limits.ts';
import { appendAnswer } from './quorum.ts';

/** One quorum call: the same entries to everyone, one answer back. */
export interface Round {
  readonly call: number;
  readonly startMs: number;
  /** The last index that it carries. */
  readonly end: number;
  /** Of the entries that it carries, 0 for none. */
  readonly entryBytes: number;
}

interface OpenRound {
  readonly round: Round;
  /** Who replied at all, which proves that this server still leads. */
  readonly heard: Set<NodeId>;
  /** Up to which index each success proved the follower's log. */
  readonly matched: Map<NodeId, number>;
}

/** The quorum calls of a leader that have no full answer yet, in the order of their calls. */
export class Rounds {
  private open: OpenRound[] = [];

  /** Whether a round with entries is out. Heartbeats are out all the time where a round trip takes longer than their interval. */
  get carryEntries(): boolean {
    return this.open.some(({ round }) => round.entryBytes > 0);
  }

  /** Of the entries that all of them carry. */
  get entryBytes(): number {
    let bytes = 0;
    for (const { round } of this.open) bytes += round.entryBytes;
    return bytes;
  }

  /** When the oldest one began; undefined where there is none. */
  get oldestStartMs(): number | undefined {
    return this.open[0]?.round.startMs;
  }

  /** Whether another round may carry entries. */
  get hasRoom(): boolean {
    let rounds = 0;
    let bytes = 0;
    for (const { round } of this.open) {
      if (round.entryBytes > 0) rounds++;
      bytes += round.entryBytes;
    }
    return rounds < ROUNDS_IN_FLIGHT_MAX && bytes < BYTES_IN_FLIGHT_MAX;
  }

  add(round: Round, self: NodeId): void {
    this.open.push({ round, heard: new Set([self]), matched: new Map() });
  }

  /** Takes a reply; `matchedIndex` is what a success proved. Returns who replied so far and when the round began. */
  reply(
    from: NodeId,
    call: number,
    matchedIndex: number | undefined,
  ): { readonly heard: ReadonlySet<NodeId>; readonly startMs: number } | undefined {
    const found = this.open.find(({ round }) => round.call === call);
    if (found === undefined) return undefined;
    found.heard.add(from);
    if (matchedIndex !== undefined) found.matched.set(from, matchedIndex);
    return { heard: found.heard, startMs: found.round.startMs };
  }

  /**
   * What the replies amount to now: the highest index on a majority, this server counted as far as its own disk is, and the
   * latest call that is answered in full (0: none).
   */
  answer(configuration: Configuration, self: NodeId, durableIndex: number): { index: number; answeredCall: number } {
    let index = 0;
    let answeredCall = 0;
    for (const { round, matched } of this.open) {
      matched.set(self, durableIndex);
      const answer = appendAnswer(configuration, matched);
      if (answer < 0) continue;
      index = Math.max(index, answer);
      if (answer >= round.end) answeredCall = round.call;
    }
    return { index, answeredCall };
  }

  /** A round answered in full, and those before it, have nothing more to say. */
  close(answeredCall: number): void {
    this.open = this.open.filter(({ round }) => round.call > answeredCall);
  }

  /** Gives all of them up. */
  abandon(): void {
    this.open = [];
  }
}

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
  /** Reads that came before it began, and may be answered at readIndex once a quorum replied at all (thesis §6.4). */
  readonly readTokens: readonly number[];
  readonly readIndex: number;
}

interface OpenRound {
  readonly round: Round;
  /** Not confirmed yet. */
  readTokens: readonly number[];
  /** Who replied at all, which proves that this server still leads. */
  readonly heard: Set<NodeId>;
  /** Up to which index each success proved the follower's log. */
  readonly matched: Map<NodeId, number>;
}

export interface ConfirmedRead {
  readonly token: number;
  readonly index: number;
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

  /** Whether a round with unconfirmed reads is out. */
  get carryReads(): boolean {
    return this.open.some(({ readTokens }) => readTokens.length > 0);
  }

  add(round: Round, self: NodeId): void {
    this.open.push({ round, readTokens: round.readTokens, heard: new Set([self]), matched: new Map() });
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

  /** A quorum replied to `call`: the reads of that round and of those before it are confirmed. */
  confirmReads(call: number): ConfirmedRead[] {
    const confirmed: ConfirmedRead[] = [];
    for (const each of this.open) {
      if (each.round.call > call) break;
      for (const token of each.readTokens) confirmed.push({ token, index: each.round.readIndex });
      each.readTokens = [];
    }
    return confirmed;
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

  /** The reads that are not confirmed; they are no longer these rounds'. */
  takeReads(): number[] {
    const tokens = this.open.flatMap(({ readTokens }) => readTokens);
    for (const each of this.open) each.readTokens = [];
    return tokens;
  }

  /** Gives all of them up. Returns the reads that are not confirmed. */
  abandon(): number[] {
    const tokens = this.takeReads();
    this.open = [];
    return tokens;
  }
}

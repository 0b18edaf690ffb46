import type { NodeId } from '../contract.ts';
import { majorityReached } from '../parts/quorum.ts';

/**
 * The rounds of heartbeats that a leader sent and who answered them. An answer to round r proves that its sender still took
 * this server for the leader at some moment after round r began; from that follow the lease (how long ago a majority
 * last said so) and VerifyLeader (whether a majority said so after a read arrived). Rounds know nothing of replication.
 */
export class HeartbeatRounds {
  private readonly self: NodeId;
  private lastRound = 0;
  /** When rounds firstKept … lastRound began, ms. */
  private beganMs: number[] = [];
  private firstKept = 1;
  private readonly answeredRound = new Map<NodeId, number>();
  private readonly contactMs = new Map<NodeId, number>();

  constructor(self: NodeId) {
    this.self = self;
  }

  get round(): number {
    return this.lastRound;
  }

  /** Begins a round and returns its number. Rounds that began before `forgetBeforeMs` can no longer renew a lease. */
  begin(nowMs: number, forgetBeforeMs: number): number {
    let stale = 0;
    while (stale < this.beganMs.length && this.beganMs[stale]! < forgetBeforeMs) stale++;
    if (stale > 0) {
      this.beganMs.splice(0, stale);
      this.firstKept += stale;
    }
    this.beganMs.push(nowMs);
    this.lastRound++;
    return this.lastRound;
  }

  /** A server that joins, or that a new leader begins with, counts as heard from now: it gets one lease of grace. */
  grace(id: NodeId, nowMs: number): void {
    this.answeredRound.delete(id);
    this.contactMs.set(id, nowMs);
  }

  forget(id: NodeId): void {
    this.answeredRound.delete(id);
    this.contactMs.delete(id);
  }

  /** When `round` began, ms; undefined where it was never begun, or so long ago that it is forgotten. */
  startMs(round: number): number | undefined {
    return this.beganMs[round - this.firstKept];
  }

  /** Server `id` answered `round`. Rounds that were never begun are refused. */
  answered(id: NodeId, round: number): boolean {
    if (round > this.lastRound) return false;
    if (round <= (this.answeredRound.get(id) ?? 0)) return true;
    this.answeredRound.set(id, round);
    const began = this.startMs(round);
    if (began !== undefined) this.contactMs.set(id, Math.max(began, this.contactMs.get(id) ?? began));
    return true;
  }

  /** The latest round that a majority of `voters` answered, this server counted in if it is one. */
  verifiedRound(voters: readonly NodeId[]): number {
    return majorityReached(voters, (id) => (id === this.self ? this.lastRound : (this.answeredRound.get(id) ?? 0)));
  }

  /** A majority of `voters` each answered a heartbeat sent at this time or later, ms: the start of the leader's lease. */
  leaseStartMs(voters: readonly NodeId[], nowMs: number): number {
    return majorityReached(voters, (id) => (id === this.self ? nowMs : (this.contactMs.get(id) ?? 0)));
  }
}

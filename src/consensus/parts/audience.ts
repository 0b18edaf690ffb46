import type { Configuration, EngineSettings, NodeId } from '../contract.ts';
import { jointReached } from './quorum.ts';

/** Parts of an election timeout without an answer from a quorum, after which a leader asks, falls silent, and gives up on its clients. */
const ASKS_AFTER = 0.25;
const SILENT_AFTER = 0.5;
const ALONE_AFTER = 1;
/** An election timeout counts as so many heartbeats at least: answers come once a heartbeat at best. */
const HEARTBEATS_MIN = 6;

/**
 * Whether a leader is still heard *and hears*. One that sends and hears nothing commits nothing, and yet its heartbeats keep
 * the others from electing (Jensen, Howard, Mortier: "Examining Raft's behaviour during partial network failures", 2021;
 * thesis §6.2 has it step down, which is what checkQuorum does). It need not step down: it only must not suppress elections.
 * So a leader that no quorum answers *asks* with pre-vote requests, which touch no timer and no term (thesis §9.6), and
 * which everybody answers at once; then it is *silent*, sending nothing else, until a quorum answers again; and in the end
 * it knows itself *alone*, and refuses what clients want of it, since another may lead.
 *
 * An answer is what follows from this leader's own messages. A peer that is heard but does not hear proves nothing.
 */
export class Audience {
  private readonly self: NodeId;
  private readonly electionTimeoutMs: number;
  private readonly heartbeatMs: number;
  private readonly answeredMs = new Map<NodeId, number>();
  /** Whoever was not heard yet counts as heard then: at the beginning, and when the host woke. */
  private floorMs: number;
  private unansweredMs = 0;
  private askDueMs = 0;

  constructor(
    self: NodeId,
    { electionTimeoutMs, heartbeatMs }: Pick<EngineSettings, 'electionTimeoutMs' | 'heartbeatMs'>,
    nowMs: number,
  ) {
    this.self = self;
    this.electionTimeoutMs = electionTimeoutMs;
    this.heartbeatMs = heartbeatMs;
    this.floorMs = nowMs;
  }

  get isSilent(): boolean {
    return this.unansweredMs >= this.after(SILENT_AFTER);
  }

  get isAlone(): boolean {
    return this.unansweredMs >= this.after(ALONE_AFTER);
  }

  tick(nowMs: number, configuration: Configuration): void {
    this.count(nowMs, configuration);
  }

  /** The host slept: answers wait behind the tick that woke it. */
  woke(nowMs: number): void {
    this.floorMs = nowMs;
  }

  /** `peer` answered. Ends the silence at once where that makes a quorum. */
  answered(peer: NodeId, nowMs: number, configuration: Configuration): void {
    this.answeredMs.set(peer, nowMs);
    if (this.unansweredMs >= this.after(ASKS_AFTER)) this.count(nowMs, configuration);
  }

  /** The voters to be asked now, once a heartbeat while no quorum answers. */
  toBeAsked(nowMs: number, { voters, outgoing }: Configuration): readonly NodeId[] {
    if (this.unansweredMs < this.after(ASKS_AFTER) || nowMs < this.askDueMs) return [];
    this.askDueMs = nowMs + this.heartbeatMs;
    const others = new Set([...voters, ...outgoing]);
    others.delete(this.self);
    return [...others].sort((a, b) => a - b);
  }

  private after(part: number): number {
    return part * Math.max(this.electionTimeoutMs, HEARTBEATS_MIN * this.heartbeatMs);
  }

  private count(nowMs: number, { voters, outgoing }: Configuration): void {
    const heardMs = jointReached(voters, outgoing, (id) => {
      return id === this.self ? nowMs : (this.answeredMs.get(id) ?? Number.NEGATIVE_INFINITY);
    });
    this.unansweredMs = nowMs - Math.max(this.floorMs, heardMs);
  }
}

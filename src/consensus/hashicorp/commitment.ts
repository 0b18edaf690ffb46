import type { NodeId } from '../contract.ts';
import { majorityReached } from '../parts/quorum.ts';

/**
 * Which index is committed, given what each server holds durably. Only voters count, and only indexes from `firstOfTerm`
 * on: an entry of an earlier term is committed by one of the leader's own term that follows it (Raft §5.4.2, figure 8).
 */
export class CommitmentTracker {
  /** What each server is known to hold durably; servers that are not voters are remembered for when they become one. */
  private readonly matches = new Map<NodeId, number>();
  private readonly firstOfTerm: number;
  private voters: readonly NodeId[];
  private committed = 0;

  /** `firstOfTerm` is the index of the first entry that the leader wrote in its term. */
  constructor(voters: readonly NodeId[], firstOfTerm: number) {
    this.voters = voters;
    this.firstOfTerm = firstOfTerm;
  }

  /** The highest index committed by counting; 0 until the first entry of the term is. Never goes down. */
  get commitIndex(): number {
    return this.committed;
  }

  /** Server `id` holds everything up to `index`. Lowering is allowed: a server may have lost its log and said so. */
  match(id: NodeId, index: number): void {
    if (this.matches.get(id) === index) return;
    this.matches.set(id, index);
    this.count();
  }

  /** A new configuration is in force; the quorum changes at once. */
  setVoters(voters: readonly NodeId[]): void {
    this.voters = voters;
    this.count();
  }

  /** Server `id` left: should it return, what it held then proves nothing. */
  forget(id: NodeId): void {
    this.matches.delete(id);
  }

  private count(): void {
    const reached = majorityReached(this.voters, (id) => this.matches.get(id) ?? 0);
    if (reached >= this.firstOfTerm && reached > this.committed) this.committed = reached;
  }
}

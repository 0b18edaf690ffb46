import type { Inflights } from './inflights.ts';

/** How a leader replicates to one follower. The words are those that status and traces print. */
export const ProgressState = {
  /** Its log is not known to match: one message with entries at a time, until an answer. */
  Probe: 'StateProbe',
  /** Its log matches up to `match`: entries are streamed ahead of acknowledgements, within the window. */
  Replicate: 'StateReplicate',
  /** It needs entries that are compacted away: nothing is sent until the snapshot is answered. */
  Snapshot: 'StateSnapshot',
} as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/**
 * What a leader knows of one member's log (Raft §5.3: nextIndex and matchIndex), and how fast it may send to it.
 * Invariant: match < next.
 */
export class Progress {
  state: ProgressState = ProgressState.Probe;
  /** The highest index known to be durable there. */
  match: number;
  /** The next entry to send. In Snapshot state, the entry after the snapshot. */
  next: number;
  /** The highest commit index on its way to the follower; what it cannot use yet (beyond its log) does not count. */
  sentCommit = 0;
  /** The highest commit index that the follower is known to know; stays 0 where answers do not tell. */
  knownCommit = 0;
  /** The index of the snapshot on its way; 0 outside Snapshot state. */
  pendingSnapshot = 0;
  /** Heard from since the last CheckQuorum. */
  recentActive = false;
  /** An append was sent since the last heartbeat was due. */
  heardOfUs = false;
  /** Nothing more is sent until an answer or a heartbeat's answer arrives. */
  flowPaused = false;
  /** Until this tick a heartbeat's answer may have overtaken what was sent to probe: it says nothing about that. */
  private probeDueTick = 0;
  learner: boolean;
  readonly inflights: Inflights;

  constructor(match: number, next: number, learner: boolean, inflights: Inflights) {
    this.match = match;
    this.next = next;
    this.learner = learner;
    this.inflights = inflights;
  }

  get paused(): boolean {
    return this.state === ProgressState.Snapshot || this.flowPaused;
  }

  becomeProbe(): void {
    // After a snapshot, probing starts behind it: the follower may have installed it though its answer was lost.
    const start = Math.max(this.match, this.state === ProgressState.Snapshot ? this.pendingSnapshot : 0) + 1;
    this.enter(ProgressState.Probe);
    this.rewind(start);
  }

  becomeReplicate(): void {
    this.enter(ProgressState.Replicate);
    this.next = this.match + 1;
  }

  becomeSnapshot(snapshotIndex: number): void {
    this.enter(ProgressState.Snapshot);
    this.pendingSnapshot = snapshotIndex;
    this.next = snapshotIndex + 1;
    this.sentCommit = snapshotIndex;
  }

  /** An append message with `count` entries of `bytes` in total was sent; it arrives by `dueTick` if at all. */
  sentEntries(count: number, bytes: number, dueTick = 0): void {
    if (this.state === ProgressState.Probe) {
      if (count > 0) {
        this.flowPaused = true;
        this.probeDueTick = dueTick;
      }
      return;
    }
    if (count > 0) {
      this.next += count;
      this.inflights.add(this.next - 1, bytes);
    }
    this.flowPaused = this.inflights.full;
  }

  /** A heartbeat was answered: an append may go that finds out what became of the last one. */
  heartbeatAnswered(tick: number): void {
    if (this.state !== ProgressState.Probe || tick >= this.probeDueTick) this.flowPaused = false;
  }

  /** Whether a message that carries `commit` would tell the follower something it can use. */
  canUseCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The follower acknowledged everything up to `index`; false where that is old news. */
  acknowledge(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /**
   * The follower refused an append whose entries follow `rejected`; `hint` is the highest index where its log and ours
   * may agree. Moves `next` back; false where the answer is to a message long overtaken.
   */
  reject(rejected: number, hint: number): boolean {
    if (this.state === ProgressState.Replicate) {
      if (rejected <= this.match) return false;
      this.rewind(this.match + 1);
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.rewind(Math.max(Math.min(rejected, hint + 1), this.match + 1));
    this.flowPaused = false;
    return true;
  }

  /** As status and traces print it. */
  describe(): string {
    let text = `${this.state} match=${this.match} next=${this.next}`;
    if (this.learner) text += ' learner';
    if (this.paused) text += ' paused';
    if (this.pendingSnapshot > 0) text += ` pendingSnap=${this.pendingSnapshot}`;
    if (!this.recentActive) text += ' inactive';
    if (this.inflights.count > 0) text += ` inflight=${this.inflights.count}${this.inflights.full ? '[full]' : ''}`;
    return text;
  }

  /** The same knowledge under another role, sharing the window. */
  asLearner(learner: boolean): Progress {
    const copy = new Progress(this.match, this.next, learner, this.inflights);
    copy.state = this.state;
    copy.sentCommit = this.sentCommit;
    copy.knownCommit = this.knownCommit;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.recentActive = this.recentActive;
    copy.flowPaused = this.flowPaused;
    copy.probeDueTick = this.probeDueTick;
    copy.heardOfUs = this.heardOfUs;
    return copy;
  }

  private enter(state: ProgressState): void {
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  private rewind(next: number): void {
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, next - 1);
  }
}

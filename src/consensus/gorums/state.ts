import type { EngineInit, EngineSettings, NodeId, PersistBatch, Snapshot } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { Handover } from '../membership/handover.ts';
import { ElectionTimer } from '../parts/electionTimer.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { ServerCore } from '../parts/serverCore.ts';
import { COMMITTED_BYTES_PER_DRAIN_MAX, COMMITTED_PER_DRAIN_MAX, FIRST_CALL_MAX } from './limits.ts';
import { applyChange } from './membership.ts';
import type { GorumsMessage } from './messages.ts';

/** What a server is in every role. */
export class ServerState extends ServerCore {
  readonly settings: EngineSettings;
  readonly out = new OutputBuffer<GorumsMessage>();
  readonly handover = new Handover(this.out);
  readonly electionTimer: ElectionTimer;
  /** Who leads, as far as is known; 0 otherwise. */
  leaderId: NodeId = 0;
  /** Up to here the host was handed what is committed. */
  deliveredIndex: number;
  /**
   * Calls so far, from a random start: an answer to a call of an earlier life must not pass for one of this life, least of
   * all a pre-vote for a vote.
   */
  private calls: number;

  constructor(init: EngineInit) {
    super(init, applyChange);
    this.settings = init.settings;
    this.calls = Math.floor(init.random() * FIRST_CALL_MAX);
    this.deliveredIndex = init.appliedIndex;
    this.electionTimer = new ElectionTimer(init.settings.electionTimeoutMs, init.random, init.nowMs);
  }

  /** A server that a change not yet committed removes may be the only one whose log can win (thesis §4.2.2). */
  get mayStand(): boolean {
    return this.isVoter || (this.isChangeInLog && this.configurations.previous?.voters.includes(this.id) === true);
  }

  /** A number for a quorum call, never used before by this server. */
  nextCall(): number {
    return ++this.calls;
  }

  restartElectionTimer(): void {
    this.electionTimer.restart(this.nowMs);
  }

  override install(snapshot: Snapshot): void {
    super.install(snapshot);
    this.deliveredIndex = snapshot.index;
    this.out.restore = snapshot;
  }

  commitTo(index: number): void {
    if (index > this.commitIndex) this.commitIndex = Math.min(index, this.log.lastIndex);
  }

  takeCommitted(): readonly Entry[] {
    if (this.deliveredIndex >= this.commitIndex) return NONE;
    const to = Math.min(this.commitIndex, this.deliveredIndex + COMMITTED_PER_DRAIN_MAX);
    const entries = this.log.entries(this.deliveredIndex + 1, to, COMMITTED_BYTES_PER_DRAIN_MAX);
    this.deliveredIndex += entries.length;
    return entries;
  }

  override takePersist(): PersistBatch | undefined {
    this.log.prune(this.deliveredIndex);
    return super.takePersist();
  }
}

const NONE: readonly Entry[] = [];

import type { EngineInit, NodeId, Snapshot } from '../contract.ts';
import { ServerCore } from '../parts/serverCore.ts';
import { type Limits, limitsOf } from './limits.ts';
import { applyChange } from './membership.ts';
import type { HashicorpMessage } from './messages.ts';
import { Outbox } from './outbox.ts';
import { Requests } from './requests.ts';

/** What a server is in every role. */
export class ServerState extends ServerCore<HashicorpMessage, Outbox> {
  readonly limits: Limits;
  readonly requests: Requests;
  /** When a leader was last heard from, ms. */
  leaderHeardMs = Number.NEGATIVE_INFINITY;

  constructor(init: EngineInit) {
    super(init, applyChange, new Outbox());
    this.limits = limitsOf(init.settings);
    this.requests = new Requests(this.out);
  }

  /**
   * Whether this server may stand for election: as a voter, and also while the entry that takes its vote away is not
   * known to be committed, since the others may need just its log to commit that entry (thesis §4.2.2).
   */
  get mayStand(): boolean {
    return this.isVoter || this.configurations.at(this.commitIndex).voters.includes(this.id);
  }

  /** The disk has owed an answer for longer than this engine lets a leader or candidate wait. */
  get diskStalled(): boolean {
    return this.writes.stalledMs(this.nowMs) > this.limits.diskStallMs;
  }

  /** Says `message`, which reveals the current term but promises nothing else: at once if the term is on disk. */
  reply(to: NodeId, message: HashicorpMessage): void {
    if (this.writes.durableTerm === this.term) this.out.send(to, message);
    else this.out.sendAfterPersist(to, message);
  }

  override install(snapshot: Snapshot): void {
    super.install(snapshot);
    this.requests.forgetUpTo(snapshot.index);
  }

  /** Everything up to `index` is committed. */
  commitTo(index: number): void {
    if (index <= this.commitIndex) return;
    this.commitIndex = index;
    this.requests.commit(index, this.log, this.leaderId);
  }
}

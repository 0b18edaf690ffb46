import { ChangeType, type Configuration, type MembershipChange, type NodeId, RejectReason } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { configurationAfter } from '../membership/changes.ts';
import { Handover } from '../membership/handover.ts';
import type { LeaderView } from '../membership/leaderView.ts';
import { Preparations, type Preparing } from '../membership/preparations.ts';
import type { EngineAround, Leadership } from './leadership.ts';
import { changeEntry, isJoint } from './membership.ts';
import { stage, unstage } from './reconfigure.ts';

/** An empty entry: whoever holds it has answered since it was appended. */
const MARK = new Entry(0, 0, EntryType.Internal, new Uint8Array(0));

/** A change on its way through the log. */
interface ChangeInLog {
  readonly token: number;
  readonly index: number;
  /** The entry is applied; a joint configuration remains to be left. */
  applied: boolean;
}

/** What the requests need of the engine that they were made to. */
export interface RequestedEngine extends EngineAround {
  readonly leadership: Leadership | undefined;
  /** Where to go instead. */
  readonly leaderHint: NodeId;
  /** The first membership entry that is applied here, and that a crash would leave undecided; 0: none. */
  readonly openChange: number;
}

/** Whether half of the present voters may commit it where that is a majority of the coming ones (`commitMore`). */
function halves({ type }: MembershipChange, { voters }: Configuration): boolean {
  return type === ChangeType.Remove && voters.length % 2 === 0;
}

/** What an operator asks of a leader: changes of the members, and transfers of leadership. */
export class OperatorRequests implements Preparing {
  readonly handover: Handover;
  private readonly engine: RequestedEngine;
  readonly preparations: Preparations;
  /** The server that was staged last; 0: none was. */
  private staged: NodeId = 0;
  private change: ChangeInLog | undefined;

  constructor(engine: RequestedEngine) {
    this.engine = engine;
    this.handover = new Handover(engine.out);
    this.preparations = new Preparations(this, engine.out, this.handover);
  }

  /** All before it are applied: then the majorities of the configurations in use share a member (`applyConfChange`). */
  get mayChange(): boolean {
    const { leader, log } = this.engine.node.state;
    return leader!.pendingConfIndex <= log.applied;
  }

  get isChangeInLog(): boolean {
    const { configuration, log } = this.engine.node.state;
    return this.change !== undefined || isJoint(configuration) || log.hasUnappliedChange(log.lastIndex);
  }

  get isAllHandedOut(): boolean {
    const { applying, committed } = this.engine.node.state.log;
    return applying >= committed;
  }

  /** Nothing is prepared but by a leader. */
  get view(): LeaderView {
    return this.engine.leadership!.view;
  }

  reconfigure(change: MembershipChange, token: number): void {
    const { configuration } = this.engine.node.state;
    const after = configurationAfter(configuration, change);
    // The entry is committed by the present configuration, for the coming one is in force only when it is applied.
    const quorums = after && (this.remainderCommits(change) ? [after] : [configuration, after]);
    this.preparations.change(change, token, quorums);
  }

  /** Whether a majority of those who remain is enough for it (see `commitMore`). */
  private remainderCommits(change: MembershipChange): boolean {
    const { configuration, leader, log } = this.engine.node.state;
    return halves(change, configuration) && leader!.isConfigurationKnown(log.committed);
  }

  transferLeadership(to: NodeId, token: number, unable: readonly NodeId[]): void {
    this.preparations.transfer({ to, token, unable }, this.engine.node.state.configuration.voters);
  }

  stage(id: NodeId): void {
    this.staged = id;
    stage(this.engine.node.state, id);
  }

  unstage(): void {
    unstage(this.engine.node.state, this.staged);
  }

  appendMark(): number | undefined {
    const { node } = this.engine;
    return node.propose([MARK]) === undefined ? node.state.log.lastIndex : undefined;
  }

  appendChange(change: MembershipChange, token: number): void {
    const { state } = this.engine.node;
    if (this.engine.node.propose([changeEntry(change)]) === undefined) {
      const index = state.log.lastIndex;
      this.change = { token, index, applied: false };
      if (this.remainderCommits(change)) {
        state.leader!.removal = { index, voters: configurationAfter(state.configuration, change)!.voters };
      }
      return;
    }
    this.unstage();
    this.engine.out.requestFailed(token, RejectReason.Transferring, this.engine.id);
  }

  /** The node tells the target when that holds the whole log. */
  handingOver(target: NodeId): void {
    this.engine.node.transferLeadership(target);
  }

  /** The membership entry at `index` is applied. */
  applied(index: number): void {
    if (this.change?.index === index) this.change.applied = true;
    const { leader, log } = this.engine.node.state;
    if (leader === undefined) return;
    leader.configuredAt = log.lastIndex;
  }

  /** A change that is done stays done: its servers may be shut down at once, and this one be restarted without them. */
  finishChange(): void {
    const { node, out, id, openChange } = this.engine;
    const { configuration } = node.state;
    if (this.change === undefined || !this.change.applied || isJoint(configuration)) return;
    const remains = configuration.voters.includes(id);
    if (remains && openChange !== 0) return;
    out.requests.push({ token: this.change.token, ok: true });
    this.change = undefined;
  }

  tick(): void {
    const { node, nowMs, leaderHint } = this.engine;
    const { leader } = node.state;
    this.handover.tick(nowMs, leaderHint);
    // Meanwhile the node, which counts in ticks of its own, takes no proposals.
    if (leader !== undefined && !this.handover.isOpen) leader.transferee = 0;
  }

  /** Another reign begins, of this server or of somebody else: what is not in the log is certainly not done. */
  reignEnded(): void {
    this.preparations.abandon(this.engine.node.state.lead);
    this.unstage();
    this.finishChange();
    this.change = undefined;
  }
}

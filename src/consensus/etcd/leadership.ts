import type { EngineSettings, NodeId, PeerStatus, Snapshot } from '../contract.ts';
import { type LeaderView, successor } from '../membership/leaderView.ts';
import { Audience } from '../parts/audience.ts';
import { LeaderLease } from '../parts/leaderLease.ts';
import type { OutputBuffer } from '../parts/outputBuffer.ts';
import { jointVote, VoteResult } from '../parts/quorum.ts';
import type { EtcdMessage } from './codec.ts';
import type { LeaderState } from './leaderState.ts';
import { Message, MessageType } from './messages.ts';
import type { RaftNode } from './node.ts';
import { ProgressState } from './progress.ts';
import { SnapshotsUnderWay } from './snapshotsUnderWay.ts';

/** What the engine's parts see of it. */
export interface EngineAround {
  readonly id: NodeId;
  readonly settings: EngineSettings;
  readonly node: RaftNode;
  readonly out: OutputBuffer<EtcdMessage>;
  readonly nowMs: number;
}

/** What the engine knows, beside its node, only while that leads: who answers, who is being brought up to date, whether it is to go. */
export class Leadership {
  /** The node's part of it. */
  readonly leader: LeaderState;
  readonly audience: Audience;
  readonly lease: LeaderLease;
  /** The entry that removed or demoted this leader, which leads on until the others know; 0 where there is none. */
  removedAt = 0;
  readonly snapshots: SnapshotsUnderWay;
  private readonly engine: EngineAround;
  private readonly sinceMs: number;
  /** When each server last answered this leader. */
  private readonly heardMs = new Map<NodeId, number>();
  /** Whom it brings up to date, and what they hold then. */
  private readonly behindUntil = new Map<NodeId, number>();

  constructor(engine: EngineAround, leader: LeaderState) {
    this.engine = engine;
    this.leader = leader;
    this.sinceMs = engine.nowMs;
    this.snapshots = new SnapshotsUnderWay(engine);
    this.audience = new Audience(engine.id, engine.settings, engine.nowMs);
    this.lease = new LeaderLease(engine.id, engine.settings);
  }

  get view(): LeaderView {
    const { id, nowMs, settings, node } = this.engine;
    const { log, members } = node.state;
    return {
      id,
      nowMs,
      sinceMs: this.sinceMs,
      electionTimeoutMs: settings.electionTimeoutMs,
      lastIndex: log.lastIndex,
      peer: (of) => {
        const progress = members.progress.get(of);
        return progress === undefined ? undefined : { matchIndex: progress.match, heardMs: this.heardMs.get(of) ?? -1 };
      },
    };
  }

  peerStatus(): PeerStatus[] {
    const { id: self, nowMs, node } = this.engine;
    const others = [...node.state.members.progress].filter(([id]) => id !== self);
    return others.map(([id, { match: matchIndex, next: nextIndex, state }]) => {
      const heardMs = this.heardMs.get(id);
      const lastHeardMs = heardMs === undefined ? -1 : nowMs - heardMs;
      return { id, matchIndex, nextIndex, state: PEER_STATES[state], lastHeardMs };
    });
  }

  /** `from` answers. */
  answered(from: NodeId, { type, reject, index, term, stampMs, promisedMs }: Message): void {
    const { nowMs, node } = this.engine;
    this.heardMs.set(from, nowMs);
    if (stampMs > 0 && term === node.state.term) this.lease.promised(from, stampMs, promisedMs);
    this.audience.answered(from, nowMs, node.state.configuration);
    if (type !== MessageType.AppendResp) return;
    if (reject) this.fallsBehind(from);
    else if (index >= (this.behindUntil.get(from) ?? Number.POSITIVE_INFINITY)) this.behindUntil.delete(from);
  }

  /** The host slept. */
  woke(nowMs: number): void {
    this.audience.woke(nowMs);
    this.lease.woke(nowMs);
  }

  sendSnapshot(to: NodeId, snapshot: Snapshot): void {
    this.snapshots.begin(to, snapshot);
    this.fallsBehind(to);
  }

  private fallsBehind(id: NodeId): void {
    if (this.behindUntil.has(id)) return;
    this.behindUntil.set(id, this.engine.node.state.log.lastIndex);
    this.engine.out.events.push('catchup');
  }

  tick(): void {
    const { nowMs, node } = this.engine;
    this.snapshots.tick();
    this.audience.tick(nowMs, node.state.configuration);
    this.ask();
  }

  /** Asks with pre-vote requests, which everybody answers and which disturb nobody. */
  private ask(): void {
    const { nowMs, node, out } = this.engine;
    const { configuration, log, term } = node.state;
    for (const id of this.audience.toBeAsked(nowMs, configuration)) {
      const request = new Message(MessageType.PreVote, id);
      request.term = term + 1;
      request.index = log.lastIndex;
      request.logTerm = log.lastTerm;
      out.send(id, request);
    }
  }

  /**
   * A leader that is no voter any more leads on until a majority of the voters knows that it is not. If it left at once, and
   * for good, voters that do not know of the commit would go on counting it, and might never find a majority. The one that is
   * best prepared is then asked to take over without waiting for a timeout.
   */
  retire(): void {
    if (this.removedAt === 0) return;
    const { state } = this.engine.node;
    const { voters, outgoing } = state.configuration;
    const { progress } = state.members;
    const knows = (id: NodeId) => (progress.get(id)?.knownCommit ?? 0) >= this.removedAt;
    if (jointVote(voters, outgoing, knows) !== VoteResult.Won) return;
    const next = successor(this.view, voters.filter(knows));
    if (next !== 0) state.send(new Message(MessageType.TimeoutNow, next));
    state.becomeFollower(state.term);
  }
}

const PEER_STATES = {
  [ProgressState.Probe]: 'probe',
  [ProgressState.Replicate]: 'replicate',
  [ProgressState.Snapshot]: 'snapshot',
} as const;

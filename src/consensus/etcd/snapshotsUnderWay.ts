import type { EngineSettings, NodeId, Snapshot } from '../contract.ts';
import type { OutputBuffer } from '../parts/outputBuffer.ts';
import { SnapshotSender } from '../parts/snapshotChunks.ts';
import type { EtcdMessage } from './codec.ts';
import { SNAPSHOT_RETRY_ELECTIONS } from './limits.ts';
import { Message, MessageType } from './messages.ts';
import type { RaftNode } from './node.ts';
import { ProgressState } from './progress.ts';

interface Around {
  readonly settings: EngineSettings;
  readonly node: RaftNode;
  readonly out: OutputBuffer<EtcdMessage>;
  readonly nowMs: number;
}

interface UnderWay {
  readonly sender: SnapshotSender;
  /** When its follower last said something of it, or it began. */
  heardMs: number;
}

/**
 * The snapshots that a leader's node wants sent, on their way in chunks. The node hears of them what it would of whole ones: by its
 * follower's acknowledgement that one is installed, and from here that one is lost.
 */
export class SnapshotsUnderWay {
  private readonly engine: Around;
  private readonly open = new Map<NodeId, UnderWay>();
  private seq = 0;

  constructor(engine: Around) {
    this.engine = engine;
  }

  begin(to: NodeId, snapshot: Snapshot): void {
    const { settings, nowMs } = this.engine;
    this.open.set(to, { sender: new SnapshotSender(snapshot, settings), heardMs: nowMs });
  }

  get snapshots(): Snapshot[] {
    return [...this.open.values()].map(({ sender }) => sender.snapshot);
  }

  answered(from: NodeId, { term, index, chunk }: Message): void {
    const { node, nowMs } = this.engine;
    const underWay = this.open.get(from);
    if (term !== node.state.term || underWay?.sender.snapshot.index !== index) return;
    underWay.heardMs = nowMs;
    underWay.sender.answered(chunk!.seq, chunk!.offset, nowMs);
  }

  /** Sends what is due, and forgets what is done. */
  pump(): void {
    const { node, nowMs, out } = this.engine;
    for (const [to, underWay] of this.open) {
      if (!this.isWanted(to, underWay)) continue;
      const { sender } = underWay;
      while (sender.isDue(nowMs)) {
        const message = new Message(MessageType.SnapshotChunk, to);
        message.term = node.state.term;
        const { index, snapshotTerm, configuration, offset, total, data } = sender.take(++this.seq, nowMs);
        message.part = { index, term: snapshotTerm, configuration, data };
        message.chunk = { seq: this.seq, offset, total };
        out.send(to, message);
      }
    }
  }

  private isWanted(to: NodeId, { sender }: UnderWay): boolean {
    const { node } = this.engine;
    const progress = node.state.members.progress.get(to);
    const isSent = progress?.state === ProgressState.Snapshot && progress.pendingSnapshot === sender.snapshot.index;
    if (isSent && progress.match < sender.snapshot.index) return true;
    this.open.delete(to);
    // It is installed, and what follows it was compacted meanwhile: the node begins anew.
    if (isSent) node.reportSnapshotFailure(to);
    return false;
  }

  tick(): void {
    const { node, nowMs, settings } = this.engine;
    for (const [to, { sender, heardMs }] of this.open) {
      sender.tick(nowMs);
      if (nowMs - heardMs < SNAPSHOT_RETRY_ELECTIONS * settings.electionTimeoutMs) continue;
      // A follower that is gone would need a newer one when it comes back, and goes on with this one where that is the latest still.
      this.open.delete(to);
      node.reportSnapshotFailure(to);
    }
  }
}

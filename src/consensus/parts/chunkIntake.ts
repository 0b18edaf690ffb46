import type { EngineInit, NodeId, Snapshot } from '../contract.ts';
import type { ServerCore } from './serverCore.ts';
import { type Chunk, SnapshotReceiver } from './snapshotChunks.ts';

/** What a follower says to a chunk: how much of the snapshot it has; `installed`: it holds everything up to its index, once that is durable. */
export interface ChunkOutcome {
  readonly received: number;
  readonly installed: boolean;
  /** It took the place of the log just now. */
  readonly replacesLog: boolean;
}

/** What is wrong with the content of a snapshot, which shows only when it is whole. */
export function contentFault(snapshot: Snapshot, faultOf: EngineInit['snapshotContentFault']): string | undefined {
  const fault = faultOf(snapshot.content);
  return fault === undefined ? undefined : `the leader's snapshot of index ${snapshot.index}: ${fault}`;
}

type Taker = Pick<ServerCore<never>, 'log' | 'commitIndex' | 'install'> & { commitTo(index: number): void };

/** The chunks that a follower takes, of engines over a `ServerCore`. */
export class ChunkIntake {
  private readonly state: Taker;
  private readonly snapshotContentFault: EngineInit['snapshotContentFault'];
  private readonly receiver = new SnapshotReceiver();

  constructor(state: Taker, snapshotContentFault: EngineInit['snapshotContentFault']) {
    this.state = state;
    this.snapshotContentFault = snapshotContentFault;
  }

  /** Takes a chunk of the leader `from` of the present term; a text says what is wrong with what it completes. */
  take(from: NodeId, term: number, chunk: Chunk): ChunkOutcome | string {
    const { state, receiver } = this;
    const { index, snapshotTerm, total } = chunk;
    if (index <= state.commitIndex || state.log.term(index) === snapshotTerm) {
      // All of it is in the log already (figure 13, step 6): nothing is discarded.
      receiver.abandonUpTo(index);
      state.commitTo(index);
      return { received: total, installed: true, replacesLog: false };
    }
    const snapshot = receiver.add(from, term, chunk);
    if (snapshot === undefined) {
      return { received: receiver.received(from, term, chunk), installed: false, replacesLog: false };
    }
    const fault = contentFault(snapshot, this.snapshotContentFault);
    if (fault !== undefined) return fault;
    state.install(snapshot);
    return { received: total, installed: true, replacesLog: true };
  }

  /** More is committed: what is on its way of a snapshot before that is not needed. */
  committed(): void {
    this.receiver.abandonUpTo(this.state.commitIndex);
  }
}

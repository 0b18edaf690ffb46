import type { NodeId } from '../contract.ts';
import type { ServerCore } from './serverCore.ts';
import type { Chunk } from './snapshotChunks.ts';

/** What a follower says to a chunk: how much of the snapshot it has; `installed`: it holds everything up to its index, once that is durable. */
export interface ChunkOutcome {
  readonly received: number;
  readonly installed: boolean;
  /** It took the place of the log just now. */
  readonly replacesLog: boolean;
}

type Taker = Pick<ServerCore<never>, 'log' | 'commitIndex' | 'install' | 'incoming'> & {
  commitTo(index: number): void;
};

/** Takes a chunk of the leader `from` of the present term; a text says what is wrong with what came so far. Of engines over a `ServerCore`. */
export function takeChunk(state: Taker, from: NodeId, term: number, chunk: Chunk): ChunkOutcome | string {
  const { incoming } = state;
  const { index, snapshotTerm, total } = chunk;
  if (index <= state.commitIndex || state.log.term(index) === snapshotTerm) {
    // All of it is in the log already (figure 13, step 6): nothing is discarded.
    incoming.abandonUpTo(index);
    state.commitTo(index);
    return { received: total, installed: true, replacesLog: false };
  }
  const snapshot = incoming.add(from, term, chunk);
  if (typeof snapshot === 'string') return snapshot;
  if (snapshot === undefined) {
    return { received: incoming.received(from, term, chunk), installed: false, replacesLog: false };
  }
  state.install(snapshot);
  return { received: total, installed: true, replacesLog: true };
}

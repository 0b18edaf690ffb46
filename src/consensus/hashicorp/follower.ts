import type { NodeId, Refusal } from '../contract.ts';
import { takeChunk } from '../parts/chunkIntake.ts';
import { contradiction, entriesFault } from '../parts/untrusted.ts';
import { changeFault } from './membership.ts';
import type { AppendRequest, SnapshotChunk, SnapshotReply } from './messages.ts';
import type { ServerState } from './state.ts';

interface Acknowledgement {
  readonly to: NodeId;
  readonly term: number;
  readonly seq: number;
  readonly index: number;
}

/** What a server does with the log that its leader sends. The caller has settled whose term is the newer one. */
export class FollowerLog {
  private readonly state: ServerState;
  /** One acknowledgement a turn stands for all appends of the turn. */
  private acknowledgement: Acknowledgement | undefined;

  constructor(state: ServerState) {
    this.state = state;
  }

  /** AppendEntries (Raft figure 2, receiver's steps 2 to 5). `appendFault` finds nothing wrong with the request. */
  append(from: NodeId, request: AppendRequest): Refusal | undefined {
    const { state } = this;
    const { prevIndex, prevTerm, entries, seq } = request;
    const contradicts = contradiction(state.log, state.commitIndex, prevIndex, prevTerm, entries);
    if (!this.matches(prevIndex, prevTerm)) {
      state.reply(from, { type: 'append-reply', term: state.term, seq, ok: false, index: this.mayMatch(prevIndex) });
      return contradicts;
    }
    const lastNew = prevIndex + entries.length;
    const fresh = this.firstFresh(request);
    if (fresh === undefined) return contradicts;
    if (fresh < entries.length) {
      const added = entries.slice(fresh);
      if (added[0]!.index <= state.log.lastIndex) state.truncateFrom(added[0]!.index);
      state.append(added);
    }
    state.commitTo(Math.min(request.commit, lastNew));
    this.acknowledge(from, seq, lastNew);
    return contradicts;
  }

  /**
   * InstallSnapshot (Raft figure 13), chunk by chunk. Only the whole snapshot, durable, is acknowledged as installed.
   * Returns what is wrong with the content of it, as far as it came.
   */
  snapshot(from: NodeId, chunk: SnapshotChunk): string | undefined {
    const { state } = this;
    const { seq, index } = chunk;
    const outcome = takeChunk(state, from, chunk.term, chunk);
    if (typeof outcome === 'string') return outcome;
    const { received, installed, replacesLog } = outcome;
    const answer: SnapshotReply = { type: 'snapshot-reply', term: state.term, seq, index, received, installed };
    // What was taken in this turn is gone.
    if (replacesLog) this.acknowledgement = undefined;
    // Once it is written: no more is on its way than fits in the leader's window.
    state.out.sendAfterPersist(from, answer);
    return undefined;
  }

  /** Called once a turn: the acknowledgement leaves when what it promises is durable. */
  flush(): void {
    const { acknowledgement, state } = this;
    if (acknowledgement === undefined) return;
    this.acknowledgement = undefined;
    const { to, term, seq, index } = acknowledgement;
    if (term === state.term) state.out.sendAfterPersist(to, { type: 'append-reply', term, seq, ok: true, index });
  }

  private acknowledge(to: NodeId, seq: number, index: number): void {
    const { term } = this.state;
    const earlier = this.acknowledgement;
    this.acknowledgement =
      earlier !== undefined && earlier.to === to && earlier.term === term
        ? { to, term, seq: Math.max(seq, earlier.seq), index: Math.max(index, earlier.index) }
        : { to, term, seq, index };
  }

  /** What is committed matches every leader's log (leader completeness, Raft §5.4), compacted or not. */
  private matches(prevIndex: number, prevTerm: number): boolean {
    if (prevIndex < this.state.commitIndex) return true;
    return this.state.log.term(prevIndex) === prevTerm;
  }

  /** The place in the request of its first entry that this log does not hold; undefined where it contradicts a committed one. */
  private firstFresh(request: AppendRequest): number | undefined {
    const { log, commitIndex } = this.state;
    const { entries } = request;
    if (request.prevIndex === log.lastIndex) return 0;
    for (let i = 0; i < entries.length; i++) {
      const { index, term } = entries[i]!;
      if (index > log.lastIndex) return i;
      if (index < log.firstIndex) continue;
      if (log.term(index) !== term) return index > commitIndex ? i : undefined;
    }
    return entries.length;
  }

  /**
   * The last index that may match a leader whose entry at `prevIndex` does not: the end of a shorter log; else the entry
   * before the term that stands there, since the leader probably has none of that term (Raft §5.3, the optimisation).
   */
  private mayMatch(prevIndex: number): number {
    const { log, commitIndex } = this.state;
    if (prevIndex > log.lastIndex) return log.lastIndex;
    const conflicting = log.term(prevIndex);
    let index = prevIndex - 1;
    while (index > commitIndex && log.term(index) === conflicting) index--;
    return Math.max(0, index, Math.min(commitIndex, prevIndex - 1));
  }
}

/** What is wrong with an append; undefined where it is one that a correct leader sends. */
export function appendFault({ prevIndex, prevTerm, entries, term }: AppendRequest): string | undefined {
  return entriesFault(prevIndex, prevTerm, entries, term, changeFault);
}

import type { NodeId, Refusal } from '../contract.ts';
import { type ChunkOutcome, takeChunk } from '../parts/chunkIntake.ts';
import type { Chunk } from '../parts/snapshotChunks.ts';
import { contradiction, entriesFault } from '../parts/untrusted.ts';
import { CatchUp } from './catchUp.ts';
import { changeFault } from './membership.ts';
import type { AppendEntries, InstallSnapshot, SnapshotChunk } from './messages.ts';
import type { ServerState } from './state.ts';

/** Of a leader of an earlier term. */
const NOTHING_TAKEN: ChunkOutcome = { received: 0, installed: false, replacesLog: false };

/** What a server does with the log that its leader sends (Raft §5.3, §7). */
export class Follower {
  private readonly state: ServerState;
  private readonly catchUp = new CatchUp();

  constructor(state: ServerState) {
    this.state = state;
  }

  /** `isCurrent`: the request is of a leader of the present term. */
  append(from: NodeId, request: AppendEntries, isCurrent: boolean): Refusal | undefined {
    const { state } = this;
    const { call, prevLogIndex, prevLogTerm, entries } = request;
    const matchIndex = state.log.lastIndex;
    if (!isCurrent) {
      state.out.send(from, { type: 'AppendEntriesResponse', call, term: state.term, matchIndex, success: false });
      return undefined;
    }
    const contradicts = contradiction(state.log, state.commitIndex, prevLogIndex, prevLogTerm, entries);
    const success = this.takeEntries(request);
    const { toldMs: promisedMs } = state.promise;
    const response = {
      type: 'AppendEntriesResponse',
      call,
      term: state.term,
      matchIndex,
      success,
      promisedMs,
    } as const;
    if (success) {
      this.catchUp.agreed(request.term, prevLogIndex + entries.length);
      state.out.sendAfterPersist(from, response);
      return contradicts;
    }
    state.out.send(from, response);
    const nextIndex = this.catchUp.ask(state.log, request, state.commitIndex, state.nowMs);
    if (nextIndex === undefined) return contradicts;
    state.out.send(from, { type: 'CatchMeUp', call: state.nextCall(), follower: state.id, nextIndex });
    return contradicts;
  }

  /** Whether the log agrees with the leader's up to the last entry of the request, which it then holds. */
  private takeEntries(request: AppendEntries): boolean {
    const { state } = this;
    const { log } = state;
    const { prevLogIndex, prevLogTerm, entries } = request;
    // What a snapshot covers is committed, and so the same everywhere.
    if (prevLogIndex >= log.firstIndex - 1 && log.term(prevLogIndex) !== prevLogTerm) return false;
    let position = Math.max(0, log.firstIndex - 1 - prevLogIndex);
    while (position < entries.length && log.term(entries[position]!.index) === entries[position]!.term) position++;
    const fresh = position === 0 ? entries : entries.slice(position);
    const conflict = fresh[0]?.index;
    if (conflict !== undefined && conflict <= state.commitIndex) return false;
    if (conflict !== undefined && conflict <= log.lastIndex) state.truncateFrom(conflict);
    if (fresh.length > 0) state.append(fresh);
    state.commitTo(Math.min(request.commitIndex, prevLogIndex + entries.length));
    return true;
  }

  /** The whole of a snapshot, which is its only chunk. Returns what `chunk` does. */
  snapshot(from: NodeId, request: InstallSnapshot, isCurrent: boolean): string | undefined {
    const { state } = this;
    const { call } = request;
    const outcome = isCurrent ? takeChunk(state, from, request.term, chunkOf(request)) : undefined;
    if (typeof outcome === 'string') return outcome;
    if (outcome?.installed === false) return undefined;
    state.out.sendAfterPersist(from, { type: 'InstallSnapshotResponse', call, term: state.term });
    return undefined;
  }

  /** The snapshot in chunks. Returns what is wrong with the content of it, as far as it came. */
  chunk(from: NodeId, request: SnapshotChunk, isCurrent: boolean): string | undefined {
    const { state } = this;
    const { call, term, index } = request;
    const outcome = isCurrent ? takeChunk(state, from, term, request) : NOTHING_TAKEN;
    if (typeof outcome === 'string') return outcome;
    const { received, installed } = outcome;
    // Once it is written: no more is on its way than fits in the leader's window.
    const response = { type: 'SnapshotChunkResponse', call, term: state.term, index, received, installed } as const;
    state.out.sendAfterPersist(from, response);
    return undefined;
  }
}

/** The whole of a snapshot as a chunk of it. */
export function chunkOf({ lastIncludedIndex, lastIncludedTerm, configuration, data }: InstallSnapshot): Chunk {
  const total = data.length;
  return { index: lastIncludedIndex, snapshotTerm: lastIncludedTerm, configuration, offset: 0, total, data };
}

/** What is wrong with an append; undefined where it is one that a correct leader sends. */
export function appendFault({ prevLogIndex, prevLogTerm, entries, term }: AppendEntries): string | undefined {
  return entriesFault(prevLogIndex, prevLogTerm, entries, term, changeFault);
}

import type { EngineInit, NodeId, Refusal } from '../contract.ts';
import { ChunkIntake, type ChunkOutcome, dataFault } from '../parts/chunkIntake.ts';
import { contradiction, entriesFault, snapshotFault } from '../parts/untrusted.ts';
import { CatchUp } from './catchUp.ts';
import { changeFault } from './membership.ts';
import type { AppendEntries, InstallSnapshot, SnapshotChunk } from './messages.ts';
import type { ServerState } from './state.ts';

/** Of a leader of an earlier term. */
const NOTHING_TAKEN: ChunkOutcome = { received: 0, installed: false, replacesLog: false };

/** What a server does with the log that its leader sends (Raft §5.3, §7). */
export class Follower {
  private readonly state: ServerState;
  private readonly snapshotDataFault: EngineInit['snapshotDataFault'];
  private readonly catchUp = new CatchUp();
  private readonly intake: ChunkIntake;

  constructor(state: ServerState, snapshotDataFault: EngineInit['snapshotDataFault']) {
    this.state = state;
    this.snapshotDataFault = snapshotDataFault;
    this.intake = new ChunkIntake(state, snapshotDataFault);
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
    this.intake.committed();
    return true;
  }

  /** As `append`. */
  snapshot(from: NodeId, request: InstallSnapshot, isCurrent: boolean): void {
    const { state } = this;
    const { call, lastIncludedIndex: index, lastIncludedTerm: term, configuration, data } = request;
    if (isCurrent && index > state.commitIndex) {
      if (state.log.term(index) === term) state.commitTo(index);
      else state.install({ index, term, configuration, data });
    }
    state.out.sendAfterPersist(from, { type: 'InstallSnapshotResponse', call, term: state.term });
  }

  /** The snapshot in chunks. Returns what is wrong with it: that its data cannot be read shows only when it is whole. */
  chunk(from: NodeId, request: SnapshotChunk, isCurrent: boolean): string | undefined {
    const { state } = this;
    const { call, term, index } = request;
    const outcome = isCurrent ? this.intake.take(from, term, request) : NOTHING_TAKEN;
    if (typeof outcome === 'string') return outcome;
    const { received, installed } = outcome;
    const response = { type: 'SnapshotChunkResponse', call, term: state.term, index, received, installed } as const;
    if (installed) state.out.sendAfterPersist(from, response);
    else state.out.send(from, response);
    return undefined;
  }

  /** What is wrong with a snapshot; undefined where it is one that a correct leader sends. */
  snapshotFault(request: InstallSnapshot): string | undefined {
    const { lastIncludedIndex: index, lastIncludedTerm: term, configuration, data } = request;
    const { commitIndex, term: ownTerm } = this.state;
    const fault = snapshotFault({ index, term, configuration }, request.term);
    if (fault !== undefined || index <= commitIndex || request.term < ownTerm) return fault;
    return dataFault({ index, term, configuration, data }, this.snapshotDataFault);
  }
}

/** What is wrong with an append; undefined where it is one that a correct leader sends. */
export function appendFault({ prevLogIndex, prevLogTerm, entries, term }: AppendEntries): string | undefined {
  return entriesFault(prevLogIndex, prevLogTerm, entries, term, changeFault);
}

import fc from 'fast-check';
import { ChangeType, type NodeId, type Snapshot } from '../../contract.ts';
import { contentBytes } from '../../snapshotContent.ts';
import type { ForgedAppend, Forgery, Parts } from '../../testing/forgery.ts';
import { encodeChange } from '../membership.ts';
import type { GorumsMessage, InstallSnapshot, SnapshotChunk } from '../messages.ts';

function appendOf(leader: NodeId, call: number, of: ForgedAppend): GorumsMessage {
  const { term, prevIndex: prevLogIndex, prevTerm: prevLogTerm, commit: commitIndex, entries } = of;
  return { type: 'AppendEntries', call, leader, term, prevLogIndex, prevLogTerm, commitIndex, entries };
}

function snapshotOf(leader: NodeId, call: number, term: number, snapshot: Snapshot) {
  const { index: lastIncludedIndex, term: lastIncludedTerm, configuration } = snapshot;
  const data = contentBytes(snapshot.content);
  const message = { call, leader, term, lastIncludedIndex, lastIncludedTerm, configuration, data };
  return { type: 'InstallSnapshot', ...message } satisfies InstallSnapshot;
}

function chunkOf(leader: NodeId, call: number, term: number, snapshot: Snapshot, offset: number, end: number) {
  const { index, term: snapshotTerm, configuration, content } = snapshot;
  const at = Math.min(offset, content.byteLength);
  const part = { offset: at, total: content.byteLength, data: content.read(at, Math.max(0, end - at)) };
  const message = { call, leader, term, index, snapshotTerm, configuration, ...part };
  return { type: 'SnapshotChunk', ...message } satisfies SnapshotChunk;
}

function any(from: NodeId, { number, flag, append, snapshot }: Parts): fc.Arbitrary<GorumsMessage> {
  const name = fc.oneof({ weight: 9, arbitrary: fc.constant(from) }, { weight: 1, arbitrary: number });
  return fc.oneof(
    fc
      .record({
        call: number,
        candidate: name,
        term: number,
        lastLogIndex: number,
        lastLogTerm: number,
        preVote: flag,
      })
      .map((numbers): GorumsMessage => ({ type: 'RequestVote', ...numbers })),
    fc
      .record({ call: number, term: number, granted: flag })
      .map((numbers): GorumsMessage => ({ type: 'RequestVoteResponse', ...numbers })),
    fc.tuple(name, number, append).map(([leader, call, of]) => appendOf(leader, call, of)),
    fc
      .record({ call: number, term: number, matchIndex: number, success: flag })
      .map((numbers): GorumsMessage => ({ type: 'AppendEntriesResponse', ...numbers })),
    fc.tuple(name, number, number, snapshot).map(([leader, call, term, of]) => snapshotOf(leader, call, term, of)),
    fc
      .tuple(name, number, number, snapshot, fc.nat(3), fc.nat(12))
      .map(([leader, call, term, of, offset, end]) => chunkOf(leader, call, term, of, offset, end)),
    fc
      .record({ call: number, term: number, index: number, received: number, installed: flag })
      .map((numbers): GorumsMessage => ({ type: 'SnapshotChunkResponse', ...numbers })),
    fc
      .record({ call: number, term: number })
      .map((numbers): GorumsMessage => ({ type: 'InstallSnapshotResponse', ...numbers })),
    fc
      .record({ call: number, follower: name, nextIndex: number })
      .map((numbers): GorumsMessage => ({ type: 'CatchMeUp', ...numbers })),
    fc
      .record({ call: number, leader: name, term: number })
      .map((numbers): GorumsMessage => ({ type: 'TimeoutNow', ...numbers })),
  );
}

export const gorumsForgery: Forgery<GorumsMessage> = {
  answer: (_from, term) => ({ type: 'AppendEntriesResponse', call: 1, term, matchIndex: 0, success: false }),
  grant: (request, granted = true) => {
    if (request.type !== 'RequestVote') return undefined;
    // Who refuses a pre-vote names its own term.
    const term = request.preVote && !granted ? request.term - 1 : request.term;
    return { type: 'RequestVoteResponse', call: request.call, term, granted };
  },
  ask: (candidate, { term, preVote, lastIndex: lastLogIndex, lastTerm: lastLogTerm }) => {
    return { type: 'RequestVote', call: 1, candidate, term, lastLogIndex, lastLogTerm, preVote };
  },
  verdict: (message) => (message.type === 'RequestVoteResponse' ? message.granted : undefined),
  takeOver: (leader, term) => ({ type: 'TimeoutNow', call: 1, leader, term }),
  append: (from, of) => appendOf(from, 1, of),
  snapshot: (from, term, snapshot) => chunkOf(from, 1, term, snapshot, 0, snapshot.content.byteLength),
  change: (id) => encodeChange({ type: ChangeType.AddVoter, id }),
  any,
};

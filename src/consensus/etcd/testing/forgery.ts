import fc from 'fast-check';
import { ChangeType, type Snapshot } from '../../contract.ts';
import type { ForgedAppend, Forgery, Parts } from '../../testing/forgery.ts';
import { changeEntry } from '../membership.ts';
import { isForPeers, Message, MessageType, voteResponseType } from '../messages.ts';

function message(type: MessageType, fields: Partial<Message>): Message {
  return Object.assign(new Message(type, 0), fields);
}

function appendOf({ term, prevIndex: index, prevTerm: logTerm, commit, entries }: ForgedAppend): Message {
  return message(MessageType.Append, { term, index, logTerm, commit, entries });
}

function chunkOf(seq: number, term: number, snapshot: Snapshot, offset: number, end: number): Message {
  const data = snapshot.content.read(offset, Math.max(0, end - offset));
  const { index, term: snapshotTerm, configuration } = snapshot;
  const chunk = { seq, offset, total: snapshot.content.byteLength };
  return message(MessageType.SnapshotChunk, { term, part: { index, term: snapshotTerm, configuration, data }, chunk });
}

/** Of a type that carries no entries and no snapshot. */
function answering(type: MessageType, of: Partial<Message>): Message {
  const chunk = { seq: of.commit!, offset: of.logTerm!, total: of.rejectHint! };
  return message(type, type === MessageType.SnapshotChunkResp ? { ...of, chunk } : of);
}

function any(_from: number, { number, flag, append, snapshot }: Parts): fc.Arbitrary<Message> {
  const plain = Object.values(MessageType).filter(
    (type) => isForPeers(type) && type !== MessageType.Append && type !== MessageType.SnapshotChunk,
  );
  const numbers = {
    term: number,
    index: number,
    logTerm: number,
    commit: number,
    reject: flag,
    rejectHint: number,
    transfer: flag,
    readSequence: number,
    readContext: number,
  };
  return fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constantFrom(...plain), fc.record(numbers)).map(([type, of]) => answering(type, of)),
    },
    { weight: 2, arbitrary: append.map(appendOf) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(number, number, snapshot, fc.nat(3), fc.nat(12))
        .map(([seq, term, of, offset, end]) => chunkOf(seq, term, of, Math.min(offset, of.content.byteLength), end)),
    },
  );
}

export const etcdForgery: Forgery<Message> = {
  answer: (_from, term) => message(MessageType.AppendResp, { term, index: 1 }),
  grant: ({ type, term }, granted = true) => {
    if (type !== MessageType.Vote && type !== MessageType.PreVote) return undefined;
    // Who refuses a pre-vote names its own term.
    const own = type === MessageType.PreVote && !granted ? term - 1 : term;
    return message(voteResponseType(type), { term: own, reject: !granted });
  },
  ask: (_from, { term, preVote, lastIndex: index, lastTerm: logTerm }) =>
    message(preVote ? MessageType.PreVote : MessageType.Vote, { term, index, logTerm }),
  verdict: ({ type, reject }) =>
    type === MessageType.VoteResp || type === MessageType.PreVoteResp ? !reject : undefined,
  takeOver: (_from, term) => message(MessageType.TimeoutNow, { term }),
  append: (_from, of) => appendOf(of),
  snapshot: (_from, term, snapshot) => chunkOf(1, term, snapshot, 0, snapshot.content.byteLength),
  change: (id) => changeEntry({ type: ChangeType.AddVoter, id }).data,
  any,
};

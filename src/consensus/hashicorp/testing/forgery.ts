import fc from 'fast-check';
import { type Snapshot, simpleConfiguration } from '../../contract.ts';
import type { ForgedAppend, Forgery, Parts } from '../../testing/forgery.ts';
import { encodeConfiguration } from '../membership.ts';
import type { HashicorpMessage } from '../messages.ts';

function appendOf(seq: number, of: ForgedAppend): HashicorpMessage {
  return { type: 'append', seq, ...of };
}

function chunkOf(seq: number, term: number, snapshot: Snapshot, offset: number, end: number): HashicorpMessage {
  const { index, term: snapshotTerm, configuration, content } = snapshot;
  const part = { offset, total: content.byteLength, data: content.read(offset, Math.max(0, end - offset)) };
  return { type: 'snapshot', seq, term, index, snapshotTerm, configuration, ...part };
}

function any(_from: number, { number, flag, append, snapshot }: Parts): fc.Arbitrary<HashicorpMessage> {
  return fc.oneof(
    fc.tuple(number, append).map(([seq, of]) => appendOf(seq, of)),
    fc
      .record({ term: number, seq: number, ok: flag, index: number })
      .map((of): HashicorpMessage => ({ type: 'append-reply', ...of })),
    fc.record({ term: number, round: number }).map((of): HashicorpMessage => ({ type: 'heartbeat', ...of })),
    fc
      .record({ term: number, round: number, lastIndex: number, commit: number })
      .map((of): HashicorpMessage => ({ type: 'heartbeat-reply', ...of })),
    fc
      .record({ term: number, preVote: flag, transfer: flag, lastIndex: number, lastTerm: number })
      .map((of): HashicorpMessage => ({ type: 'vote', ...of })),
    fc
      .record({ term: number, preVote: flag, granted: flag })
      .map((of): HashicorpMessage => ({ type: 'vote-reply', ...of })),
    fc.record({ term: number }).map((of): HashicorpMessage => ({ type: 'timeout-now', ...of })),
    fc
      .tuple(number, number, snapshot, fc.nat(3), fc.nat(12))
      .map(([seq, term, of, offset, end]) => chunkOf(seq, term, of, Math.min(offset, of.content.byteLength), end)),
    fc
      .record({ term: number, seq: number, index: number, received: number, installed: flag })
      .map((of): HashicorpMessage => ({ type: 'snapshot-reply', ...of })),
  );
}

export const hashicorpForgery: Forgery<HashicorpMessage> = {
  answer: (_from, term) => ({ type: 'append-reply', term, seq: 1, ok: false, index: 0 }),
  grant: (request, granted = true) => {
    if (request.type !== 'vote') return undefined;
    const { term, preVote } = request;
    // Who refuses a pre-vote names its own term.
    return { type: 'vote-reply', term: preVote && !granted ? term - 1 : term, preVote, granted };
  },
  ask: (_from, of) => ({ type: 'vote', transfer: false, ...of }),
  verdict: (message) => (message.type === 'vote-reply' ? message.granted : undefined),
  takeOver: (_from, term) => ({ type: 'timeout-now', term }),
  append: (_from, of) => appendOf(1, of),
  snapshot: (_from, term, snapshot) => chunkOf(1, term, snapshot, 0, snapshot.content.byteLength),
  change: (id) => encodeConfiguration(simpleConfiguration([1, 2, 3, id])),
  any,
};

import fc from 'fast-check';
import { type NodeId, type Snapshot, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent } from '../snapshotContent.ts';

/** Messages of an engine as somebody could make them who knows its encoding and sends what he likes. */
export interface Forgery<M> {
  /** An answer of `from`, to nothing in particular, that names `term`. */
  answer(from: NodeId, term: number): M;
  /** What gives a vote, or a pre-vote, to whoever asked with `request`, or refuses it; undefined for every other message. */
  grant(request: M, granted?: boolean): M | undefined;
  /** Asks for a vote or, of a server that has not taken `term`, a pre-vote. */
  ask(from: NodeId, of: ForgedRequest): M;
  /** Whether it gives a vote or a pre-vote; undefined for every other message. */
  verdict(message: M): boolean | undefined;
  /** The leader of `term` asks for an election at once. */
  takeOver(from: NodeId, term: number): M;
  append(from: NodeId, of: ForgedAppend): M;
  /** A whole snapshot in one message. */
  snapshot(from: NodeId, term: number, snapshot: Snapshot): M;
  /** Data of a membership entry that adds voter `id`, as far as an entry of this engine says no more. */
  change(id: NodeId): Uint8Array;
  /** Every kind of message, out of these parts. */
  any(from: NodeId, parts: Parts): fc.Arbitrary<M>;
}

export interface ForgedRequest {
  readonly term: number;
  readonly preVote: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

export interface ForgedAppend {
  readonly term: number;
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly commit: number;
  readonly entries: readonly Entry[];
}

/** What forged messages are made of. */
export interface Parts {
  readonly number: fc.Arbitrary<number>;
  readonly flag: fc.Arbitrary<boolean>;
  readonly append: fc.Arbitrary<ForgedAppend>;
  readonly snapshot: fc.Arbitrary<Snapshot>;
}

/** Mostly numbers that fit a young log, so that a sequence of messages gets somewhere; and those where something overflows. */
const number = fc.oneof(
  { weight: 12, arbitrary: fc.nat(9) },
  { weight: 1, arbitrary: fc.nat(53).map((bits) => Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)) },
  { weight: 1, arbitrary: fc.nat(3).map((below) => Number.MAX_SAFE_INTEGER - below) },
);

/** `datas`: bytes that mean something to the engine or the state machine. */
export function parts(datas: readonly Uint8Array[], snapshotDatas: readonly Uint8Array[]): Parts {
  const data = fc.oneof(fc.constantFrom(...datas), fc.uint8Array({ maxLength: 9 }));
  const type = fc.constantFrom(...Object.values(EntryType));
  const step = fc.record({ gap: rare(fc.integer({ min: -1, max: 2 }), 0), rise: rare(fc.nat(2), 0), type, data });
  const append = fc
    .record({
      term: number,
      prevIndex: number,
      prevTerm: fc.oneof(fc.nat(3), number),
      commit: number,
      steps: fc.array(step, { maxLength: 4 }),
    })
    .map(({ steps, ...request }): ForgedAppend => {
      let index = request.prevIndex;
      let term = request.prevTerm;
      const entries = steps.map((each) => {
        index += 1 + each.gap;
        term += each.rise;
        return new Entry(Math.max(0, index), term, each.type, each.data);
      });
      return { ...request, term: Math.max(request.term, Math.min(term, 9)), entries };
    });
  const ids = fc.oneof(
    { weight: 4, arbitrary: fc.constant([1, 2, 3]) },
    { weight: 1, arbitrary: fc.array(fc.nat(4), { maxLength: 4 }) },
  );
  const snapshot = fc.record({
    index: number,
    term: number,
    configuration: fc
      .record({ voters: ids, learners: rare(fc.array(fc.nat(5), { maxLength: 2 }), []) })
      .map(({ voters, learners }) => ({ ...simpleConfiguration([]), voters, learners })),
    content: fc.oneof(fc.constantFrom(...snapshotDatas), data).map((bytes) => new MemoryContent(bytes)),
  });
  return { number, flag: fc.boolean(), append, snapshot };
}

function rare<T>(arbitrary: fc.Arbitrary<T>, usual: T): fc.Arbitrary<T> {
  return fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary });
}

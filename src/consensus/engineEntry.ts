import type { EngineKind, NodeId } from './contract.ts';
import type { ChunkPlace } from './parts/snapshotChunks.ts';
import type { UnaryCalls } from './unaryCalls.ts';

/** What a message has to do with, whatever the engine: a leader's entries and heartbeats, or an election. */
export type MessageSubject = 'append' | 'append-response' | 'vote' | 'vote-response';

/** What a message promises to whom it is sent. */
export type Promised =
  /** A vote: the sender votes for nobody else in this term. */
  | { readonly kind: 'vote'; readonly term: number }
  /** An acknowledgement: the sender holds durably what the leader of this term holds, up to this index. */
  | { readonly kind: 'match'; readonly term: number; readonly index: number };

/** Reads an engine's messages in the order in which they are sent; undefined: no promise. */
export type PromiseReader = (from: NodeId, to: NodeId, message: unknown) => Promised | undefined;

/**
 * An engine, and what its hosts have to know of it beside the contract: which of the optional things it does, and what it says. The
 * `index.ts` of an engine's folder exports one as `engine`; with a line in `engines.ts` servers, clusters, bench and simulator have it.
 */
export interface EngineEntry {
  readonly kind: EngineKind<unknown>;
  /** Has learners (non-voters), and so the changes AddLearner and Demote. */
  readonly learners: boolean;
  /** A configuration counts from when it is committed, not from when it is in the log. */
  readonly changesWhenCommitted: boolean;
  /** Says `injectentries`: what a follower lacks goes to it in the place of a round. */
  readonly injects: boolean;
  /** The original's unary calls, where it speaks them too. */
  readonly unaryCalls?: UnaryCalls<unknown>;
  /** By the field `type` of its messages. */
  readonly subjects: ReadonlyMap<unknown, MessageSubject>;
  /** The `type` of the message by which a leader hands over (thesis §3.10). */
  readonly takeOverType: unknown;
  /** Where the chunk of a snapshot that a message is belongs; undefined for other messages. None: its snapshots go in one message. */
  readonly chunkPlace?: (message: unknown) => ChunkPlace | undefined;
  /** A reader of what its messages promise, for one run of the simulator. */
  readonly promises: () => PromiseReader;
}

export function subjects(
  types: Readonly<Record<MessageSubject, readonly unknown[]>>,
): ReadonlyMap<unknown, MessageSubject> {
  const found = new Map<unknown, MessageSubject>();
  for (const [subject, each] of Object.entries(types)) {
    for (const type of each) found.set(type, subject as MessageSubject);
  }
  return found;
}

/** The type of a message of any engine. */
export function messageType(message: unknown): unknown {
  return (message as { readonly type: unknown }).type;
}

/** How many entries a message of any engine carries. */
export function messageEntries(message: unknown): number {
  return (message as { readonly entries?: readonly unknown[] }).entries?.length ?? 0;
}

/** The acknowledgement of everything up to `index`; none where it is not known. */
export function match(term: number, index: number | undefined): Promised | undefined {
  return index === undefined ? undefined : { kind: 'match', term, index };
}

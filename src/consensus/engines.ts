import type { EngineKind } from './contract.ts';
import { etcdKind } from './etcd/index.ts';
import { MessageType } from './etcd/messages.ts';
import { gorumsKind } from './gorums/index.ts';
import { gorumsUnaryCalls } from './gorums/unaryCodec.ts';
import { hashicorpKind } from './hashicorp/index.ts';
import type { UnaryCalls } from './unaryCalls.ts';

/** What a message has to do with, whatever the engine: a leader's entries and heartbeats, or an election. */
export type MessageSubject = 'append' | 'append-response' | 'vote' | 'vote-response';

/** An engine, and what its hosts have to know of it beside the contract: which of the optional things it does, and what it says. */
export interface EngineEntry {
  readonly kind: EngineKind<unknown>;
  /** Has learners (non-voters), and so the changes AddLearner and Demote. */
  readonly learners: boolean;
  /** A configuration counts from when it is committed, not from when it is in the log. */
  readonly changesWhenCommitted: boolean;
  /** The original's unary calls, where it speaks them too. */
  readonly unaryCalls?: UnaryCalls<unknown>;
  /** By the field `type` of its messages. */
  readonly subjects: ReadonlyMap<unknown, MessageSubject>;
  /** The `type` of the message by which a leader hands over (thesis §3.10). */
  readonly takeOverType: unknown;
}

/** An engine joins the servers and the simulator by being named here; `wire/engineNames.ts` names it for everybody else. */
export const ENGINES: Readonly<Record<'gorums' | 'etcd' | 'hashicorp', EngineEntry>> = {
  gorums: {
    kind: gorumsKind,
    learners: false,
    changesWhenCommitted: false,
    unaryCalls: gorumsUnaryCalls,
    subjects: subjects({
      append: ['AppendEntries'],
      'append-response': ['AppendEntriesResponse'],
      vote: ['RequestVote'],
      'vote-response': ['RequestVoteResponse'],
    }),
    takeOverType: 'TimeoutNow',
  },
  etcd: {
    kind: etcdKind,
    learners: true,
    changesWhenCommitted: true,
    subjects: subjects({
      append: [MessageType.Append, MessageType.Heartbeat],
      'append-response': [MessageType.AppendResp, MessageType.HeartbeatResp],
      vote: [MessageType.Vote, MessageType.PreVote],
      'vote-response': [MessageType.VoteResp, MessageType.PreVoteResp],
    }),
    takeOverType: MessageType.TimeoutNow,
  },
  hashicorp: {
    kind: hashicorpKind,
    learners: true,
    changesWhenCommitted: false,
    subjects: subjects({
      append: ['append', 'heartbeat'],
      'append-response': ['append-reply', 'heartbeat-reply'],
      vote: ['vote'],
      'vote-response': ['vote-reply'],
    }),
    takeOverType: 'timeout-now',
  },
};

function subjects(types: Readonly<Record<MessageSubject, readonly unknown[]>>): ReadonlyMap<unknown, MessageSubject> {
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

import type { NodeId } from '../consensus/contract.ts';
import { type Message, MessageType } from '../consensus/etcd/messages.ts';
import type { GorumsMessage } from '../consensus/gorums/messages.ts';
import type { HashicorpMessage } from '../consensus/hashicorp/messages.ts';

/** What a message promises to whom it is sent. */
export type Promised =
  /** A vote: the sender votes for nobody else in this term. */
  | { readonly kind: 'vote'; readonly term: number }
  /** An acknowledgement: the sender holds durably what the leader of this term holds, up to this index. */
  | { readonly kind: 'match'; readonly term: number; readonly index: number };

/** Reads an engine's messages in the order in which they are sent; undefined: no promise. */
export type PromiseReader = (from: NodeId, to: NodeId, message: unknown) => Promised | undefined;

/** Its answers name a call, and say nothing else of what they acknowledge. */
export function gorumsPromises(): PromiseReader {
  /** By leader and follower: what the success of each call acknowledges, in the term that it was made in. */
  const ends = new Map<number, Map<number, Call>>();
  const callsOf = (leader: NodeId, follower: NodeId) => {
    const link = leader * SERVERS_MAX + follower;
    let calls = ends.get(link);
    if (calls === undefined) {
      calls = new Map<number, Call>();
      ends.set(link, calls);
    }
    return calls;
  };
  return (from, to, sent) => {
    const message = sent as GorumsMessage;
    switch (message.type) {
      case 'AppendEntries':
        callsOf(from, to).set(message.call, { term: message.term, end: message.prevLogIndex + message.entries.length });
        return undefined;
      case 'InstallSnapshot':
        callsOf(from, to).set(message.call, { term: message.term, end: message.lastIncludedIndex });
        return undefined;
      case 'RequestVote':
        if (!message.preVote) callsOf(from, to).set(message.call, { term: message.term, end: VOTE });
        return undefined;
      case 'RequestVoteResponse': {
        const isVote = message.granted && callsOf(to, from).get(message.call)?.end === VOTE;
        return isVote ? { kind: 'vote', term: message.term } : undefined;
      }
      case 'AppendEntriesResponse':
        if (!message.success) return undefined;
        return match(message.term, endOf(callsOf(to, from), message));
      case 'InstallSnapshotResponse':
        // There is no other answer to a leader of an earlier term, to whom the later term says that nothing was installed.
        return match(message.term, endOf(callsOf(to, from), message));
      default:
        return undefined;
    }
  };
}

export function etcdPromises(): PromiseReader {
  return (_from, _to, sent) => {
    const { type, term, index, reject } = sent as Message;
    if (reject) return undefined;
    if (type === MessageType.VoteResp) return { kind: 'vote', term };
    return type === MessageType.AppendResp ? match(term, index) : undefined;
  };
}

export function hashicorpPromises(): PromiseReader {
  return (_from, _to, sent) => {
    const message = sent as HashicorpMessage;
    switch (message.type) {
      case 'vote-reply':
        return message.granted && !message.preVote ? { kind: 'vote', term: message.term } : undefined;
      case 'append-reply':
        return message.ok ? match(message.term, message.index) : undefined;
      case 'snapshot-reply':
        return message.installed ? match(message.term, message.index) : undefined;
      default:
        return undefined;
    }
  };
}

interface Call {
  readonly term: number;
  readonly end: number;
}

function endOf(calls: ReadonlyMap<number, Call>, { call, term }: { call: number; term: number }): number | undefined {
  const made = calls.get(call);
  return made?.term === term ? made.end : undefined;
}

function match(term: number, index: number | undefined): Promised | undefined {
  return index === undefined ? undefined : { kind: 'match', term, index };
}

const SERVERS_MAX = 16;
/** Stands for the end of a call that asks for a vote. */
const VOTE = -1;

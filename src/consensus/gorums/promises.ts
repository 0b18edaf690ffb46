import type { NodeId } from '../contract.ts';
import { match, type PromiseReader } from '../engineEntry.ts';
import type { GorumsMessage } from './messages.ts';

interface Call {
  readonly term: number;
  readonly end: number;
}

const SERVERS_MAX = 16;
/** Stands for the end of a call that asks for a vote. */
const VOTE = -1;

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
      case 'SnapshotChunkResponse':
        return message.installed ? match(message.term, message.index) : undefined;
      default:
        return undefined;
    }
  };
}

function endOf(calls: ReadonlyMap<number, Call>, { call, term }: { call: number; term: number }): number | undefined {
  const made = calls.get(call);
  return made?.term === term ? made.end : undefined;
}

import { decodeConfChange, MalformedConfChangeError } from './confChange.ts';
import { isLocal, type Message, MessageType } from './messages.ts';

/** What the types of messages mean between servers. */

/** The other types are never sent by this engine: clients ask the leader, and so do reads and transfers. */
export function isForPeers(type: MessageType): boolean {
  switch (type) {
    case MessageType.Propose:
    case MessageType.ReadIndex:
    case MessageType.ReadIndexResp:
    case MessageType.TransferLeader:
      return false;
    default:
      return !isLocal(type);
  }
}

/** What follows from a message of the receiver's own. */
export function isAnswer(type: MessageType): boolean {
  switch (type) {
    case MessageType.AppendResp:
    case MessageType.HeartbeatResp:
    case MessageType.VoteResp:
    case MessageType.PreVoteResp:
      return true;
    default:
      return false;
  }
}

/** What says that its sender leads, and keeps its receiver from standing for election. */
export function isLeaders(type: MessageType): boolean {
  return type === MessageType.Append || type === MessageType.Heartbeat || type === MessageType.Snapshot;
}

/** Whether the term in a message is its sender's own: requests for votes, and votes given, may name one that nobody took yet. */
export function tellsTerm({ type, reject }: Message): boolean {
  if (type === MessageType.VoteResp || type === MessageType.PreVoteResp) return reject;
  return type !== MessageType.Vote && type !== MessageType.PreVote;
}

/** What is wrong with a membership entry; undefined where it can be read. */
export function changeFault(data: Uint8Array): string | undefined {
  try {
    decodeConfChange(data);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedConfChangeError) return error.message;
    throw error;
  }
}

import type { NodeId } from '../../consensus/contract.ts';
import { Message, MessageType } from '../../consensus/etcd/messages.ts';
import type { AppendEntries, GorumsMessage } from '../../consensus/gorums/messages.ts';
import type { AppendRequest, HashicorpMessage } from '../../consensus/hashicorp/messages.ts';
import type { Chunk } from '../../consensus/parts/snapshotChunks.ts';

/** What mutants need to know of an engine's messages. Each function answers undefined where the message is of another kind. */
export interface MessageTools {
  /** A vote, or the request of a candidate, which promises its own. */
  isVote(message: unknown): boolean;
  /** The message as another server would have sent it. */
  sentBy(message: unknown, id: NodeId): unknown;
  /** A reply that says that entries were taken. */
  isAppendAcknowledgement(message: unknown): boolean;
  /** The acknowledgement, of everything up to `index`; undefined also where an acknowledgement does not say how far it goes. */
  acknowledging(message: unknown, index: number): unknown;
  /** A vote request that claims the longest of logs. */
  withEndlessLog(message: unknown): unknown;
  /** The append request, claiming that the entry before it has the term that the receiver has there. */
  withMatchingPrevious(message: unknown, termAt: (index: number) => number | undefined): unknown;
  /** The append request, claiming that everything it carries is committed. */
  withAllCommitted(message: unknown): unknown;
  /** A chunk of a snapshot, claiming that it is of the one that chunk `of` is of. */
  asChunkOf(message: unknown, of: unknown): unknown;
}

const VOTES: ReadonlySet<string> = new Set(['RequestVote', 'RequestVoteResponse', 'vote', 'vote-reply']);

const gorums: MessageTools = {
  isVote: (message) => VOTES.has((message as GorumsMessage | HashicorpMessage).type),
  sentBy: (message) => message,
  isAppendAcknowledgement: (message) => {
    const reply = message as GorumsMessage;
    return reply.type === 'AppendEntriesResponse' && reply.success;
  },
  acknowledging: () => undefined,
  withEndlessLog: (message) => {
    const request = message as GorumsMessage;
    return request.type === 'RequestVote' ? { ...request, lastLogTerm: ENDLESS, lastLogIndex: ENDLESS } : undefined;
  },
  withMatchingPrevious: (message, termAt) => {
    const request = message as GorumsMessage;
    if (request.type !== 'AppendEntries') return undefined;
    const prevLogTerm = termAt(request.prevLogIndex) ?? request.prevLogTerm;
    return { ...request, prevLogTerm } satisfies AppendEntries;
  },
  withAllCommitted: (message) => {
    const request = message as GorumsMessage;
    if (request.type !== 'AppendEntries') return undefined;
    return { ...request, commitIndex: request.prevLogIndex + request.entries.length } satisfies AppendEntries;
  },
  asChunkOf: asChunk,
};

const hashicorp: MessageTools = {
  isVote: (message) => VOTES.has((message as GorumsMessage | HashicorpMessage).type),
  sentBy: (message) => message,
  isAppendAcknowledgement: (message) => {
    const reply = message as HashicorpMessage;
    return reply.type === 'append-reply' && reply.ok;
  },
  acknowledging: (message, index) => {
    const reply = message as HashicorpMessage;
    return reply.type === 'append-reply' && reply.ok ? { ...reply, index } : undefined;
  },
  withEndlessLog: (message) => {
    const request = message as HashicorpMessage;
    return request.type === 'vote' ? { ...request, lastTerm: ENDLESS, lastIndex: ENDLESS } : undefined;
  },
  withMatchingPrevious: (message, termAt) => {
    const request = message as HashicorpMessage;
    if (request.type !== 'append') return undefined;
    return { ...request, prevTerm: termAt(request.prevIndex) ?? request.prevTerm } satisfies AppendRequest;
  },
  withAllCommitted: (message) => {
    const request = message as HashicorpMessage;
    if (request.type !== 'append') return undefined;
    return { ...request, commit: request.prevIndex + request.entries.length } satisfies AppendRequest;
  },
  asChunkOf: asChunk,
};

const etcd: MessageTools = {
  isVote: (message) => {
    const { type } = message as Message;
    return type === MessageType.Vote || type === MessageType.VoteResp;
  },
  sentBy: (message, id) => changed(message as Message, { from: id }),
  isAppendAcknowledgement: (message) => {
    const { type, reject } = message as Message;
    return type === MessageType.AppendResp && !reject;
  },
  acknowledging: (message, index) => {
    const reply = message as Message;
    return reply.type === MessageType.AppendResp && !reply.reject ? changed(reply, { index }) : undefined;
  },
  withEndlessLog: (message) => {
    const request = message as Message;
    if (request.type !== MessageType.Vote && request.type !== MessageType.PreVote) return undefined;
    return changed(request, { index: ENDLESS, logTerm: ENDLESS });
  },
  withMatchingPrevious: (message, termAt) => {
    const request = message as Message;
    if (request.type !== MessageType.Append) return undefined;
    return changed(request, { logTerm: termAt(request.index) ?? request.logTerm });
  },
  withAllCommitted: (message) => {
    const request = message as Message;
    if (request.type !== MessageType.Append) return undefined;
    return changed(request, { commit: request.index + request.entries.length });
  },
  asChunkOf: (message, of) => {
    const { part, chunk } = message as Message;
    const { part: other, chunk: place } = of as Message;
    const data = part!.data;
    return changed(message as Message, {
      part: { ...other!, data },
      chunk: { ...chunk!, total: place!.total },
    });
  },
};

/** Of engines whose messages of chunks are chunks. */
function asChunk(message: unknown, of: unknown): unknown {
  const { index, snapshotTerm, configuration, total } = of as Chunk;
  return { ...(message as Chunk), index, snapshotTerm, configuration, total };
}

function changed(message: Message, changes: Partial<Message>): Message {
  return Object.assign(new Message(message.type, message.to), message, changes);
}

const ENDLESS = 1e9;

export const MESSAGE_TOOLS: Readonly<Record<string, MessageTools>> = { gorums, etcd, hashicorp };

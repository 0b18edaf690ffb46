import type { ByteReader } from '../../bytes/byteReader.ts';
import { type Configuration, type MessageCodec, simpleConfiguration } from '../contract.ts';
import { memberNumbers, readMembers } from '../membership/configurationCodec.ts';
import { ENTRIES, type Layouts, numberedCodec, snapshotRest } from '../parts/numberedCodec.ts';
import type { GorumsMessage } from './messages.ts';

/** The configuration, then the state machine's bytes; the unary service has the same in the `data` field of InstallSnapshot. */
export const SNAPSHOT_BODY = snapshotRest(
  ({ voters, learners }: Configuration) => memberNumbers(voters, learners),
  (reader: ByteReader) => simpleConfiguration(readMembers(reader), readMembers(reader)),
);

/** The calls are the stream's: what follows them is numbered from 1 in the unary service's protobuf messages. */
export const LAYOUTS: Layouts<GorumsMessage> = {
  RequestVote: {
    fields: ['call', 'candidate', 'term', 'lastLogIndex', 'lastLogTerm', ['preVote']],
    optional: [['transfer']],
  },
  RequestVoteResponse: { fields: ['call', 'term', ['granted']] },
  AppendEntries: {
    fields: ['call', 'leader', 'term', 'prevLogIndex', 'prevLogTerm', 'commitIndex'],
    rest: ENTRIES,
  },
  AppendEntriesResponse: { fields: ['call', 'term', 'matchIndex', ['success']], optional: ['promisedMs'] },
  InstallSnapshot: {
    fields: ['call', 'leader', 'term', 'lastIncludedIndex', 'lastIncludedTerm'],
    rest: SNAPSHOT_BODY,
  },
  InstallSnapshotResponse: { fields: ['call', 'term'] },
  CatchMeUp: { fields: ['call', 'follower', 'nextIndex'] },
  TimeoutNow: { fields: ['call', 'leader', 'term'] },
  SnapshotChunk: {
    fields: ['call', 'leader', 'term', 'index', 'snapshotTerm', 'offset', 'total'],
    rest: SNAPSHOT_BODY,
  },
  SnapshotChunkResponse: { fields: ['call', 'term', 'index', 'received', ['installed']] },
};

function mayOvertake(message: GorumsMessage): boolean {
  switch (message.type) {
    case 'RequestVote':
    case 'RequestVoteResponse':
    case 'AppendEntriesResponse':
      return true;
    case 'AppendEntries':
      return message.entries.length === 0;
    default:
      return false;
  }
}

/** The engine's messages on an ordered stream. */
export const gorumsCodec: MessageCodec<GorumsMessage> = numberedCodec(
  { engine: 'gorums', version: 1, firstKind: 1 },
  LAYOUTS,
  mayOvertake,
);

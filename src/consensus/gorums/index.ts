import type { EngineKind } from '../contract.ts';
import { type EngineEntry, subjects } from '../engineEntry.ts';
import { placeOf } from '../parts/snapshotChunks.ts';
import { gorumsCodec } from './codec.ts';
import { GorumsEngine } from './engine.ts';
import type { GorumsMessage, SnapshotChunk } from './messages.ts';
import { gorumsPromises } from './promises.ts';
import { gorumsUnaryCalls } from './unaryCodec.ts';

export const gorumsKind: EngineKind<GorumsMessage> = {
  name: 'gorums',
  create: (init) => new GorumsEngine(init),
  codec: gorumsCodec,
};

export const engine: EngineEntry = {
  kind: gorumsKind,
  learners: false,
  injects: true,
  changesWhenCommitted: false,
  unaryCalls: gorumsUnaryCalls,
  subjects: subjects({
    append: ['AppendEntries'],
    'append-response': ['AppendEntriesResponse'],
    vote: ['RequestVote'],
    'vote-response': ['RequestVoteResponse'],
  }),
  takeOverType: 'TimeoutNow',
  chunkPlace: (message) =>
    (message as GorumsMessage).type === 'SnapshotChunk' ? placeOf(message as SnapshotChunk) : undefined,
  promises: gorumsPromises,
};

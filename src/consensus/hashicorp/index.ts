import type { EngineKind } from '../contract.ts';
import { type EngineEntry, subjects } from '../engineEntry.ts';
import { placeOf } from '../parts/snapshotChunks.ts';
import { hashicorpCodec } from './codec.ts';
import { HashicorpEngine } from './engine.ts';
import type { HashicorpMessage, SnapshotChunk } from './messages.ts';
import { hashicorpPromises } from './promises.ts';

export type { HashicorpMessage } from './messages.ts';

/** The engine with the architecture of hashicorp/raft. */
export const hashicorpKind: EngineKind<HashicorpMessage> = {
  name: 'hashicorp',
  create: (init) => new HashicorpEngine(init),
  codec: hashicorpCodec,
};

export const engine: EngineEntry = {
  kind: hashicorpKind,
  learners: true,
  injects: false,
  changesWhenCommitted: false,
  subjects: subjects({
    append: ['append', 'heartbeat'],
    'append-response': ['append-reply', 'heartbeat-reply'],
    vote: ['vote'],
    'vote-response': ['vote-reply'],
  }),
  takeOverType: 'timeout-now',
  chunkPlace: (message) =>
    (message as HashicorpMessage).type === 'snapshot' ? placeOf(message as SnapshotChunk) : undefined,
  promises: hashicorpPromises,
};

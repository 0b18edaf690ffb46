import type { EngineKind } from '../contract.ts';
import { type EngineEntry, subjects } from '../engineEntry.ts';
import { placeOf } from '../parts/snapshotChunks.ts';
import { type EtcdMessage, etcdCodec } from './codec.ts';
import { EtcdEngine } from './engine.ts';
import { chunkIn, MessageType } from './messages.ts';
import { etcdPromises } from './promises.ts';

export const etcdKind: EngineKind<EtcdMessage> = {
  name: 'etcd',
  create: (init) => new EtcdEngine(init),
  codec: etcdCodec,
};

export const engine: EngineEntry = {
  kind: etcdKind,
  learners: true,
  injects: false,
  changesWhenCommitted: true,
  subjects: subjects({
    append: [MessageType.Append, MessageType.Heartbeat],
    'append-response': [MessageType.AppendResp, MessageType.HeartbeatResp],
    vote: [MessageType.Vote, MessageType.PreVote],
    'vote-response': [MessageType.VoteResp, MessageType.PreVoteResp],
  }),
  takeOverType: MessageType.TimeoutNow,
  chunkPlace: (message) =>
    (message as EtcdMessage).type === MessageType.SnapshotChunk ? placeOf(chunkIn(message as EtcdMessage)) : undefined,
  promises: etcdPromises,
};

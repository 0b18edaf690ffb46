import type { EngineKind } from '../contract.ts';
import { type EngineEntry, subjects } from '../engineEntry.ts';
import { type EtcdMessage, etcdCodec } from './codec.ts';
import { EtcdEngine } from './engine.ts';
import { MessageType } from './messages.ts';
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
  promises: etcdPromises,
};

import type { EngineKind } from '../contract.ts';
import { type EtcdMessage, etcdCodec } from './codec.ts';
import { EtcdEngine } from './engine.ts';

export const etcdKind: EngineKind<EtcdMessage> = {
  name: 'etcd',
  create: (init) => new EtcdEngine(init),
  codec: etcdCodec,
};

import type { EngineKind } from '../contract.ts';
import { hashicorpCodec } from './codec.ts';
import { HashicorpEngine } from './engine.ts';
import type { HashicorpMessage } from './messages.ts';

export type { HashicorpMessage } from './messages.ts';

/** The engine with the architecture of hashicorp/raft. */
export const hashicorpKind: EngineKind<HashicorpMessage> = {
  name: 'hashicorp',
  create: (init) => new HashicorpEngine(init),
  codec: hashicorpCodec,
};

import type { EngineKind } from '../contract.ts';
import { gorumsCodec } from './codec.ts';
import { GorumsEngine } from './engine.ts';
import type { GorumsMessage } from './messages.ts';

export const gorumsKind: EngineKind<GorumsMessage> = {
  name: 'gorums',
  create: (init) => new GorumsEngine(init),
  codec: gorumsCodec,
};

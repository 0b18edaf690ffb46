import type { EngineKind } from '../../contract.ts';
import { type EngineEntry, subjects } from '../../engineEntry.ts';
import { primerCodec } from './codec.ts';
import { PrimerEngine } from './engine.ts';
import type { PrimerMessage } from './messages.ts';
import { primerPromises } from './promises.ts';

export const primerKind: EngineKind<PrimerMessage> = {
  name: 'primer',
  create: (init) => new PrimerEngine(init),
  codec: primerCodec,
};

export const engine: EngineEntry = {
  kind: primerKind,
  learners: false,
  injects: false,
  changesWhenCommitted: false,
  subjects: subjects({
    append: ['append', 'heartbeat'],
    'append-response': ['append-reply', 'heartbeat-reply'],
    vote: ['vote'],
    'vote-response': ['vote-reply'],
  }),
  takeOverType: 'take-over',
  promises: primerPromises,
};

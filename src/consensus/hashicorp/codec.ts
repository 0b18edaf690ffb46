import type { MessageCodec } from '../contract.ts';
import { ENTRIES, type Layouts, numberedCodec, snapshotRest } from '../parts/numberedCodec.ts';
import { configurationNumbers, readConfiguration } from './membership.ts';
import type { HashicorpMessage } from './messages.ts';

const LAYOUTS: Layouts<HashicorpMessage> = {
  append: { fields: ['term', 'seq', 'prevIndex', 'prevTerm', 'commit'], rest: ENTRIES },
  'append-reply': { fields: ['term', 'seq', ['ok'], 'index'] },
  heartbeat: { fields: ['term', 'round'] },
  'heartbeat-reply': { fields: ['term', 'round', 'lastIndex', 'commit'], optional: ['promisedMs'] },
  vote: { fields: ['term', ['preVote', 'transfer'], 'lastIndex', 'lastTerm'] },
  'vote-reply': { fields: ['term', ['preVote', 'granted']] },
  'timeout-now': { fields: ['term'] },
  snapshot: {
    fields: ['term', 'seq', 'index', 'snapshotTerm', 'offset', 'total'],
    rest: snapshotRest(configurationNumbers, readConfiguration),
  },
  'snapshot-reply': { fields: ['term', 'seq', 'index', 'received', ['installed']] },
};

function mayOvertake({ type }: HashicorpMessage): boolean {
  switch (type) {
    case 'heartbeat':
    case 'heartbeat-reply':
    case 'vote':
    case 'vote-reply':
      return true;
    default:
      return false;
  }
}

export const hashicorpCodec: MessageCodec<HashicorpMessage> = numberedCodec(
  { engine: 'hashicorp', version: 1, firstKind: 0 },
  LAYOUTS,
  mayOvertake,
);

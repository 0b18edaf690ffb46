import { type DrivenReplica, drivenReplica } from '../server/host/testing/drivenReplica.ts';
import { MemoryDisk, MemoryPromisedArea } from '../server/storage/memoryDisk.ts';
import { FORGED_ENGINES } from './engines.ts';

const COUNTER = { inc: () => {} };

export interface OneServer {
  readonly server: DrivenReplica<unknown>;
  /** It has its turns, and its disk works, until nothing is left to do. */
  work(): void;
  /** What services have to know of it, beside its replica. */
  readonly facts: ReturnType<typeof factsOf>;
}

function factsOf(commandBytesMax: number, soon: (run: () => void) => void) {
  return {
    metrics: { writeRequests: COUNTER, readRequests: COUNTER, reads: COUNTER },
    commandBytesMax,
    sessions: new Set<never>(),
    door: { mayHold: () => true, connectionOf: () => undefined },
    nowUs: () => 0,
    leader: () => ({ id: 1, address: 'here' }),
    written: () => {},
    soon,
  };
}

/** The one server of a cluster, which leads it. */
export function oneServer(commandBytesMax: number, soon: (run: () => void) => void): OneServer {
  const disk = new MemoryDisk('by-step');
  const area = new MemoryPromisedArea('by-step');
  const server = drivenReplica(FORGED_ENGINES[0]!.entry.kind, { bootstrap: [1], disk, area });
  const work = () => {
    do server.run();
    while (disk.step() || area.step());
  };
  work();
  server.timeOut();
  work();
  return { server, work, facts: factsOf(commandBytesMax, soon) };
}

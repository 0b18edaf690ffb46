import { ENGINES, type EngineEntry, messageType } from '../consensus/engines.ts';
import { etcdPromises, gorumsPromises, hashicorpPromises, type PromiseReader } from './promises.ts';

/** What the simulator has to know of an engine beside what servers have. */
export interface SimulatedEngine extends EngineEntry {
  /** Whether a message is the one by which a leader hands over. */
  tellsToStand(message: unknown): boolean;
  /** A reader of what its messages promise, for one run. */
  promises(): PromiseReader;
}

function simulated(entry: EngineEntry, promises: () => PromiseReader): SimulatedEngine {
  return { ...entry, tellsToStand: (message) => messageType(message) === entry.takeOverType, promises };
}

/** Those that servers have. */
export const SIMULATED_ENGINES: Readonly<Record<string, SimulatedEngine>> = {
  gorums: simulated(ENGINES.gorums, gorumsPromises),
  etcd: simulated(ENGINES.etcd, etcdPromises),
  hashicorp: simulated(ENGINES.hashicorp, hashicorpPromises),
};

export class UnknownEngineError extends Error {
  override readonly name = 'UnknownEngineError';
  constructor(name: string) {
    super(
      `engine ${JSON.stringify(name)} is not in the simulator; expected ${Object.keys(SIMULATED_ENGINES).join(', ')}`,
    );
  }
}

export function simulatedEngine(name: string): SimulatedEngine {
  const engine = SIMULATED_ENGINES[name];
  if (engine === undefined) throw new UnknownEngineError(name);
  return engine;
}

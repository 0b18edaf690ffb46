import type { EngineEntry } from '../consensus/engineEntry.ts';
import { ENGINES, loadEngines } from '../consensus/engines.ts';

/** Those that servers have. */
export const SIMULATED_ENGINES: Readonly<Record<string, EngineEntry>> = await loadEngines(ENGINES);

export class UnknownEngineError extends Error {
  override readonly name = 'UnknownEngineError';
  constructor(name: string) {
    super(
      `engine ${JSON.stringify(name)} is not in the simulator; expected ${Object.keys(SIMULATED_ENGINES).join(', ')}`,
    );
  }
}

export function simulatedEngine(name: string): EngineEntry {
  const engine = SIMULATED_ENGINES[name];
  if (engine === undefined) throw new UnknownEngineError(name);
  return engine;
}

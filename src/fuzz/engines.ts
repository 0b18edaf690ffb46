import type { EngineEntry } from '../consensus/engineEntry.ts';
import { ENGINES, loadEngines } from '../consensus/engines.ts';
import type { Forgery } from '../consensus/testing/forgery.ts';

/** An engine, and who makes its messages as they please. */
export interface ForgedEngine {
  readonly name: string;
  readonly entry: EngineEntry;
  readonly forgery: Forgery<unknown>;
}

/** What an engine's folder has for it (CONTRIBUTING.md). */
async function forgeryOf(name: string): Promise<Forgery<unknown>> {
  const module = (await import(`../consensus/${name}/testing/forgery.ts`)) as Readonly<Record<string, unknown>>;
  return module[`${name}Forgery`] as Forgery<unknown>;
}

const entries = Object.entries(await loadEngines(ENGINES));

/** Those that servers have. */
export const FORGED_ENGINES: readonly ForgedEngine[] = await Promise.all(
  entries.map(async ([name, entry]) => ({ name, entry, forgery: await forgeryOf(name) })),
);

import type { EngineEntry } from './engineEntry.ts';

/** Engines by name, each loaded by whoever runs it: what only offers their names loads none. */
export type EngineRegistry = Readonly<Record<string, () => Promise<{ readonly engine: EngineEntry }>>>;

/** The engines, by the names that `-backend`, cluster files, statuses and servers' introductions use. A new one is a line here. */
export const ENGINES = {
  gorums: () => import('./gorums/index.ts'),
  etcd: () => import('./etcd/index.ts'),
  hashicorp: () => import('./hashicorp/index.ts'),
} satisfies EngineRegistry;

export type EngineName = keyof typeof ENGINES;
export const ENGINE_NAMES = Object.keys(ENGINES) as [EngineName, ...EngineName[]];

/** All engines of a registry by name, for what runs them side by side. */
export function loadEngines<N extends string>(
  registry: Readonly<Record<N, EngineRegistry[string]>>,
): Promise<Readonly<Record<N, EngineEntry>>> {
  const names = Object.keys(registry) as N[];
  const loading = names.map((name) => registry[name]().then(({ engine }) => [name, engine] as const));
  return Promise.all(loading).then((loaded) => Object.fromEntries(loaded) as Record<N, EngineEntry>);
}

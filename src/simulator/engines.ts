import type { EngineKind } from '../consensus/contract.ts';
import { etcdKind } from '../consensus/etcd/index.ts';
import { gorumsKind } from '../consensus/gorums/index.ts';
import { hashicorpKind } from '../consensus/hashicorp/index.ts';

/** What the simulator has to know of an engine: the engine, and which of the optional things it does. */
export interface SimulatedEngine {
  readonly kind: EngineKind<unknown>;
  /** Has learners (non-voters), and so the changes AddLearner and Demote. */
  readonly learners: boolean;
}

/** An engine joins the simulator by being named here. */
export const SIMULATED_ENGINES: Readonly<Record<string, SimulatedEngine>> = {
  gorums: { kind: gorumsKind, learners: false },
  etcd: { kind: etcdKind, learners: true },
  hashicorp: { kind: hashicorpKind, learners: true },
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

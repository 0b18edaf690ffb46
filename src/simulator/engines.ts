import type { EngineKind } from '../consensus/contract.ts';
import { etcdKind } from '../consensus/etcd/index.ts';
import { MessageType } from '../consensus/etcd/messages.ts';
import { gorumsKind } from '../consensus/gorums/index.ts';
import { hashicorpKind } from '../consensus/hashicorp/index.ts';
import { etcdPromises, gorumsPromises, hashicorpPromises, type PromiseReader } from './promises.ts';

/** What the simulator has to know of an engine: the engine, and which of the optional things it does. */
export interface SimulatedEngine {
  readonly kind: EngineKind<unknown>;
  /** Has learners (non-voters), and so the changes AddLearner and Demote. */
  readonly learners: boolean;
  /** A configuration counts from when it is committed, not from when it is in the log. */
  readonly changesWhenCommitted: boolean;
  /** Whether a message is the one by which a leader hands over (thesis §3.10). */
  tellsToStand(message: unknown): boolean;
  /** A reader of what its messages promise, for one run. */
  promises(): PromiseReader;
}

function isOfType(type: string | number) {
  return (message: unknown): boolean => (message as { readonly type: string | number }).type === type;
}

/** An engine joins the simulator by being named here. */
export const SIMULATED_ENGINES: Readonly<Record<string, SimulatedEngine>> = {
  gorums: {
    kind: gorumsKind,
    changesWhenCommitted: false,
    learners: false,
    tellsToStand: isOfType('TimeoutNow'),
    promises: gorumsPromises,
  },
  etcd: {
    kind: etcdKind,
    changesWhenCommitted: true,
    learners: true,
    tellsToStand: isOfType(MessageType.TimeoutNow),
    promises: etcdPromises,
  },
  hashicorp: {
    kind: hashicorpKind,
    changesWhenCommitted: false,
    learners: true,
    tellsToStand: isOfType('timeout-now'),
    promises: hashicorpPromises,
  },
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

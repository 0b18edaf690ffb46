import type { EngineKind } from '../consensus/contract.ts';
import { etcdKind } from '../consensus/etcd/index.ts';
import { gorumsKind } from '../consensus/gorums/index.ts';
import { hashicorpKind } from '../consensus/hashicorp/index.ts';

/** The engines by the name that `-backend` takes. Their message types differ, and only the engine itself looks inside. */
export const ENGINES = {
  gorums: gorumsKind as EngineKind<unknown>,
  etcd: etcdKind as EngineKind<unknown>,
  hashicorp: hashicorpKind as EngineKind<unknown>,
} as const;

export type Backend = keyof typeof ENGINES;

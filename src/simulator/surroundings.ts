import type { EngineEntry, PromiseReader } from '../consensus/engineEntry.ts';
import type { Census } from './census.ts';
import type { ChunkWatch } from './chunkWatch.ts';
import type { Judge } from './invariants/judge.ts';
import type { Mutation } from './mutation.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';
import type { VirtualNetwork } from './virtualNetwork.ts';

/** What every part of one world shares. */
export interface Surroundings {
  readonly plan: Plan;
  readonly engine: EngineEntry;
  readonly mutation: Mutation;
  readonly timeline: Timeline;
  /** Fork it; nobody draws from it. */
  readonly random: Random;
  readonly network: VirtualNetwork;
  readonly trace: Trace;
  readonly census: Census;
  readonly judge: Judge;
  readonly promises: PromiseReader;
  readonly chunks: ChunkWatch;
}

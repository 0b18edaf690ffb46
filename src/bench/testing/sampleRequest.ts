import type { BenchRequest } from '../plan/plan.ts';

/** What `rkv-bench` asks for where nothing is typed. */
export const SAMPLE_REQUEST: BenchRequest = {
  clients: [200],
  warmupMs: 2000,
  reads: [0],
  payloads: [16],
  keyspace: 10_000,
  zipfS: 1.1,
  zipfV: 4,
  seed: 1,
  rpc: 'stream',
  rounds: 1,
  roundsMax: 30,
};

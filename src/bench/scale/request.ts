import { type PlannedRun, planBench } from '../plan/plan.ts';
import type { ScaleSize } from './modes.ts';

/** Sessions that share the rate. */
const CLIENTS = 200;
/** A Zipf distribution whose offset is so far beyond the keys draws them all alike, to a thousandth. */
const UNIFORM = { zipfS: 1.01, zipfV: 1e9 };
const SEED = 1;
/** The plan's least; one round is all there is. */
const ROUNDS_MAX = 30;

/** As rkv-bench plans it; a closed loop where no rate is said. Throws PlanError. */
export function plannedScale(engine: string, size: ScaleSize, name: string, dataDirectory?: string): PlannedRun {
  const { keys, valueBytes, rate, timeMs, warmupMs, snapshotEntries } = size;
  const { runs } = planBench(
    {
      settings: new Map([
        ['backend', [engine]],
        ['snapshotentries', [String(snapshotEntries)]],
      ]),
      dataDirectory,
      clients: [CLIENTS],
      throughputs: rate === undefined ? undefined : [rate / CLIENTS],
      timeMs,
      warmupMs,
      reads: [0],
      payloads: [valueBytes],
      keyspace: keys,
      ...UNIFORM,
      seed: SEED,
      rpc: 'stream',
      rounds: 1,
      roundsMax: ROUNDS_MAX,
      name,
    },
    new Date(),
  );
  return runs[0]!;
}

import { Bench } from 'tinybench';
import type { Modules, Operation, Ready } from './operation.ts';

/** By then V8 has compiled what an engine's turn goes through, on a machine that is busy, too. */
const WARM_UP_MS = 500;
/** One sample lasts about so long, for the clock's own time not to count. */
const SAMPLE_MS = 0.2;
const TIMES_MAX = 1 << 20;

/** What a process found of an operation. */
export type Measured =
  /** ns of one, each a sample of many: the middle sample, and the one below which three quarters are. */
  | { readonly name: string; readonly nsP50: number; readonly nsP75: number }
  /** It could not be done. */
  | { readonly name: string; readonly why: string };

/** Measures one operation for about `timeMs`, once it has warmed up. Does not reject. */
export async function measure(operation: Operation, modules: Modules, timeMs: number): Promise<Measured> {
  const { name } = operation;
  try {
    const ready = await operation.make(modules);
    const times = timesOfSample(ready);
    const bench = new Bench({ time: timeMs, iterations: 10, warmupTime: 0, warmupIterations: 0 });
    bench.add(name, () => ready.run(times), { beforeEach: () => ready.prepare?.(times) });
    const [task] = await bench.run();
    if (task!.result!.error !== undefined) throw task!.result!.error;
    const samples = [...task!.result!.samples].sort((one, other) => one - other);
    const nsAt = (share: number) => (samples[Math.floor(share * (samples.length - 1))]! * 1e6) / times;
    return { name, nsP50: nsAt(0.5), nsP75: nsAt(0.75) };
  } catch (error) {
    return { name, why: error instanceof Error ? error.message : String(error) };
  }
}

/** Warms it up, and says how often it is done in a sample by then. */
function timesOfSample(ready: Ready): number {
  let times = 1;
  let spentMs = 0;
  while (spentMs < WARM_UP_MS) {
    ready.prepare?.(times);
    const startMs = performance.now();
    ready.run(times);
    const tookMs = Math.max(performance.now() - startMs, 1e-4);
    spentMs += tookMs;
    times = Math.max(1, Math.min(TIMES_MAX, Math.round((times * SAMPLE_MS) / tookMs), 2 * times));
  }
  return times;
}

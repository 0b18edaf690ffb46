import { Bench } from 'tinybench';
import type { Modules, Operation, Ready } from './operation.ts';

/** By then V8 has compiled what an engine's turn goes through, on a machine that is busy, too. */
const WARM_UP_MS = 500;
/** One sample lasts about so long, for the clock's own time not to count. */
const SAMPLE_MS = 0.2;
const TIMES_MAX = 1 << 20;

/** ns of an operation, each a sample of many: the middle sample, and the one below which three quarters are. */
export interface Slice {
  readonly nsP50: number;
  readonly nsP75: number;
}

/** An operation that is warm, whose time can be taken again and again. */
export class WarmOperation {
  private readonly ready: Ready;
  /** How often it is done in a sample. */
  private readonly times: number;

  private constructor(ready: Ready, times: number) {
    this.ready = ready;
    this.times = times;
  }

  /** Makes it, and does it until it is as quick as it gets. Rejects where it cannot be done. */
  static async of(operation: Operation, modules: Modules): Promise<WarmOperation> {
    const ready = await operation.make(modules);
    let times = 1;
    for (let spentMs = 0; spentMs < WARM_UP_MS; ) {
      ready.prepare?.(times);
      const startMs = performance.now();
      ready.run(times);
      const tookMs = Math.max(performance.now() - startMs, 1e-4);
      spentMs += tookMs;
      times = Math.max(1, Math.min(TIMES_MAX, Math.round((times * SAMPLE_MS) / tookMs), 2 * times));
    }
    return new WarmOperation(ready, times);
  }

  /** Takes its time for about `timeMs`. Rejects with what it throws. */
  async measure(timeMs: number): Promise<Slice> {
    const { ready, times } = this;
    const bench = new Bench({ time: timeMs, iterations: 10, warmupTime: 0, warmupIterations: 0 });
    bench.add('slice', () => ready.run(times), { beforeEach: () => ready.prepare?.(times) });
    const [task] = await bench.run();
    const { error, samples } = task!.result!;
    if (error !== undefined) throw error;
    const sorted = [...samples].sort((one, other) => one - other);
    const nsAt = (share: number) => (sorted[Math.floor(share * (sorted.length - 1))]! * 1e6) / times;
    return { nsP50: nsAt(0.5), nsP75: nsAt(0.75) };
  }
}

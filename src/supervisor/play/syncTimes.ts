import type { Spread } from '../../faults/spread.ts';
import { Distribution } from '../../scenarios/distribution.ts';

const NAME = 'raft_server_io_write';
const QUANTILES = ['0.5', '0.9', '0.99', '0.999'] as const;
const ANSWER_MS_MAX = 1000;

/** How long a server's synced writes took of late, by its metrics; undefined where it does not say. */
export async function syncTimes(metricsUrl: string): Promise<Spread | undefined> {
  try {
    const response = await fetch(metricsUrl, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    return syncTimesIn(await response.text());
  } catch {
    // Down, or without metrics.
    return undefined;
  }
}

export function syncTimesIn(metrics: string): Spread | undefined {
  const spread = QUANTILES.map((quantile) => {
    const [, seconds] = new RegExp(`^${NAME}\\{quantile="${quantile}"\\} (\\S+)$`, 'm').exec(metrics) ?? [];
    return Number(seconds ?? Number.NaN) * 1000;
  });
  return spread.every((ms) => ms > 0) ? (spread as unknown as Spread) : undefined;
}

/** Each share's median of several. */
export function medianSpread(spreads: readonly Spread[]): Spread | undefined {
  if (spreads.length === 0) return undefined;
  return [0, 1, 2, 3].map((i) => new Distribution(spreads.map((spread) => spread[i]!)).at(0.5)) as unknown as Spread;
}

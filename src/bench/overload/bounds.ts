import { median } from '../statistics/median.ts';

/** What overload may cost (each bound holds for the median of the repeats). */
export const KEPT_MIN = 0.8;
export const ACCEPTED_MS_MAX = 1000;
export const FAILOVER_RATIO_MAX = 1.2;

/** One repeat: the peak, and what was left of it under more than that. */
export interface OverloadFigures {
  readonly peakPerSecond: number;
  readonly offeredPerSecond: number;
  readonly keptPerSecond: number;
  /** From an accepted attempt to its answer, ms. */
  readonly acceptedP50Ms: number;
  readonly acceptedP99Ms: number;
  readonly termsLater: number;
}

export interface FailoverFigures {
  readonly quietMs: readonly number[];
  readonly busyMs: readonly number[];
}

/** Of the peak; where less than that was offered, of what was offered. */
export function keptPart({ peakPerSecond, offeredPerSecond, keptPerSecond }: OverloadFigures): number {
  return keptPerSecond / Math.min(peakPerSecond, offeredPerSecond);
}

/** Which bounds are not met, in words; none where all are. */
export function unmetBounds(repeats: readonly OverloadFigures[], failover: FailoverFigures): string[] {
  const unmet: string[] = [];
  const kept = median(repeats.map(keptPart));
  if (!(kept >= KEPT_MIN)) {
    unmet.push(`${percent(kept)} of what could be acknowledged was, at least ${percent(KEPT_MIN)} are asked for`);
  }
  const p50 = median(repeats.map(({ acceptedP50Ms }) => acceptedP50Ms));
  const p99 = median(repeats.map(({ acceptedP99Ms }) => acceptedP99Ms));
  for (const [name, ms] of [['p50', p50] as const, ['p99', p99] as const]) {
    if (!(ms < ACCEPTED_MS_MAX)) {
      unmet.push(
        `the ${name} of accepted requests is ${Math.round(ms)} ms, less than ${ACCEPTED_MS_MAX} are asked for`,
      );
    }
  }
  // No median: a leader that is lost once is lost.
  const terms = repeats.reduce((sum, { termsLater }) => sum + termsLater, 0);
  if (terms > 0) unmet.push(`a leader was lost: ${terms} terms later`);
  const { quietMs, busyMs } = failover;
  const ratio = median(busyMs) / median(quietMs);
  if (quietMs.length > 0 && !(ratio <= FAILOVER_RATIO_MAX)) {
    unmet.push(
      `a failover beside clients that retry takes ${percent(ratio)} of a quiet one, at most ${percent(FAILOVER_RATIO_MAX)} are asked for`,
    );
  }
  return unmet;
}

/**
 * Whose processor time the loss is, as parts of the peak: of the clients, which run on the same cores (what the peak loses beside a
 * process that burns as much as they do), and of the servers, which is the rest.
 */
export function lossOf(
  keptOfPeak: number,
  besideBurner: number,
): { readonly clients: number; readonly servers: number } {
  const loss = Math.max(0, 1 - keptOfPeak);
  const clients = Math.min(loss, Math.max(0, 1 - besideBurner));
  return { clients, servers: loss - clients };
}

export const percent = (part: number) => `${Math.round(part * 100)} %`;

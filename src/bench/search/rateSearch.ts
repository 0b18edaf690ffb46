/** A rate of requests in all, a second, that was measured, and whether the objective was met at it. */
export interface Probe {
  readonly perSecond: number;
  readonly isMet: boolean;
  /** Longer than the others: to confirm it. */
  readonly isConfirmation: boolean;
}

/** What a search does next, or what came of it. */
export type SearchStep =
  | { readonly kind: 'probe' | 'confirm'; readonly perSecond: number }
  /** The objective was met at `low`, in a longer run too, and not at `high`. */
  | { readonly kind: 'found'; readonly low: number; readonly high: number }
  /** Not even at the least rate that is tried. */
  | { readonly kind: 'none'; readonly high: number }
  /** It took more probes than it may. */
  | { readonly kind: 'unfinished'; readonly low: number | undefined; readonly high: number | undefined };

export interface RateSearch {
  /** Where to begin: half of what a closed loop makes of it. */
  readonly startPerSecond: number;
  /** How close the two ends are in the end, as a share. */
  readonly precision: number;
}

/** Between probes while one end of the bracket is missing. */
const STRIDE = 1.5;
/** Below a start by this factor nobody looks any more. */
const DEPTH = 64;
const PROBES_MAX = 40;
/** Digits of a rate. */
const DIGITS = 3;

/**
 * The next step of a search for the highest rate at which the objective is met: strides until it is met and missed, then halves of the
 * logarithm of what lies between, then a longer run at the highest rate that met it. Where that one misses, its rate is the new upper end. A pure function of
 * what was measured, so that a search that was interrupted goes on by what is there.
 */
export function nextStep({ startPerSecond, precision }: RateSearch, probes: readonly Probe[]): SearchStep {
  const missed = probes.filter(({ isMet }) => !isMet).map(({ perSecond }) => perSecond);
  const high = missed.length === 0 ? undefined : Math.min(...missed);
  // What is met above a rate that missed was luck, here or there: the lower one counts.
  const met = probes.filter(({ isMet, perSecond }) => isMet && (high === undefined || perSecond < high));
  const low = met.length === 0 ? undefined : Math.max(...met.map(({ perSecond }) => perSecond));
  if (high !== undefined && high <= startPerSecond / DEPTH) return { kind: 'none', high };
  if (probes.length >= PROBES_MAX) return { kind: 'unfinished', low, high };
  if (low === undefined) return probe(high === undefined ? startPerSecond : high / STRIDE);
  if (high === undefined) return probe(low * STRIDE);
  const between = rounded(Math.sqrt(low * high));
  if (high / low > 1 + precision && between > low && between < high) return { kind: 'probe', perSecond: between };
  const isConfirmed = met.some(({ perSecond, isConfirmation }) => isConfirmation && perSecond === low);
  return isConfirmed ? { kind: 'found', low, high } : { kind: 'confirm', perSecond: low };
}

function probe(perSecond: number): SearchStep {
  return { kind: 'probe', perSecond: rounded(perSecond) };
}

/** To as many digits as are told apart, so that a rate is the same whoever computes it. */
function rounded(perSecond: number): number {
  return Number(perSecond.toPrecision(DIGITS));
}

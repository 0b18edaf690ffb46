import { build, type Histogram } from 'hdr-histogram-js';

/** An hour in µs: what is more is recorded as that. */
const HIGHEST = 3_600_000_000;

/** Of whole µs, or of whatever else is counted, exact to two digits. */
export function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: HIGHEST, numberOfSignificantValueDigits: 2 });
}

/** To the nearest whole number that the histogram has. */
export function recordIn(histogram: Histogram, value: number): void {
  histogram.recordValue(Math.max(0, Math.min(Math.round(value), HIGHEST)));
}

import type { Histogram } from 'hdr-histogram-js';
// The package as a whole brings number formats, zlib and WebAssembly along, which take a sixth of a server's start.
import { constructorFromBucketSize } from 'hdr-histogram-js/dist/JsHistogramFactory.js';

const Histogram32 = constructorFromBucketSize(32);

/** An hour in µs: what is more is recorded as that. */
const HIGHEST = 3_600_000_000;

/** Of whole µs, or of whatever else is counted, exact to two digits. */
export function newHistogram(): Histogram {
  return new Histogram32(1, HIGHEST, 2);
}

/** To the nearest whole number that the histogram has. */
export function recordIn(histogram: Histogram, value: number): void {
  histogram.recordValue(Math.max(0, Math.min(Math.round(value), HIGHEST)));
}

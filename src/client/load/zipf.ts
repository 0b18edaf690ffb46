/** Parameters outside of what the distribution is defined for. */
export class ZipfParameterError extends RangeError {
  override readonly name = 'ZipfParameterError';
}

export interface ZipfParameters {
  /** Exponent, above 0 and other than 1. */
  readonly s: number;
  /** Offset, at least 1: the larger, the flatter the head. */
  readonly v: number;
  /** Largest number drawn. */
  readonly max: number;
}

/**
 * Draws k from 0 … max with a probability proportional to (v + k)^-s, for s above 1 the distribution of Go's `rand.Zipf`. Throws
 * ZipfParameterError.
 */
export function zipf({ s, v, max }: ZipfParameters, random: () => number): () => number {
  const draw = zipfUpTo({ s, v }, random);
  checkMax(max);
  return () => draw(max);
}

/**
 * The same with a largest number that may be another each time: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from
 * monotone discrete distributions" (1996). The area under the hat, an integrable curve above the probabilities, is inverted; a draw that
 * falls between the two is drawn again, which is rare. Throws ZipfParameterError.
 */
export function zipfUpTo({ s, v }: Omit<ZipfParameters, 'max'>, random: () => number): (max: number) => number {
  if (!(s > 0) || s === 1) throw new ZipfParameterError(`zipf exponent s is ${s}, expected above 0 and other than 1`);
  if (!(v >= 1)) throw new ZipfParameterError(`zipf offset v is ${v}, expected at least 1`);
  const slope = 1 - s;
  /** Integral of the hat up to x, but for a constant. */
  const hat = (x: number) => (v + x) ** slope / slope;
  const inverseHat = (area: number) => (slope * area) ** (1 / slope) - v;
  const weight = (k: number) => (v + k) ** -s;
  const low = hat(0.5) - weight(0);
  /** Draws that end this close above their number are surely below the probabilities. */
  const sure = 1 - inverseHat(hat(1.5) - weight(1));
  let ofMax = -1;
  let high = 0;
  return (max) => {
    if (max !== ofMax) {
      ofMax = max;
      high = hat(max + 0.5);
    }
    for (;;) {
      const area = high + random() * (low - high);
      const x = inverseHat(area);
      const k = Math.floor(x + 0.5);
      if (k - x <= sure || area >= hat(k + 0.5) - weight(k)) return k;
    }
  };
}

function checkMax(max: number): void {
  if (!Number.isSafeInteger(max) || max < 0) throw new ZipfParameterError(`largest zipf number is ${max}`);
}

/** Of bins with fewer draws than this expected Pearson's statistic says little: they are taken together. */
const EXPECTED_MIN = 20;

/** Pearson's statistic of numbers that are drawn so often, beside the probability of each; its mean is `bins` - 1, its variance twice that. */
export function chiSquareOf(
  probabilities: readonly number[],
  draws: number,
  draw: () => number,
): { readonly chiSquare: number; readonly bins: number } {
  const counts = new Float64Array(probabilities.length);
  for (let i = 0; i < draws; i++) counts[draw()]!++;
  let chiSquare = 0;
  let bins = 0;
  let [restCount, restExpected] = [0, 0];
  for (const [number, probability] of probabilities.entries()) {
    const expected = probability * draws;
    if (expected < EXPECTED_MIN) {
      restCount += counts[number]!;
      restExpected += expected;
    } else {
      chiSquare += (counts[number]! - expected) ** 2 / expected;
      bins++;
    }
  }
  if (restExpected > 0) {
    chiSquare += (restCount - restExpected) ** 2 / restExpected;
    bins++;
  }
  return { chiSquare, bins };
}

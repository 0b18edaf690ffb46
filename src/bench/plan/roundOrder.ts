/**
 * The order in which `count` configurations are measured in a round, counted from 0: over the rounds each is in every place as often, and directly
 * after every other as often, so that neither the machine's drift nor what the one before left behind favours any. The rows of
 * Williams' square (Australian Journal of Scientific Research A2, 1949): for an odd count its mirror image follows it.
 */
export function roundOrder(count: number, round: number): number[] {
  const first: number[] = [];
  for (let low = 0, high = count - 1; low <= high; ) {
    first.push(low++);
    if (low <= high) first.push(high--);
  }
  const row = round % (count % 2 === 0 ? count : 2 * count);
  const order = first.map((each) => (each + row) % count);
  return row < count ? order : order.reverse();
}

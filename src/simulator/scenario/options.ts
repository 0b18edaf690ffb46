import { InvalidArgumentError } from 'commander';
import type { Spread } from '../../faults/spread.ts';

/** `0.6,1.2,4,15`: p50, p90, p99 and p99.9, or one number for all of them. */
export function parseSpread(text: string): Spread {
  const numbers = text.split(',').map(Number);
  const spread = numbers.length === 1 ? Array.from({ length: 4 }, () => numbers[0]!) : numbers;
  const isAscending = spread.every((ms, i) => ms >= 0 && ms < 1e6 && ms >= (spread[i - 1] ?? 0));
  if (spread.length !== 4 || !isAscending) {
    throw new InvalidArgumentError('expected p50, p90, p99 and p99.9 in ms such as 0.6,1.2,4,15, or one number');
  }
  return spread as unknown as Spread;
}

import { isPrecise, type Precision } from '../compare/precision.ts';

/** How well the figures are known that `asked` was asked of, as a share. */
export function renderPrecision(precision: Precision, asked: number): string {
  const { rounds, share, roundsNeeded } = precision;
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
  if (share === undefined) return `After ${rounds} rounds it is not known how far the runs lie apart.`;
  const known = `After ${rounds} rounds the throughput is known to ± ${percent(share)}`;
  if (isPrecise(precision, asked)) return `${known}.`;
  return `${known}; ± ${percent(asked)} would have taken about ${roundsNeeded}.`;
}

import { Distribution } from './distribution.ts';
import type { Measurements } from './measure.ts';
import { TIMES } from './measurementNames.ts';
import { seconds } from './timeline.ts';

/** Of one play, a line each. */
export function renderMeasurements(measured: Measurements): string[] {
  const times = TIMES.flatMap(({ key, title }) => {
    const ms = measured[key];
    return ms === null ? [] : [`${title.padEnd(18)} ${seconds(ms)} s`];
  });
  const { terms, givenUp, roleAtEnd } = measured;
  return [
    ...times,
    `${'terms'.padEnd(18)} ${terms}`,
    ...(givenUp === 0 ? [] : [`${'given up'.padEnd(18)} ${givenUp} writes`]),
    ...(roleAtEnd === null ? [] : [`${'the one hit'.padEnd(18)} ${roleAtEnd} in the end`]),
  ];
}

/** The head of `distributionRows`. */
export const DISTRIBUTION_HEAD = ['s', 'plays', 'min', 'p5', 'p50', 'p95', 'p99', 'max'];
export const DISTRIBUTION_ALIGNS = ['left', ...DISTRIBUTION_HEAD.slice(1).map(() => 'right' as const)] as const;

/** Of many plays: a row for each time that was measured in any of them. */
export function distributionRows(measured: readonly Measurements[]): string[][] {
  return TIMES.flatMap(({ key, title }) => {
    const found = new Distribution(measured.flatMap((each) => each[key] ?? []));
    if (found.count === 0) return [];
    const cells = [found.min, found.at(0.05), found.at(0.5), found.at(0.95), found.at(0.99), found.max];
    return [[title, String(found.count), ...cells.map(seconds)]];
  });
}

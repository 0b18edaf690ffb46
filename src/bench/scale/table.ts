import { type TableStyle, tableIn } from '../../cli/table.ts';
import { formatCount, leftThenRight } from '../render/format.ts';
import type { ScaleFigures } from './figures.ts';
import { rounded } from './modes.ts';

/** One engine's run. */
export interface EngineFigures {
  readonly engine: string;
  readonly figures: ScaleFigures;
}

const HEAD = [
  'engine',
  'inserts/s',
  'left out',
  'p99 ms',
  'without a snapshot',
  'with one',
  'snapshots',
  'installed',
  'pauses ms',
  'own',
  'leaders',
  'memory MB',
  'data MB',
  'back after s',
];

/** A row an engine; of what servers differ in, a figure for each in the order of their ids. */
export function renderScale(runs: readonly EngineFigures[], style: TableStyle): string {
  const rows = runs.map(({ engine, figures }) => {
    const { servers, snapshots, returns } = figures;
    const each = (of: (server: (typeof servers)[number]) => number) =>
      servers.map((server) => rounded(of(server))).join(' ');
    const count = (kind: 'taken' | 'installed') => String(snapshots.filter((span) => span.kind === kind).length);
    return [
      engine,
      formatCount(Math.round(figures.perSecond)),
      formatCount(figures.dropped + figures.failed),
      ms(figures.p99Ms),
      ms(figures.p99MsWithout),
      ms(figures.p99MsWith),
      count('taken'),
      count('installed'),
      each(({ pauseMsMax }) => pauseMsMax),
      each(({ ownPauseMsMax }) => ownPauseMsMax),
      formatCount(figures.leaderChanges),
      each(({ residentBytesMax }) => residentBytesMax / 1e6),
      each(({ folderBytesMax }) => folderBytesMax / 1e6),
      returns.map(({ fromMs, untilMs }) => rounded((untilMs - fromMs) / 1000)).join(' ') || '-',
    ];
  });
  return tableIn(style, HEAD, rows, leftThenRight(1, HEAD.length - 1));
}

function ms(value: number | null): string {
  return value === null ? '-' : rounded(value);
}

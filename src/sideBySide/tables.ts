import { Distribution } from '../scenarios/distribution.ts';
import type { Measurements } from '../scenarios/measure.ts';
import { TIMES, type TimeKey } from '../scenarios/measurementNames.ts';
import { type Comparison, compare, type Pair } from './comparison.ts';

const s = (ms: number) => (ms / 1000).toFixed(2);

/** What real clusters did: `median (most)` of the plays, seconds. */
export function happenedTable(pairs: readonly Pair[]): string {
  const head = [
    'scenario',
    'engine',
    'clients waited, s',
    'another led after, s',
    'terms',
    'the one that was hit, in the end',
    'back after, s',
  ];
  const rows = pairs.map(({ scenario, engine, real }) => {
    const terms = real.map((play) => play.terms);
    const roles = [...new Set(real.flatMap(({ roleAtEnd }) => roleAtEnd ?? []))].sort();
    const led = real.filter(({ successorMs }) => successorMs !== null).length;
    const others = led > 0 && led < real.length ? `, ${led} of ${real.length}` : '';
    return [
      scenario,
      engine,
      spread(real, 'waitMs'),
      led === 0 ? 'nobody' : `${spread(real, 'successorMs')}${others}`,
      Math.min(...terms) === Math.max(...terms) ? String(terms[0]) : `${Math.min(...terms)} – ${Math.max(...terms)}`,
      roles.join(', ') || '–',
      spread(real, 'catchUpMs'),
    ];
  });
  return markdown(head, rows);
}

function spread(plays: readonly Measurements[], key: TimeKey): string {
  const found = new Distribution(plays.flatMap((play) => play[key] ?? []));
  return found.count === 0 ? '–' : `${s(found.at(0.5))} (${s(found.max)})`;
}

/** Those that say the same as another one, or little, stand in no column. */
const COLUMNS: readonly TimeKey[] = ['firstWriteMs', 'gapMs', 'leaderlessMs', 'successorMs', 'catchUpMs', 'operatorMs'];

/** Real and simulated: medians, and from the least to the most; then how many of the real ones lie within. */
export function sideBySideTable(pairs: readonly Pair[]): string {
  const titles = COLUMNS.map((key) => TIMES.find((time) => time.key === key)!.title);
  const rows = pairs.map((pair) => {
    const found = COLUMNS.map((key) => compare(pair, key));
    const [within, all] = found.reduce(
      ([sum, count], one) => [sum + (one?.within ?? 0), count + (one?.real.count ?? 0)] as const,
      [0, 0] as readonly [number, number],
    );
    return [pair.scenario, pair.engine, ...found.map(cell), `${within} of ${all}`];
  });
  return markdown(['scenario', 'engine', ...titles.map((title) => `${title}, s`), 'within'], rows);
}

function cell(found: Comparison | undefined): string {
  if (found === undefined) return '–';
  const { real, simulated, within } = found;
  const range = (one: Distribution) =>
    one.count === 0 ? 'never' : `${s(one.at(0.5))} (${s(one.min)} – ${s(one.max)})`;
  const mark = within === real.count ? '' : ` **${real.count - within} outside**`;
  return `${range(real)} / ${range(simulated)}${mark}`;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

import { eachOf, pairedRatio, type RatioInterval } from '../bench/statistics/intervals.ts';
import { median } from '../bench/statistics/median.ts';
import { type TableStyle, tableIn } from '../cli/table.ts';
import type { Found, Samples } from './rounds.ts';

const CONFIDENCE = 0.95;
/** Of an interval that is wider nobody wants to know its ends. */
const RATIOS_MAX = 10;

/** ns of an operation: the median of the rounds' medians, and the least and the greatest of them. */
export interface Figures {
  readonly ns: number;
  readonly nsMin: number;
  readonly nsMax: number;
  /** Within rounds: the median of what three quarters of the samples stay below. */
  readonly nsP75: number;
}

export interface Result {
  readonly name: string;
  /** Undefined where it could not be measured; `why` says so. */
  readonly here: Figures | undefined;
  /** Of the other commit; undefined where there is none, or it could not be measured there. */
  readonly there: Figures | undefined;
  /** here / there. */
  readonly ratio: RatioInterval | undefined;
  readonly why: string | undefined;
}

/** Their intervals hold together with CONFIDENCE. */
export function resultsOf(found: readonly Found[]): Result[] {
  const confidence = eachOf(found.length, CONFIDENCE);
  return found.map((each) => resultOf(each, confidence));
}

function resultOf({ name, here, there }: Found, confidence: number): Result {
  const [ours, theirs] = [figuresOf(here), there === undefined ? undefined : figuresOf(there)];
  return {
    name,
    here: ours,
    there: theirs,
    ratio: ours && theirs && pairedRatio(there!.nsP50, here.nsP50, confidence),
    why: here.why ?? there?.why,
  };
}

function figuresOf({ nsP50, nsP75, why }: Samples): Figures | undefined {
  if (why !== undefined || nsP50.length === 0) return undefined;
  return { ns: median(nsP50), nsMin: Math.min(...nsP50), nsMax: Math.max(...nsP50), nsP75: median(nsP75) };
}

/** One side's figures, or two beside each other. */
export function renderResults(results: readonly Result[], isComparison: boolean, style: TableStyle): string {
  const table = isComparison ? comparisonTable(results, style) : plainTable(results, style);
  return [table, ...missing(results)].join('\n');
}

/** A line for each reason. */
function missing(results: readonly Result[]): string[] {
  const namesByWhy = new Map<string, string[]>();
  for (const { name, here, why } of results) {
    if (why === undefined) continue;
    const line = `Not measured${here === undefined ? '' : ' there'}, for ${why}`;
    namesByWhy.set(line, [...(namesByWhy.get(line) ?? []), name]);
  }
  return [...namesByWhy].map(([line, names]) => `${line}: ${names.join('; ')}`);
}

function plainTable(results: readonly Result[], style: TableStyle): string {
  const rows = results.flatMap(({ name, here }) =>
    here === undefined ? [] : [[name, ns(here.ns), spread(here), ns(here.nsP75)]],
  );
  return tableIn(style, ['operation', 'ns', 'rounds', 'p75'], rows, ['left', 'right', 'right', 'right']);
}

function comparisonTable(results: readonly Result[], style: TableStyle): string {
  const rows = results.flatMap(({ name, here, there, ratio }) => {
    if (here === undefined || there === undefined) return [];
    return [
      [
        name,
        ns(there.ns),
        ns(here.ns),
        ratio === undefined ? '-' : `× ${ratio.ratio.toFixed(3)}`,
        interval(ratio),
        verdict(ratio),
      ],
    ];
  });
  return tableIn(style, ['operation', 'ns there', 'ns here', 'ratio', 'interval', 'verdict'], rows, [
    'left',
    'right',
    'right',
    'right',
    'right',
    'left',
  ]);
}

function interval(ratio: RatioInterval | undefined): string {
  if (ratio === undefined) return '-';
  if (ratio.high / ratio.low > RATIOS_MAX) return `wider than × ${RATIOS_MAX}`;
  return `${ratio.low.toFixed(3)} – ${ratio.high.toFixed(3)}`;
}

function verdict(ratio: RatioInterval | undefined): string {
  if (ratio === undefined) return 'one round says nothing';
  if (ratio.high < 1) return 'faster';
  return ratio.low > 1 ? 'slower' : 'undecided';
}

function spread({ nsMin, nsMax }: Figures): string {
  return `${ns(nsMin)} – ${ns(nsMax)}`;
}

function ns(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 });
}

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { histogramLog, readHistogramLog } from '../../bench/results/histogramLog.ts';
import type { RepeatHistograms } from '../../bench/results/repeatHistograms.ts';
import { parseRun, ResultsError } from '../../bench/results/store.ts';
import {
  sampleHistograms,
  sampleIncident,
  sampleRecovery,
  sampleRepeat,
  sampleRun,
  sampleTimeline,
} from '../../bench/testing/sampleRun.ts';
import { damagedText } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

const WORDS = [
  ...['{', '}', '[', ']', ',', ':', '"', '\\', 'null', 'true', '0', '-1', '1.5', '1e999', '"__proto__":', '\\ud800'],
  ...['"schemaVersion": 1,', '"schemaVersion": 3,', '9007199254740993', '"', '{}', '[]', '""'],
];

const recovered = sampleRepeat([100, 200, 300], {
  timeline: sampleTimeline(3),
  recovery: sampleRecovery(),
  incidents: [sampleIncident('election', 'term 2')],
});
const RUNS = [
  sampleRun('first', [100, 200, 300]),
  sampleRun('second', [100], { repeats: [recovered], series: { id: 's' }, disk: null, git: null }),
];
/** One value a line, so that what is drawn out, or put in, is often a value. */
const runText = fc.constantFrom(...RUNS.map((run) => JSON.stringify(run, null, 1)));

const anyValue = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, '', 'x', [], {}, [null], { x: 1 }),
  fc.jsonValue({ maxDepth: 1 }),
);

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

/** The run with another value at `path`; without any where that is undefined. */
function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...(value as object) };
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

const otherValues = fc.constantFrom(...RUNS).chain((run) => {
  const change = fc.tuple(fc.constantFrom(...pathsOf(run)), fc.oneof(anyValue, fc.constant(undefined)));
  return fc.array(change, { minLength: 1, maxLength: 3 }).map(
    (changes) =>
      JSON.stringify(
        changes.reduce<unknown>((whole, [path, by]) => {
          // What stood there may be gone.
          const isThere = pathsOf(whole).some((each) => isDeepStrictEqual(each, path));
          return isThere ? replaced(whole, path, by) : whole;
        }, run),
      ) ?? 'null',
  );
});

const RESULTS: FuzzTarget<string> = {
  name: 'results',
  takes: "a run's results, run.json",
  inputs: fc.oneof({ weight: 1, arbitrary: damagedText(runText, WORDS) }, { weight: 1, arbitrary: otherValues }),
  check(text) {
    const run = taken(() => parseRun(text, 'run.json'), ResultsError)?.value;
    if (run === undefined) return false;
    demand(
      isDeepStrictEqual(parseRun(JSON.stringify(run), 'run.json'), run),
      'a run is what it was once it is written again',
    );
    return true;
  },
};

const repeats = (count: number): RepeatHistograms[] =>
  Array.from({ length: count }, (_, at) => sampleHistograms([100 + at, 2_000, 30_000], 1000 * at));
const logText = fc.constantFrom(histogramLog(repeats(1), 'writes'), histogramLog(repeats(3), 'reads'));

const HISTOGRAMS: FuzzTarget<string> = {
  name: 'histogram-logs',
  takes: "a run's histograms",
  inputs: damagedText(logText, [...WORDS, '\n', '#', 'HISTF', 'AAAA', 'Tag=x,', '0.000,', '/', '+', '=']),
  check(text) {
    const histograms = taken(() => readHistogramLog(text), Error)?.value;
    if (histograms === undefined) return false;
    for (const histogram of histograms) {
      demand(Number.isFinite(histogram.getValueAtPercentile(99)), 'a histogram has its values');
    }
    return histograms.length > 0;
  },
};

export const RESULTS_READ = [RESULTS, HISTOGRAMS] as const;

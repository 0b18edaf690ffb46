import { type Histogram, HistogramLogReader, HistogramLogWriter } from 'hdr-histogram-js';
import type { RepeatHistograms } from './repeatHistograms.ts';

/** The log shows an interval's maximum in ms; the histograms hold µs. */
const US_PER_SHOWN_UNIT = 1000;

/** An HdrHistogram log, one interval a repeat, tagged `repeat-1`, `repeat-2`, … where there is more than one. */
export function histogramLog(repeats: readonly RepeatHistograms[], kind: 'writes' | 'reads' | 'service'): string {
  let text = '';
  const log = new HistogramLogWriter((part) => {
    text += part;
  });
  const firstMs = repeats[0]?.startedAtMs ?? 0;
  log.outputComment(`[rkv-bench: latency of ${kind}; values in us, Interval_Max in ms]`);
  log.outputLogFormatVersion();
  log.outputComment(
    `[StartTime: ${(firstMs / 1000).toFixed(3)} (seconds since epoch), ${new Date(firstMs).toISOString()}]`,
  );
  log.outputLegend();
  repeats.forEach((repeat, at) => {
    const histogram = repeat[kind];
    if (histogram === undefined) return;
    if (repeats.length > 1) histogram.tag = `repeat-${at + 1}`;
    const startSeconds = (repeat.startedAtMs - firstMs) / 1000;
    log.outputIntervalHistogram(histogram, startSeconds, startSeconds + repeat.windowMs / 1000, US_PER_SHOWN_UNIT);
  });
  return text;
}

/** The histograms of a log that `histogramLog` wrote, in order. Throws where one is there that cannot be read, and says which. */
export function readHistogramLog(text: string): Histogram[] {
  const reader = new HistogramLogReader(text, 64);
  const histograms: Histogram[] = [];
  for (;;) {
    let next: Histogram | null;
    try {
      next = reader.nextIntervalHistogram();
    } catch (cause) {
      // The library says what it stumbled over, which is nothing of the file's.
      throw new Error(`interval ${histograms.length + 1} is not one of a histogram log: it is damaged`, { cause });
    }
    if (next === null) return histograms;
    histograms.push(next);
  }
}

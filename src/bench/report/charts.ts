import type { EChartsCoreOption } from 'echarts/core';
import { printable } from '../../cli/printable.ts';
import { formatCount, formatUsAsMs } from '../render/format.ts';
import { incidentMarks } from './incidentMarks.ts';
import { FAINT, INK, seriesColor, seriesDash } from './palette.ts';
import type { ReportRun } from './reportRun.ts';
import { axisStyle, chartSvg } from './svg.ts';

/** A picture of the report, and what it says in words. */
export interface Chart {
  /** Of its file, without the ending. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly svg: string;
}

export const CHART_WIDTH = 900;
/** Of a second, where what was counted in it is drawn. */
const MIDDLE = 0.5;
const NAME_LENGTH_MAX = 60;
const WHISKER_OF_LONGEST_BAR_MAX = 1.25;
/** Of curves in one chart: more cannot be told apart. */
const CURVES_MAX = 16;

/** The charts that these runs carry, in the order in which they are read. */
export function chartsOf(runs: readonly ReportRun[]): Chart[] {
  const right = runs.filter(({ throughput }) => throughput !== undefined);
  if (right.length === 0) return [];
  const shown = right.slice(0, CURVES_MAX);
  const rest = right.length > shown.length ? ` The first ${shown.length} of ${right.length}.` : '';
  return [
    throughputChart(right),
    ...(['insert', 'lookup'] as const).flatMap((operation) => percentileChart(shown, operation, rest) ?? []),
    ...(shown.some(({ seconds }) => seconds.length > 1) ? [timelineChart(shown, rest), secondsChart(shown, rest)] : []),
    ...(latencyAgainstThroughput(right) ?? []),
  ];
}

function nameOf({ record }: ReportRun): string {
  return printable(record.name, NAME_LENGTH_MAX);
}

/** A bar a configuration, with the interval of its mean. */
function throughputChart(runs: readonly ReportRun[]): Chart {
  // An axis of categories begins at the bottom.
  const upwards = [...runs].reverse();
  const bars = upwards.map(({ throughput }, at) => ({
    value: Math.round(throughput!.mean),
    itemStyle: { color: seriesColor(runs.length - 1 - at) },
  }));
  // After two rounds an interval may reach anywhere; the bars are what is looked at.
  const right = WHISKER_OF_LONGEST_BAR_MAX * Math.max(...runs.map(({ throughput }) => throughput!.mean));
  const intervals = upwards.flatMap(({ throughput }, at) =>
    throughput!.low === null || throughput!.high === null
      ? []
      : [[at, throughput!.low, Math.min(throughput!.high, right)]],
  );
  const longest = Math.max(...runs.map((run) => nameOf(run).length));
  const option: EChartsCoreOption = {
    grid: { left: Math.min(360, 20 + 7 * longest), right: 90, top: 10, bottom: 45 },
    xAxis: { type: 'value', ...axisStyle('requests per second'), nameGap: 28 },
    yAxis: { type: 'category', data: upwards.map(nameOf), ...axisStyle(''), splitLine: { show: false } },
    series: [
      {
        type: 'bar',
        data: bars,
        barMaxWidth: 26,
        label: {
          show: true,
          position: 'right',
          color: INK,
          distance: 12,
          // Above the whisker, which would cross it out.
          offset: [0, -WHISKER_BELOW_PX],
          formatter: ({ value }: { value: number }) => formatCount(value),
        },
      },
      { type: 'custom', renderItem: whisker, data: intervals, encode: { x: [1, 2], y: 0 }, z: 10 },
    ],
  };
  return {
    name: 'throughput',
    title: 'Throughput',
    description:
      'Geometric mean over the rounds; the whiskers are where it lies with 95 %. None where there was one round.',
    svg: chartSvg(option, { width: CHART_WIDTH, height: 75 + 34 * runs.length }),
  };
}

interface ItemApi {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
}

/** From the middle of the bar. */
const WHISKER_BELOW_PX = 7;

function whisker(_: unknown, api: ItemApi) {
  const [left, middle] = api.coord([api.value(1), api.value(0)]);
  const y = middle + WHISKER_BELOW_PX;
  const [right] = api.coord([api.value(2), api.value(0)]);
  const line = (x1: number, y1: number, x2: number, y2: number) => ({
    type: 'line',
    shape: { x1, y1, x2, y2 },
    style: { stroke: INK, lineWidth: 1.5 },
  });
  return {
    type: 'group',
    children: [line(left, y, right, y), line(left, y - 5, left, y + 5), line(right, y - 5, right, y + 5)],
  };
}

/** Percentiles on an axis of nines, times on a logarithmic one: tails are seen as well as the middle. */
function percentileChart(runs: readonly ReportRun[], operation: 'insert' | 'lookup', rest: string): Chart | undefined {
  const series = runs.flatMap((run, at) => {
    const curve = run.latencies.find((each) => each.operation === operation);
    if (curve === undefined) return [];
    const data = curve.points.map(({ percentile, us }) => [-Math.log10(1 - percentile / 100), us / 1000]);
    return [lineSeries(nameOf(run), at, data)];
  });
  if (series.length === 0) return undefined;
  const option: EChartsCoreOption = {
    ...legendAbove(series.length),
    grid: gridBelow(series.length),
    xAxis: {
      type: 'value',
      ...axisStyle('of all requests'),
      nameGap: 28,
      min: 0,
      // Up to a whole number of nines, so that two are named even where there are few requests.
      max: ({ max }: { max: number }) => Math.max(1, Math.ceil(max)),
      interval: 1,
      axisLabel: { color: INK, formatter: percentileLabel },
    },
    yAxis: {
      type: 'log',
      ...axisStyle('ms'),
      nameGap: 45,
      axisLabel: { color: INK, formatter: (ms: number) => formatUsAsMs(ms * 1000) },
    },
    series,
  };
  return {
    name: `${operation}-latency`,
    title: operation === 'insert' ? 'Latency of inserts' : 'Latency of lookups',
    description: `So many of the requests were answered within this time; each curve ends where ten requests lie beyond.${rest}`,
    svg: chartSvg(option, { width: CHART_WIDTH, height: heightOf(series.length) }),
  };
}

/** 0, 1, 2, 3: 0 %, 90 %, 99 %, 99.9 %. */
function percentileLabel(nines: number): string {
  if (nines === 0) return '0 %';
  // The end of the axis is where the longest curve ends.
  if (!Number.isInteger(nines)) return '';
  const digits = '9'.repeat(nines);
  return nines <= 2 ? `${digits.padEnd(2, '0')} %` : `${digits.slice(0, 2)}.${digits.slice(2)} %`;
}

function timelineChart(runs: readonly ReportRun[], rest: string): Chart {
  const series = runs.map((run, at) =>
    lineSeries(
      nameOf(run),
      at,
      run.seconds.map(({ second, perSecond }) => [second + MIDDLE, perSecond]),
    ),
  );
  const marks = incidentMarks(runs);
  const told = marks === undefined ? '' : ' Lines are where something happened, shades how long that lasted.';
  return {
    name: 'timeline',
    title: 'Throughput over time',
    description: `Requests answered in each second of the measurement; the median over the rounds.${told}${rest}`,
    svg: overTime(series, 'requests per second', 'value', formatCount, marks),
  };
}

function secondsChart(runs: readonly ReportRun[], rest: string): Chart {
  const series = runs.map((run, at) =>
    lineSeries(
      nameOf(run),
      at,
      run.seconds.filter(({ p99Us }) => p99Us > 0).map(({ second, p99Us }) => [second + MIDDLE, p99Us / 1000]),
    ),
  );
  return {
    name: 'latency-timeline',
    title: 'p99 over time',
    description: `The p99 of each second of the measurement; the median over the rounds.${rest}`,
    svg: overTime(series, 'ms', 'log', (ms) => formatUsAsMs(ms * 1000)),
  };
}

function overTime(
  series: readonly object[],
  unit: string,
  type: 'value' | 'log',
  formatter: (value: number) => string,
  marks?: object,
): string {
  const option: EChartsCoreOption = {
    ...legendAbove(series.length),
    grid: { ...gridBelow(series.length), left: 75 },
    xAxis: { type: 'value', ...axisStyle('seconds'), nameGap: 28, minInterval: 1 },
    yAxis: { type, ...axisStyle(unit), nameGap: 58, axisLabel: { color: INK, formatter } },
    series: marks === undefined ? series : [...series, marks],
  };
  return chartSvg(option, { width: CHART_WIDTH, height: heightOf(series.length) });
}

/** Where the load differs between runs: a line for each cluster through its loads. */
function latencyAgainstThroughput(runs: readonly ReportRun[]): [Chart] | undefined {
  const byCluster = new Map<string, ReportRun[]>();
  for (const run of runs) {
    const { cluster, load } = run.record.settings;
    const { clients: _, ratePerClient: __, ...rest } = load;
    const key = JSON.stringify([cluster, rest]);
    byCluster.set(key, [...(byCluster.get(key) ?? []), run]);
  }
  const lines = [...byCluster.values()].filter(haveSeveralLoads).slice(0, CURVES_MAX);
  if (lines.length === 0) return undefined;
  const series = lines.map((each, at) => {
    const points = each.flatMap(({ throughput, latencies, record }) => {
      const p99 = record.merged[latencies[0]?.operation === 'lookup' ? 'readLatencyUs' : 'writeLatencyUs'].p99;
      return p99 > 0 ? [[throughput!.mean, p99 / 1000] as const] : [];
    });
    points.sort(([a], [b]) => a - b);
    return { ...lineSeries(nameOf(each[0]!), at, points), showSymbol: true, symbolSize: 7 };
  });
  const option: EChartsCoreOption = {
    ...legendAbove(series.length),
    grid: gridBelow(series.length),
    xAxis: { type: 'value', ...axisStyle('requests per second'), nameGap: 28 },
    yAxis: {
      type: 'log',
      ...axisStyle('p99, ms'),
      nameGap: 45,
      axisLabel: { color: INK, formatter: (ms: number) => formatUsAsMs(ms * 1000) },
    },
    series,
  };
  return [
    {
      name: 'latency-against-throughput',
      title: 'Latency against throughput',
      description: 'One line for each cluster, a point for each load, named after the first of them.',
      svg: chartSvg(option, { width: CHART_WIDTH, height: heightOf(series.length) }),
    },
  ];
}

function haveSeveralLoads(runs: readonly ReportRun[]): boolean {
  const loads = runs.map(({ record: { settings } }) => `${settings.load.clients} ${settings.load.ratePerClient}`);
  return new Set(loads).size > 1;
}

export function lineSeries(name: string, at: number, data: readonly (readonly number[])[]) {
  const color = seriesColor(at);
  return {
    type: 'line',
    name,
    data,
    showSymbol: data.length < 3,
    symbolSize: 6,
    itemStyle: { color },
    lineStyle: { color, width: 2, type: seriesDash(at) },
  };
}

const LEGEND_ROW_HEIGHT = 22;
const LEGEND_PER_ROW = 3;

export function legendAbove(count: number): EChartsCoreOption {
  return {
    legend: {
      top: 0,
      left: 0,
      itemGap: 14,
      icon: count > 1 ? undefined : 'none',
      textStyle: { color: INK },
      inactiveColor: FAINT,
    },
  };
}

function legendHeight(count: number): number {
  return 12 + LEGEND_ROW_HEIGHT * Math.ceil(count / LEGEND_PER_ROW);
}

export function gridBelow(count: number) {
  return { left: 65, right: 25, top: legendHeight(count) + 8, bottom: 45 };
}

export function heightOf(count: number): number {
  return 340 + legendHeight(count);
}

import type { EChartsCoreOption } from 'echarts/core';
import { formatCount, formatUsAsMs } from '../render/format.ts';
import { CHART_WIDTH, lineSeries } from '../report/charts.ts';
import { FAINT, INK, seriesColor } from '../report/palette.ts';
import { axisStyle, chartSvg, selfColored } from '../report/svg.ts';
import type { ScaleFigures } from './figures.ts';

/** Below one another, with one axis of time. */
interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly type: 'value' | 'log';
  readonly label: (value: number) => string;
  readonly lines: readonly object[];
}

const PANEL_HEIGHT = 150;
const PANEL_GAP = 62;
const TOP = 66;
const BOTTOM = 50;
const SHADE_OPACITY = 0.16;
const MIDDLE = 0.5;
const MB = 1e6;

/** Throughput, p99, pauses and what servers hold over time; snapshots are shades in the colour of their server. */
export function scaleChart(title: string, figures: ScaleFigures): string {
  const panels = panelsOf(figures);
  const { servers } = figures;
  const lastSecond = figures.seconds.length;
  const option: EChartsCoreOption = {
    title: [
      { text: title, left: 0, top: 0, textStyle: { color: INK, fontSize: 15 } },
      ...panels.map((panel, at) => ({
        text: panel.title,
        left: 0,
        top: topOf(at) - 26,
        textStyle: { color: INK, fontSize: 12, fontWeight: 'normal' },
      })),
    ],
    legend: {
      top: 0,
      right: 0,
      data: servers.map(({ id }) => nameOf(id)),
      textStyle: { color: INK },
    },
    grid: panels.map((_, at) => ({ left: 75, right: 15, top: topOf(at), height: PANEL_HEIGHT })),
    xAxis: panels.map((_, at) => ({
      type: 'value',
      gridIndex: at,
      min: 0,
      max: lastSecond,
      ...axisStyle(at === panels.length - 1 ? 'seconds' : ''),
      nameGap: 26,
      minInterval: 1,
    })),
    yAxis: panels.map(({ unit, type, label }, at) => ({
      type,
      gridIndex: at,
      ...axisStyle(unit),
      nameGap: 56,
      splitNumber: 3,
      axisLabel: { color: INK, formatter: label },
    })),
    series: panels.flatMap(({ lines }, at) => [
      ...lines.map((line) => ({ ...line, xAxisIndex: at, yAxisIndex: at })),
      { type: 'line', data: [], silent: true, xAxisIndex: at, yAxisIndex: at, ...marks(figures, at === 0) },
    ]),
  };
  const height = topOf(panels.length - 1) + PANEL_HEIGHT + BOTTOM;
  return selfColored(chartSvg(option, { width: CHART_WIDTH, height }));
}

function topOf(at: number): number {
  return TOP + at * (PANEL_HEIGHT + PANEL_GAP);
}

function nameOf(id: number): string {
  return `server ${id}`;
}

function panelsOf({ servers, seconds }: ScaleFigures): Panel[] {
  const bytes = (points: readonly { readonly atMs: number; readonly bytes: number }[]) =>
    points.map((point) => [point.atMs / 1000, point.bytes / MB]);
  const ofServers = (points: (server: (typeof servers)[number]) => number[][]) =>
    servers.map((server, at) => lineSeries(nameOf(server.id), at, points(server)));
  const ofAll = (points: number[][]) => [
    { ...lineSeries('all', 0, points), lineStyle: { color: INK, width: 1.5 }, itemStyle: { color: INK } },
  ];
  return [
    {
      title: 'Inserts answered in each second',
      unit: 'per second',
      type: 'value',
      label: formatCount,
      lines: ofAll(seconds.map(({ second, perSecond }) => [second + MIDDLE, perSecond])),
    },
    {
      title: 'p99 of each second',
      unit: 'ms',
      type: 'log',
      label: (ms) => formatUsAsMs(ms * 1000),
      lines: ofAll(seconds.filter(({ p99Ms }) => p99Ms > 0).map(({ second, p99Ms }) => [second + MIDDLE, p99Ms])),
    },
    {
      title: "The longest pause in each second, without what a server's thread waited for a core",
      unit: 'ms',
      type: 'value',
      label: formatCount,
      lines: ofServers(({ pauses }) => pauses.map(({ atMs, ownPauseMs }) => [atMs / 1000, ownPauseMs])),
    },
    {
      title: 'Memory (resident)',
      unit: 'MB',
      type: 'value',
      label: formatCount,
      lines: ofServers(({ resident }) => bytes(resident)),
    },
    {
      title: 'Data on disk',
      unit: 'MB',
      type: 'value',
      label: formatCount,
      lines: ofServers(({ folder }) => bytes(folder)),
    },
  ];
}

/** Shades for snapshots, and for the time in which a server came back. */
function marks({ servers, snapshots, returns, seconds }: ScaleFigures, isLabelled: boolean): object {
  const colorOf = (id: number) => seriesColor(servers.findIndex((server) => server.id === id));
  const area = (fromMs: number, untilMs: number | undefined, color: string, label?: string) => [
    {
      xAxis: fromMs / 1000,
      itemStyle: { color, opacity: SHADE_OPACITY },
      ...(label === undefined || !isLabelled
        ? {}
        : { label: { show: true, formatter: label, position: 'insideTop', color: INK, fontSize: 11 } }),
    },
    { xAxis: Math.min(seconds.length, (untilMs ?? Number.POSITIVE_INFINITY) / 1000) },
  ];
  const back = returns.filter(({ kind }) => kind === 'rejoin');
  return {
    markArea: {
      animation: false,
      data: [
        ...snapshots.map(({ server, fromMs, untilMs }) => area(fromMs, untilMs, colorOf(server))),
        ...back.map(({ server, fromMs, untilMs }) => area(fromMs, untilMs, FAINT, `server ${server} comes back`)),
      ],
    },
    markLine: {
      symbol: 'none',
      animation: false,
      label: { show: false },
      data: snapshots.map(({ server, fromMs }) => ({
        xAxis: fromMs / 1000,
        lineStyle: { color: colorOf(server), type: 'solid', width: 1 },
      })),
    },
  };
}

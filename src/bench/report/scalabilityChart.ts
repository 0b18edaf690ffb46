import type { EChartsCoreOption } from 'echarts/core';
import { printable } from '../../cli/printable.ts';
import { predictedPerSecond } from '../search/scalability.ts';
import type { Knee } from '../sweep/summary.ts';
import { CHART_WIDTH, type Chart, gridBelow, heightOf, legendAbove, lineSeries } from './charts.ts';
import { seriesColor } from './palette.ts';
import type { ReportRun } from './reportRun.ts';
import { axisStyle, chartSvg } from './svg.ts';

const CURVE_POINTS = 60;
const NAME_LENGTH_MAX = 60;

/** What clients of a closed loop get in all, the law that was fitted to it, and its knee; none where nothing was fitted. */
export function scalabilityCharts(runs: readonly ReportRun[], knees: readonly Knee[]): Chart[] {
  const drawn = knees.flatMap((knee) => {
    const points = pointsOf(runs, knee);
    return points.length === 0 ? [] : [{ knee, points }];
  });
  if (drawn.length === 0) return [];
  const series = drawn.flatMap(({ knee, points }, at) => {
    const name = printable(knee.name, NAME_LENGTH_MAX);
    const most = Math.max(...points.map(([clients]) => clients));
    const curve = Array.from({ length: CURVE_POINTS + 1 }, (_, step) => {
      const clients = most ** (step / CURVE_POINTS);
      return [clients, predictedPerSecond(knee, clients)] as const;
    });
    return [
      { ...lineSeries(name, at, curve), showSymbol: false, markLine: kneeMark(knee, at) },
      { type: 'scatter', name, data: points, symbolSize: 8, itemStyle: { color: seriesColor(at) } },
    ];
  });
  const option: EChartsCoreOption = {
    ...legendAbove(drawn.length),
    grid: gridBelow(drawn.length),
    xAxis: { type: 'log', ...axisStyle('clients (closed loop)'), nameGap: 28 },
    yAxis: { type: 'value', ...axisStyle('requests per second'), nameGap: 50 },
    series,
  };
  return [
    {
      name: 'scalability',
      title: 'Throughput by clients',
      description:
        'What clients of a closed loop get in all, and the universal scalability law that fits it best. A vertical line stands at the knee: from there on latency grows faster than throughput.',
      svg: chartSvg(option, { width: CHART_WIDTH, height: heightOf(drawn.length) }),
    },
  ];
}

function kneeMark(knee: Knee, at: number) {
  return {
    silent: true,
    symbol: 'none',
    label: { show: false },
    lineStyle: { color: seriesColor(at), type: 'dashed', width: 1 },
    data: [{ xAxis: knee.kneeClients }],
  };
}

/** Of the closed-loop runs that the search made for it. */
function pointsOf(runs: readonly ReportRun[], { name }: Knee): (readonly [clients: number, perSecond: number])[] {
  return runs.flatMap(({ record, throughput }) => {
    const { clients, ratePerClient } = record.settings.load;
    const isOurs = record.name === `${name}-c${clients}` && ratePerClient === null;
    return isOurs && throughput !== undefined ? [[clients, throughput.mean] as const] : [];
  });
}

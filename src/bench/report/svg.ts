import { BarChart, CustomChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
} from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { DARK_PROPERTIES, FAINT, INK, LIGHT_PROPERTIES } from './palette.ts';

use([
  BarChart,
  CustomChart,
  LineChart,
  ScatterChart,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  SVGRenderer,
]);

export interface Size {
  /** In pixels of the drawing; a page scales it. */
  readonly width: number;
  readonly height: number;
}

/** A chart as SVG, drawn without a browser. Its colours are properties of whatever page it stands in. */
export function chartSvg(option: EChartsCoreOption, { width, height }: Size): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: { color: INK, fontFamily: 'system-ui, sans-serif' }, ...option });
    return withoutFixedSize(chart.renderToSVGString());
  } finally {
    chart.dispose();
  }
}

/** What all axes have in common. */
export function axisStyle(name: string) {
  return {
    name,
    nameLocation: 'middle' as const,
    nameTextStyle: { color: INK },
    axisLabel: { color: INK },
    axisLine: { lineStyle: { color: FAINT } },
    axisTick: { lineStyle: { color: FAINT } },
    splitLine: { lineStyle: { color: FAINT, opacity: 0.35 } },
  };
}

/** As wide as there is room, in the drawing's proportions. */
function withoutFixedSize(svg: string): string {
  return svg.replace(/^<svg width="\d+" height="\d+"/, '<svg role="img"');
}

/** The drawing by itself, with colours of its own: those of whoever looks at it, on light or on dark. */
export function selfColored(svg: string): string {
  const style = `svg{${LIGHT_PROPERTIES};background:var(--paper)}@media (prefers-color-scheme:dark){svg{${DARK_PROPERTIES}}}`;
  return svg.replace(/^<svg[^>]*>/, (opening) => `${opening}<style>${style}</style>`);
}

/** A history as an SVG image: one row a client, time to the right, the longest linearizable prefix numbered. */
import { type Bar, columnPositions, type Diagram, type Step, shortenMiddle } from './diagram.ts';

const FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';
const FONT_SIZE = 13;
/** Monospaced faces are between 0.6 and 0.62 em wide. */
const CHARACTER_WIDTH = FONT_SIZE * 0.62;
const LABEL_LENGTH_MAX = 44;
const GAP_MIN = 30;
const BADGE_RADIUS = 9;
const BAR_HEIGHT = 28;
const LANE_HEIGHT = 58;
const MARGIN = 24;
const TITLE_HEIGHT = 62;
const LEGEND_HEIGHT = 46;

interface Look {
  readonly fill: string;
  readonly stroke: string;
  readonly text: string;
}

const LOOKS = {
  placed: { fill: '#dcebfb', stroke: '#2f6fb0', text: '#123a63' },
  context: { fill: '#f1f3f5', stroke: '#8a949e', text: '#3d464e' },
  stuck: { fill: '#fde0dd', stroke: '#c0271d', text: '#7a130c' },
} satisfies Record<string, Look>;

const INK = '#1c2429';
const FAINT = '#5d6872';
const ORDER = '#2f6fb0';

/** Where things go on this picture, in pixels. */
interface Frame {
  readonly columns: readonly number[];
  readonly left: number;
  readonly width: number;
  readonly height: number;
}

export function renderSvg(diagram: Diagram): string {
  const frame = frameOf(diagram);
  const { width, height } = frame;
  const points = pointsOf(diagram, frame);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="${escapeXml(FONT)}" font-size="${FONT_SIZE}">`,
    defs(),
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    drawTitle(diagram),
    ...diagram.lanes.map(({ client }, index) => laneBackground(client, index, frame)),
    drawPath(points),
    ...diagram.lanes.flatMap(({ bars }, index) => bars.map((bar) => drawBar(bar, index, frame))),
    ...points.map(drawBadge),
    legend(frame),
    '</svg>\n',
  ];
  return parts.join('\n');
}

function frameOf(diagram: Diagram): Frame {
  const badges = new Map<number, number>();
  for (const { column } of diagram.steps) badges.set(column, (badges.get(column) ?? 0) + 1);
  const columns = columnPositions(
    diagram,
    (column) => Math.max(GAP_MIN, ((badges.get(column) ?? 0) + 1) * (BADGE_RADIUS * 2 + 2)),
    (bar) => barLabel(bar).length * CHARACTER_WIDTH + 24,
  );
  const longestName = Math.max(0, ...diagram.lanes.map(({ client }) => client.length));
  const left = MARGIN + (longestName + 'client '.length) * CHARACTER_WIDTH + 20;
  const [heading, detail] = titleLines(diagram);
  const textWidth = Math.max(heading.length * CHARACTER_WIDTH * 1.25, detail.length * CHARACTER_WIDTH, LEGEND_WIDTH);
  const width = Math.ceil(Math.max(left + columns.at(-1)! + MARGIN, textWidth + 2 * MARGIN));
  const height = TITLE_HEIGHT + diagram.lanes.length * LANE_HEIGHT + LEGEND_HEIGHT + MARGIN;
  return { columns, left, width, height };
}

/** The right end of an open bar fades out. */
function defs(): string {
  const gradients = Object.entries(LOOKS).map(
    ([name, { fill }]) =>
      `<linearGradient id="open-${name}"><stop offset="0.6" stop-color="${fill}"/>` +
      `<stop offset="1" stop-color="${fill}" stop-opacity="0"/></linearGradient>`,
  );
  return `<defs>${gradients.join('')}</defs>`;
}

function titleLines({ title, steps, stuck, initialState }: Diagram): [string, string] {
  if (stuck.length === 0) return [title, 'every operation is placed'];
  const value = shorten(steps.at(-1)?.stateAfter ?? initialState);
  const left =
    stuck.length === 1 ? 'the operation marked ✗ cannot follow' : `the ${stuck.length} marked ✗ cannot all follow`;
  const placed = steps.length === 1 ? '1 operation' : `${steps.length} operations`;
  return [title, `at most ${placed} can be put in order; then the value is ${value}, and ${left}`];
}

function drawTitle(diagram: Diagram): string {
  const [heading, detail] = titleLines(diagram);
  return (
    `<text x="${MARGIN}" y="30" fill="${INK}" font-size="${FONT_SIZE * 1.25}" font-weight="600">${escapeXml(heading)}</text>` +
    `<text x="${MARGIN}" y="52" fill="${FAINT}">${escapeXml(detail)}</text>`
  );
}

function laneTop(index: number): number {
  return TITLE_HEIGHT + index * LANE_HEIGHT;
}

function barTop(index: number): number {
  return laneTop(index) + (LANE_HEIGHT - BAR_HEIGHT) / 2 + 6;
}

function laneBackground(client: string, index: number, { left, width }: Frame): string {
  const middle = barTop(index) + BAR_HEIGHT / 2;
  const name = client === '' ? '' : `client ${client}`;
  return (
    `<line x1="${left - 8}" y1="${middle}" x2="${width - MARGIN}" y2="${middle}" stroke="#e3e7ea"/>` +
    `<text x="${MARGIN}" y="${middle + FONT_SIZE * 0.35}" fill="${INK}">${escapeXml(name)}</text>`
  );
}

function nameOfLook(bar: Bar): keyof typeof LOOKS {
  if (bar.step === undefined && bar.endColumn !== undefined) return 'stuck';
  return bar.isCulprit ? 'placed' : 'context';
}

function drawBar(bar: Bar, lane: number, { columns, left }: Frame): string {
  const name = nameOfLook(bar);
  const { fill, stroke, text } = LOOKS[name];
  const isOpen = bar.endColumn === undefined;
  const start = left + columns[bar.startColumn]!;
  const end = left + (isOpen ? columns.at(-1)! : columns[bar.endColumn]!);
  const top = barTop(lane);
  const thickness = name === 'stuck' ? 2 : 1.25;
  const outline = isOpen
    ? `<path d="M${end} ${top}H${start}V${top + BAR_HEIGHT}H${end}" fill="url(#open-${name})" stroke="${stroke}" stroke-width="${thickness}" stroke-dasharray="5 4"/>`
    : `<rect x="${start}" y="${top}" width="${end - start}" height="${BAR_HEIGHT}" rx="4" fill="${fill}" stroke="${stroke}" stroke-width="${thickness}"/>`;
  const label =
    `<text x="${(start + end) / 2}" y="${top + BAR_HEIGHT / 2 + FONT_SIZE * 0.35}" fill="${text}" text-anchor="middle">` +
    `${escapeXml(barLabel(bar))}</text>`;
  return `<g><title>${escapeXml(bar.details)}</title>${outline}${label}</g>`;
}

function barLabel(bar: Bar): string {
  return `${nameOfLook(bar) === 'stuck' ? '✗ ' : ''}${shorten(bar.label)}`;
}

/** Where a placed operation may have taken effect. */
interface Point {
  readonly step: Step;
  readonly x: number;
  /** The middle of the badge, on the upper edge of the bar. */
  readonly y: number;
}

function pointsOf(diagram: Diagram, frame: Frame): Point[] {
  const laneOf = new Map(diagram.lanes.flatMap(({ bars }, index) => bars.map((bar) => [bar, index] as const)));
  return diagram.steps.map((step) => ({ step, x: pointX(step, frame), y: barTop(laneOf.get(step.bar)!) - 2 }));
}

/** Lies under the bars, so that labels stay readable. */
function drawPath(points: readonly Point[]): string {
  const corners = points.map(({ x, y }) => `${x},${y}`).join(' ');
  return `<polyline points="${corners}" fill="none" stroke="${ORDER}" stroke-opacity="0.55" stroke-width="1.5" stroke-dasharray="2 3"/>`;
}

function drawBadge({ step: { bar, stateAfter }, x, y }: Point): string {
  const details = `step ${bar.step}: ${bar.label}, after which the value is ${stateAfter}`;
  const bottom = y + 2 + BAR_HEIGHT;
  return (
    `<g><title>${escapeXml(details)}</title>` +
    `<line x1="${x}" y1="${bottom - 5}" x2="${x}" y2="${bottom}" stroke="${ORDER}" stroke-width="1.5"/>` +
    `<circle cx="${x}" cy="${y}" r="${BADGE_RADIUS}" fill="${ORDER}" stroke="#ffffff" stroke-width="1.5"/>` +
    `<text x="${x}" y="${y + 4}" fill="#ffffff" font-size="11" font-weight="600" text-anchor="middle">${bar.step}</text></g>`
  );
}

function pointX({ column, fraction }: Step, { columns, left }: Frame): number {
  const start = columns[column]!;
  return Math.round((left + start + fraction * (columns[column + 1]! - start)) * 10) / 10;
}

const LEGEND: readonly (readonly [keyof typeof LOOKS | 'open' | 'badge', string])[] = [
  ['badge', 'longest linearizable prefix'],
  ['stuck', 'cannot be placed'],
  ['context', 'context'],
  ['open', 'outcome unknown'],
];
const LEGEND_SWATCH = 34;
const LEGEND_WIDTH = LEGEND.reduce((sum, [, text]) => sum + LEGEND_SWATCH + text.length * CHARACTER_WIDTH + 22, 0);

function legend({ height }: Frame): string {
  const y = height - MARGIN;
  let x = MARGIN;
  return LEGEND.map(([kind, text]) => {
    const swatch = legendSwatch(kind, x, y);
    const label = `<text x="${x + LEGEND_SWATCH}" y="${y}" fill="${FAINT}">${text}</text>`;
    x += LEGEND_SWATCH + text.length * CHARACTER_WIDTH + 22;
    return swatch + label;
  }).join('');
}

function legendSwatch(kind: keyof typeof LOOKS | 'open' | 'badge', x: number, y: number): string {
  if (kind === 'badge') return `<circle cx="${x + 12}" cy="${y - 4}" r="${BADGE_RADIUS}" fill="${ORDER}"/>`;
  if (kind === 'open') {
    return `<path d="M${x + 26} ${y - 11}H${x}V${y + 2}H${x + 26}" fill="none" stroke="${FAINT}" stroke-dasharray="5 4"/>`;
  }
  const { fill, stroke } = LOOKS[kind];
  return `<rect x="${x}" y="${y - 11}" width="26" height="13" rx="3" fill="${fill}" stroke="${stroke}"/>`;
}

function shorten(text: string): string {
  return shortenMiddle(text, LABEL_LENGTH_MAX);
}

const XML_ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Also drops control characters, which XML cannot carry in any form. */
function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => XML_ESCAPES[character]!).replace(/\p{Cc}/gu, '�');
}

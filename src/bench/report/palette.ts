/**
 * Colours of the report, as properties of the page so that light, dark and print have their own. Series take Okabe and Ito's palette, which
 * people tell apart who see no red or green (jfly.uni-koeln.de/color), darkened where it would be pale on white.
 */
export const SERIES_COLORS_LIGHT = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#b8860b',
  '#9b5fa5',
  '#3b8fc4',
  '#6b6b00',
  '#444444',
];
const SERIES_COLORS_DARK = ['#56b4e9', '#ff9d5c', '#2fd6a3', '#f0c94a', '#dba1e0', '#9ecff0', '#d4d46a', '#c8c8c8'];

function properties(colors: readonly string[]): string {
  return colors.map((color, at) => `--series-${at}:${color}`).join(';');
}

/** What a page, or a drawing that stands alone, says of its colours: on light, and on dark. */
export const LIGHT_PROPERTIES = `--ink:#1c1c1c;--paper:#ffffff;--faint:#c4c4c4;--soft:#f5f5f3;--link:#0b5394;${properties(SERIES_COLORS_LIGHT)}`;
export const DARK_PROPERTIES = `--ink:#e8e8e6;--paper:#17181a;--faint:#4a4d52;--soft:#212327;--link:#8ec7ff;${properties(SERIES_COLORS_DARK)}`;

export const INK = 'var(--ink)';
export const FAINT = 'var(--faint)';

/** The colour of the series at a place; they come round again. */
export function seriesColor(at: number): string {
  return `var(--series-${at % SERIES_COLORS_LIGHT.length})`;
}

/** Lines that share a colour differ in their dashes. */
export function seriesDash(at: number): 'solid' | 'dashed' | 'dotted' {
  const round = Math.floor(at / SERIES_COLORS_LIGHT.length);
  return round === 0 ? 'solid' : round === 1 ? 'dashed' : 'dotted';
}

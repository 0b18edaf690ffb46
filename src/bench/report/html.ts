import { createHash } from 'node:crypto';
import { printable } from '../../cli/printable.ts';
import type { Chart } from './charts.ts';
import { DARK_PROPERTIES, LIGHT_PROPERTIES } from './palette.ts';

/** A table of the report. Cells are text. */
export interface ReportTable {
  readonly title: string;
  /** What stands above it. */
  readonly notes: readonly string[];
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns that hold names rather than figures. */
  readonly leftColumns: number;
}

export interface Report {
  readonly title: string;
  readonly lead: readonly string[];
  readonly charts: readonly Chart[];
  readonly tables: readonly ReportTable[];
  /** Each candidate beside the baseline, below one heading. */
  readonly comparisons: readonly ReportTable[];
  /** Tables that are folded until somebody asks. */
  readonly details: readonly ReportTable[];
}

/** The whole page: nothing is loaded from anywhere, and no script runs in it. */
export function reportHtml({ title, lead, charts, tables, comparisons, details }: Report): string {
  const sections = [
    ...charts.map(chartSection),
    ...tables.map(tableSection),
    ...(comparisons.length === 0 ? [] : [comparisonsSection(comparisons)]),
    ...details.map(detailSection),
  ];
  const nav = [...charts, ...tables, ...(comparisons.length === 0 ? [] : [{ title: COMPARISONS }])].map(
    (each) => each.title,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${text(title)}</h1>
${lead.map((line) => `<p>${text(line)}</p>`).join('\n')}
<nav aria-label="Contents"><ul>${nav.map((each) => `<li><a href="#${anchor(each)}">${text(each)}</a></li>`).join('')}</ul></nav>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

function chartSection({ title, description, svg }: Chart): string {
  const id = anchor(title);
  const labelled = svg.replace('<svg role="img"', `<svg role="img" aria-labelledby="${id}-title"`);
  return `<section id="${id}">
<h2 id="${id}-title">${text(title)}</h2>
<p>${text(description)}</p>
<div class="chart" tabindex="0">${labelled}</div>
</section>`;
}

function tableSection(table: ReportTable): string {
  return `<section id="${anchor(table.title)}">
<h2>${text(table.title)}</h2>
${tableBody(table)}
</section>`;
}

const COMPARISONS = 'Side by side';

function comparisonsSection(comparisons: readonly ReportTable[]): string {
  const each = comparisons.map((table) => `<h3>${text(table.title)}</h3>\n${tableBody(table)}`);
  return `<section id="${anchor(COMPARISONS)}">
<h2>${COMPARISONS}</h2>
${each.join('\n')}
</section>`;
}

function detailSection(table: ReportTable): string {
  return `<details id="${anchor(table.title)}">
<summary>${text(table.title)}</summary>
${tableBody(table)}
</details>`;
}

function tableBody({ notes, head, rows, leftColumns }: ReportTable): string {
  const side = (at: number) => (at < leftColumns ? '' : ' class="figure"');
  const paragraphs = notes.map((note) => `<p>${text(note)}</p>`).join('\n');
  if (rows.length === 0) return paragraphs;
  const line = (cells: readonly string[]) =>
    `<tr>${cells.map((cell, at) => (at === 0 ? `<th scope="row">${text(cell)}</th>` : `<td${side(at)}>${text(cell)}</td>`)).join('')}</tr>`;
  return `${paragraphs}
<div class="wide" tabindex="0"><table>
<thead><tr>${head.map((cell, at) => `<th scope="col"${side(at)}>${text(cell)}</th>`).join('')}</tr></thead>
<tbody>${rows.map(line).join('\n')}</tbody>
</table></div>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const TEXT_LENGTH_MAX = 10_000;

/** A results file names its run as it likes. */
function text(value: string): string {
  return printable(value, TEXT_LENGTH_MAX).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Titles of tables may hold names of runs. */
function anchor(title: string): string {
  const plain = title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return plain.length < 40
    ? plain
    : `${plain.slice(0, 30)}-${createHash('sha256').update(title).digest('hex').slice(0, 8)}`;
}

const STYLE = `
:root{color-scheme:light dark;${LIGHT_PROPERTIES}}
@media screen and (prefers-color-scheme:dark){:root{${DARK_PROPERTIES}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.2;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2.5rem 0 .25rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.5rem 0 .25rem;overflow-wrap:anywhere}
p{margin:.35rem 0;max-width:50rem}
a{color:var(--link)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:1rem 0;list-style:none}
.chart{overflow-x:auto}
.chart svg{display:block;width:100%;min-width:34rem;height:auto}
.wide{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .7rem;text-align:left;border-bottom:1px solid var(--faint);white-space:nowrap;font-weight:normal}
thead th{font-weight:600}
.figure{text-align:right}
tbody tr:nth-child(even){background:var(--soft)}
details{margin:1.5rem 0}
summary{cursor:pointer;font-weight:600}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media print{main{max-width:none;padding:0}nav{display:none}section{break-inside:avoid}.chart svg{min-width:0}table{font-size:.7rem}th,td{white-space:normal;padding:.2rem .3rem}td{overflow-wrap:anywhere}details::details-content{content-visibility:visible;block-size:auto}}
`;

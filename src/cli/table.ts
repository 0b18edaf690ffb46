import Table from 'cli-table3';
import { printable } from './printable.ts';

/** Of a cell, characters: what servers and files name is short, unless somebody means harm. */
const CELL_LENGTH_MAX = 60;

/** A table for a terminal: one line below its head and none between its rows. Cells may hold foreign text. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[],
): string {
  const table = new Table({
    head: head.map(cell),
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    colAligns: [...aligns],
  });
  for (const row of rows) table.push(row.map(cell));
  const lines = table.toString().split('\n');
  const rule = lines[0]!.replace('┌', '├').replace('┐', '┤').replaceAll('┬', '┼');
  return [...lines.slice(0, 2), rule, ...lines.slice(2)].join('\n');
}

/** A table for a terminal, or for a document in Markdown. */
export type TableStyle = 'terminal' | 'markdown';

export function tableIn(
  style: TableStyle,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[],
): string {
  return style === 'terminal' ? renderTable(head, rows, aligns) : renderMarkdownTable(head, rows, aligns);
}

function renderMarkdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly ('left' | 'right')[],
): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text) => cell(text).replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `|${aligns.map((side) => (side === 'left' ? ' --- |' : ' ---: |')).join('')}`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function cell(text: string): string {
  return printable(text, CELL_LENGTH_MAX);
}

/** A history as text: one row a client, then the longest linearizable prefix and what it leaves over. */
import { type Bar, columnPositions, type Diagram, shortenMiddle } from './diagram.ts';

const LABEL_LENGTH_MAX = 48;
const STATE_LENGTH_MAX = 64;

export function renderText(diagram: Diagram): string {
  const positions = columnPositions(
    diagram,
    () => 2,
    (bar) => barLabel(bar).length + 4,
  );
  const nameWidth = Math.max(...diagram.lanes.map(({ client }) => clientName(client).length), 0);
  const rows = diagram.lanes.map(({ client, bars }) => {
    let row = '';
    for (const bar of bars) row = row.padEnd(positions[bar.startColumn]!) + drawBar(bar, positions);
    return `${clientName(client).padEnd(nameWidth)} │ ${row}`;
  });
  return [diagram.title, '', ...rows, '', ...explain(diagram), ''].join('\n');
}

function clientName(client: string): string {
  return client === '' ? '' : `client ${client}`;
}

function drawBar(bar: Bar, positions: readonly number[]): string {
  const isOpen = bar.endColumn === undefined;
  const end = isOpen ? positions.at(-1)! : positions[bar.endColumn]!;
  const label = barLabel(bar);
  const inner = end - positions[bar.startColumn]! - 3 - label.length;
  const line = isOpen ? '┄' : '─';
  const left = line.repeat(Math.max(0, inner >> 1));
  const right = line.repeat(Math.max(0, inner - (inner >> 1)));
  return `├${left} ${label} ${right}${isOpen ? '▷' : '┤'}`;
}

function barLabel(bar: Bar): string {
  const { label, step, endColumn } = bar;
  const text = shortenMiddle(label, LABEL_LENGTH_MAX);
  const mark = step !== undefined ? `#${step} ` : endColumn === undefined ? '' : '✗ ';
  return `${mark}${text}`;
}

function explain({ steps, stuck, initialState }: Diagram): string[] {
  const lines = ['longest linearizable prefix:', `  at first   ⇒ ${initialState}`];
  for (const { bar, client, stateAfter } of steps) {
    const state = shortenMiddle(stateAfter, STATE_LENGTH_MAX);
    lines.push(`  #${bar.step} client ${client}: ${shortenMiddle(bar.label, STATE_LENGTH_MAX)}   ⇒ ${state}`);
  }
  if (stuck.length === 0) return [...lines, 'every operation is placed'];
  const last = shortenMiddle(steps.at(-1)?.stateAfter ?? initialState, STATE_LENGTH_MAX);
  lines.push(`then the value is ${last}, and no order places all of:`);
  return [...lines, ...stuck.map(({ bar }) => `  ✗ ${bar.details}`)];
}

import { setTimeout as sleep } from 'node:timers/promises';
import { printable } from '../../cli/printable.ts';
import { renderTable } from '../../cli/table.ts';
import type { Terminal } from '../../cli/terminal.ts';
import type { MeasureStagesResponse, Spread } from '../../wire/generated/admin.ts';
import type { RkvClient, StageReport } from '../rkvClient.ts';

const HEAD = ['server', 'what', 'unit', 'count', 'mean', 'p50', 'p90', 'p99', 'max'];
/** Servers say as many as they like. */
const ROWS_MAX = 100;

/** Has every server look for so long where its time goes, and prints what they say. Answers the exit code, 1 where none does. */
export async function printStages(
  client: RkvClient,
  seconds: number,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const begun = await client.beginStages(seconds * 1000);
  if (begun.some(isTelling)) await sleep(seconds * 1000, undefined, { signal }).catch(() => {});
  const reports = await client.measureStages(0);
  const telling = reports.filter(isTelling);
  const rows = telling.flatMap(({ address, stages }) => stages.spreads.map((spread) => row(address, spread)));
  if (rows.length > 0) {
    const aligns = HEAD.map((_, column) => (column < 3 ? 'left' : 'right'));
    terminal.out(renderTable(HEAD, rows.slice(0, ROWS_MAX), aligns));
  }
  for (const { address, stages } of telling) terminal.out(printable(`${address}: ${busyText(stages)}`));
  for (const report of reports) {
    if ('error' in report) terminal.err(printable(report.error.message));
  }
  return telling.length === 0 ? 1 : 0;
}

function isTelling(report: StageReport): report is Extract<StageReport, { readonly stages: object }> {
  return 'stages' in report;
}

function row(address: string, { name, unit, count, mean, p50, p90, p99, max }: Spread): string[] {
  const isTime = unit === 'us';
  const shown = (value: number) => (isTime ? value / 1000 : value).toFixed(isTime ? 3 : 1);
  const figures = [mean, p50, p90, p99, max].map(shown);
  return [printable(address), printable(name), isTime ? 'ms' : printable(unit), String(count), ...figures];
}

function busyText({ seconds, loopUtilization, collectionShare }: MeasureStagesResponse): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return `busy ${percent(loopUtilization)} of ${seconds.toFixed(1)} s, and collected garbage ${percent(collectionShare)} of it`;
}

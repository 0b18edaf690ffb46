import { resolve } from 'node:path';
import { printable } from '../../cli/printable.ts';
import { renderTable } from '../../cli/table.ts';
import type { Terminal } from '../../cli/terminal.ts';
import type { DamageReport, Inspection } from '../../offline/inspection.ts';
import { counted, shown } from './counts.ts';
import { explained } from './offlineErrors.ts';

/** What is in the folder is not what was promised. As rkvd ends where it refuses its data. */
const EXIT_DAMAGED = 3;
const RECORDS_SHOWN_MAX = 40;
const RANGES_SHOWN_MAX = 20;
const LINE_LENGTH_MAX = 1000;

/** What is in a stopped server's folder. Answers the exit code. */
export async function printLog(folder: string, isJson: boolean, terminal: Terminal): Promise<number> {
  const { inspect } = await import('../../offline/inspection.ts');
  const found = await explained(() => inspect(resolve(folder)), terminal);
  if (found === undefined) return 1;
  if (isJson) terminal.json(found, 2);
  else {
    for (const line of summaryLines(found)) terminal.out(printable(line, LINE_LENGTH_MAX));
    if (found.chunks.length > 0) terminal.out(chunkTable(found));
    for (const line of verdictLines(found)) terminal.out(printable(line, LINE_LENGTH_MAX));
  }
  return found.refusal === undefined ? 0 : EXIT_DAMAGED;
}

function summaryLines(found: Inspection): string[] {
  const { identity, hardState, log, snapshot, journal, dead } = found;
  const lines = [`folder    ${found.folder}`];
  if (identity === undefined) lines.push('server    not told: there is no identity.json that can be read');
  else {
    const { id, engine, cluster, instance, stage, boots } = identity;
    lines.push(
      `server    ${id} of the ${engine} engine, ${STAGES[stage]}, started ${counted(boots, 'time')}`,
      `cluster   ${cluster || 'not known'} (this folder is ${instance})`,
    );
  }
  if (hardState !== undefined) {
    const { term, vote, commit } = hardState;
    lines.push(
      `term      ${term}, ${vote === 0 ? 'no vote' : `vote for server ${vote}`}, committed at least ${shown(commit)}`,
    );
  }
  if (log !== undefined) {
    const { first, last, terms } = log;
    lines.push(
      `log       ${last < first ? `empty, goes on at ${shown(first)}` : `entries ${shown(first)} to ${shown(last)}`}`,
    );
    const hidden = terms.length - RANGES_SHOWN_MAX;
    const ranges = terms
      .slice(-RANGES_SHOWN_MAX)
      .map((each) => `${each.term} from ${shown(each.first)} to ${shown(each.last)}`);
    if (ranges.length > 0) lines.push(`terms     ${hidden > 0 ? `(${hidden} before) ` : ''}${ranges.join(', ')}`);
  }
  if (snapshot === undefined) lines.push('snapshot  none');
  else {
    const { index, term, bytes, keys, sessions, file, configuration } = snapshot;
    const { voters, learners } = configuration;
    lines.push(
      `snapshot  index ${shown(index)}, term ${term}, ${shown(bytes)} bytes in ${file}: ${counted(keys, 'key')}, ${counted(sessions, 'session')}, ` +
        `voters ${voters.join(', ')}${learners.length === 0 ? '' : `, learners ${learners.join(', ')}`}`,
    );
  }
  if (journal === undefined) lines.push('journal   none that can be read');
  else {
    const halves = journal.halves.map(({ entries, first, last }) =>
      entries === 0 ? 'nothing' : `${counted(entries, 'entry', 'entries')} (${first} to ${last})`,
    );
    lines.push(
      `journal   ${journal.file}: ${halves.join(' and ')}; promises write ${journal.promisedWrite}; the database lacks ${counted(journal.lagging, 'entry', 'entries')} of it`,
    );
  }
  if (dead.count > 0)
    lines.push(`to delete ${counted(dead.count, 'value')} that nothing needs any more, ${shown(dead.bytes)} bytes`);
  return lines;
}

const STAGES = {
  new: 'which has promised nothing yet',
  admitting: 'whose admission was interrupted',
  member: 'a member',
} as const;

function chunkTable({ chunks }: Inspection): string {
  const isCut = chunks.length > RECORDS_SHOWN_MAX;
  const half = RECORDS_SHOWN_MAX / 2;
  const row = ({ first, last, write, bytes, file }: Inspection['chunks'][number]) =>
    [first, last, write, bytes].map(shown).concat(file);
  const rows = isCut
    ? [...chunks.slice(0, half).map(row), ['…', '…', '…', '…', ''], ...chunks.slice(-half).map(row)]
    : chunks.map(row);
  const table = renderTable(['first', 'last', 'write', 'bytes', 'file'], rows, [
    'right',
    'right',
    'right',
    'right',
    'left',
  ]);
  const bytes = chunks.reduce((sum, each) => sum + each.bytes, 0);
  const all = `${counted(chunks.length, 'record')}, ${shown(bytes)} bytes`;
  return `${table}\n${all}${isCut ? `; ${RECORDS_SHOWN_MAX} of them are shown, -json has all` : ''}`;
}

function verdictLines({ damages, mended, refusal }: Inspection): string[] {
  if (refusal === undefined) {
    const repaired = mended.map(
      (each) => `damaged, and mended by the next start, nothing being lost: ${damageText(each)}`,
    );
    return [...repaired, 'whole: a server starts from it'];
  }
  return [
    ...damages.map((each) => `damaged: ${damageText(each)}`),
    `a server refuses it: ${refusal.error}: ${refusal.message}`,
    `what to do: ${refusal.remedy}`,
  ];
}

function damageText({ file, offset, key, after, before, entries, what }: DamageReport): string {
  const place = offset === undefined ? file : `${file} at byte ${offset}`;
  const keys = key === undefined ? between(after, before) : `, key ${key}`;
  return `${place}${keys}${entriesText(entries)}: ${what}`;
}

function between(after: string | undefined, before: string | undefined): string {
  if (after !== undefined && before !== undefined) return `, between the keys ${after} and ${before}`;
  if (after !== undefined) return `, after the key ${after}`;
  return before === undefined ? '' : `, before the key ${before}`;
}

function entriesText(entries: DamageReport['entries']): string {
  if (entries === undefined) return '';
  const { first, last } = entries;
  if (first !== undefined && last !== undefined) {
    if (first > last) return ', no entry of the log';
    return first === last ? `, entry ${shown(first)}` : `, entries ${shown(first)} to ${shown(last)}`;
  }
  if (first !== undefined) return `, entries from ${shown(first)} on`;
  return last === undefined ? ', of which entries cannot be told' : `, entries up to ${shown(last)}`;
}

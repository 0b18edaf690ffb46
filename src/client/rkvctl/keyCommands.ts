import type { Terminal } from '../../cli/terminal.ts';
import { MISSING_VALUE } from '../../wire/originalTexts.ts';
import { leadingReport, type RkvClient, type ServerReport } from '../rkvClient.ts';
import { leaderWords, nobodyAnswers, noServerAnswers } from './statusCommands.ts';

const EXIT_NO_SUCH_KEY = 2;

/** With `raw` the value's bytes and nothing else; otherwise a line. */
export async function getKey(
  client: RkvClient,
  key: string,
  raw: boolean,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const value = await client.lookup(key, { signal });
  if (value === undefined) {
    if (!raw) terminal.out(MISSING_VALUE);
    // The same can be a value. A program looks at the exit code; a person does not see it.
    if (terminal.outInteractive) terminal.err('no such key');
    return EXIT_NO_SUCH_KEY;
  }
  if (raw) terminal.raw(value);
  else terminal.value(value);
  return 0;
}

export async function putKey(
  client: RkvClient,
  key: string,
  value: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const session = await client.openSession({ signal });
  await session.insert(key, value, { signal });
  terminal.out('ok');
  return 0;
}

export async function transfer(
  client: RkvClient,
  to: number,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  await client.transferLeadership(to, { signal });
  const leader = await client.leader();
  if (leader !== undefined) terminal.out(String(leader.status.id));
  else terminal.out(to === 0 ? 'leadership is handed over' : String(to));
  return 0;
}

/** The id of the leader; `no leader` and 1 where no server says that it leads. */
export async function printLeader(client: RkvClient, terminal: Terminal): Promise<number> {
  const reports = await client.statuses();
  const leader = leadingReport(reports)?.status.id ?? (await olderLeader(client, reports));
  terminal.out(leader === undefined ? 'no leader' : String(leader));
  if (nobodyAnswers(reports)) terminal.err(noServerAnswers(reports));
  return leader === undefined ? 1 : 0;
}

/** The leader among servers that have no status to give: they know each other by their place in the list, as Go clients do. */
async function olderLeader(client: RkvClient, reports: readonly ServerReport[]): Promise<number | undefined> {
  const words = await leaderWords(client, reports);
  const leads = reports.findIndex(({ address }) => words.get(address)?.leads === true);
  return leads === -1 ? undefined : leads + 1;
}

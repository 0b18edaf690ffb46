import { printable } from '../../cli/printable.ts';
import { StatusExitCode } from '../../cli/statusExitCode.ts';
import { renderTable } from '../../cli/table.ts';
import type { Terminal } from '../../cli/terminal.ts';
import type { LinkStatus, StatusResponse } from '../../wire/generated/admin.ts';
import { MIXED_CLUSTER } from '../../wire/originalTexts.ts';
import { ServerUnreachableError } from '../errors.ts';
import { isOlder, leadingReport, type RkvClient, type ServerReport } from '../rkvClient.ts';
import type { LeaderWord } from '../transport.ts';

const HEAD = ['id', 'address', 'role', 'term', 'leader', 'commit', 'applied', 'last', 'keys', 'sessions', 'backend'];
/** Of the line that names the members. */
const MEMBERS_LENGTH_MAX = 1000;
const TEXT_COLUMNS = new Set(['address', 'role', 'backend']);

/** What every server says about itself, as a table. Answers a StatusExitCode. */
export async function printStatus(client: RkvClient, terminal: Terminal): Promise<number> {
  const asked = await client.statuses();
  if (nobodyAnswers(asked)) {
    terminal.err(noServerAnswers(asked));
    return StatusExitCode.Down;
  }
  const reports = [...asked, ...(await membersBeyond(client, asked))];
  const words = await leaderWords(client, reports);
  const aligns = HEAD.map((name) => (TEXT_COLUMNS.has(name) ? 'left' : 'right'));
  terminal.out(
    renderTable(
      HEAD,
      reports.map((report) => row(report, words.get(report.address))),
      aligns,
    ),
  );
  const leader = leadingReport(reports)?.status;
  if (leader !== undefined) {
    const learners = leader.learners.length === 0 ? '' : `, learners ${leader.learners.join(', ')}`;
    terminal.out(
      printable(`members as server ${leader.id} sees them: ${leader.voters.join(', ')}${learners}`, MEMBERS_LENGTH_MAX),
    );
  }
  for (const line of peerProtocolLines(reports, leader)) terminal.out(printable(line, MEMBERS_LENGTH_MAX));
  for (const line of mixedLines(reports)) terminal.out(printable(line, MEMBERS_LENGTH_MAX));
  for (const line of fullDiskLines(reports)) terminal.out(printable(line, MEMBERS_LENGTH_MAX));
  for (const { address } of reports.filter(isOlder)) {
    terminal.out(`${address} is one of the original's servers, or older than this rkvctl: it does not say more`);
  }
  if (leader === undefined && ![...words.values()].some(({ leads }) => leads)) {
    terminal.out('no leader');
    return StatusExitCode.Down;
  }
  const missing =
    leader === undefined ? reports.filter(isSilent).map(({ address }) => address) : absent(leader, reports);
  if (missing.length === 0) return StatusExitCode.Healthy;
  terminal.out(printable(`not all take part: ${missing.join(', ')}`, MEMBERS_LENGTH_MAX));
  return StatusExitCode.Degraded;
}

/** That servers of the original are among them, by the word of those that asked them, and what follows. */
function mixedLines(reports: readonly ServerReport[]): string[] {
  const told = reports.flatMap((report) => ('status' in report ? [report.status] : []));
  const originals = [...new Set(told.flatMap((status) => status.originals))].sort((a, b) => a - b);
  if (originals.length === 0) return [];
  const out = told.flatMap(({ id, outOfReach }) =>
    outOfReach.map(
      (behind) =>
        `server ${behind} is behind the log of server ${id} and takes no snapshot: it stays behind until it is replaced`,
    ),
  );
  return [`mixed cluster: of the original's servers there are ${originals.join(', ')}. ${MIXED_CLUSTER}`, ...out];
}

/** Of servers that take no commands for it. */
function fullDiskLines(reports: readonly ServerReport[]): string[] {
  return reports.flatMap((report) => {
    if (!('status' in report) || !report.status.disk?.refusal) return [];
    return [`server ${report.status.id}: ${report.status.disk.refusal}`];
  });
}

/** What servers speak to each other, by the word of each, and what all can, by the leader's; nothing where nobody tells. */
function peerProtocolLines(reports: readonly ServerReport[], leader: StatusResponse | undefined): string[] {
  const each = reports.flatMap((report) => {
    if (!('status' in report) || report.status.newestVersion === 0) return [];
    const { id, oldestVersion, newestVersion } = report.status;
    return [`server ${id} ${oldestVersion === newestVersion ? newestVersion : `${oldestVersion} to ${newestVersion}`}`];
  });
  if (each.length === 0) return [];
  const spoken = `peer protocol spoken: ${each.join(', ')}`;
  if (leader === undefined || leader.newestVersion === 0) return [spoken];
  const { id, clusterVersion, links } = leader;
  const ofAll = `${spoken}; by all members, as server ${id} knows them: ${clusterVersion || 'none'}`;
  const ways = links.map((link) => `server ${link.id} ${describeLink(link)}`);
  return ways.length === 0 ? [ofAll] : [ofAll, `links of server ${id}: ${ways.join(', ')}`];
}

function describeLink({ version, roundTripUs }: LinkStatus): string {
  if (version === 0) return 'none';
  return roundTripUs === 0 ? `version ${version}` : `version ${version} (${(roundTripUs / 1000).toFixed(2)} ms)`;
}

/** Members that the leader names and that nobody asked for: they were added since the list of servers was written. */
function membersBeyond(client: RkvClient, reports: readonly ServerReport[]): Promise<ServerReport[]> {
  const known = new Set(reports.flatMap((report) => ('status' in report ? [report.status.id] : [])));
  const addresses = new Set(reports.map(({ address }) => address));
  const peers = leadingReport(reports)?.status.peers ?? [];
  const beyond = peers.filter(({ id, address }) => address !== '' && !known.has(id) && !addresses.has(address));
  return client.statuses(
    {},
    beyond.map(({ address }) => address),
  );
}

/** Members by the leader's word that did not answer, or do not take part, for people. */
function absent({ voters, learners, peers, originals }: StatusResponse, reports: readonly ServerReport[]): string[] {
  const present = reports.flatMap((report) => ('status' in report && report.status.term > 0 ? [report.status.id] : []));
  // The original's answer without saying who they are.
  const answering = new Set(reports.filter(isOlder).map(({ address }) => address));
  for (const { id, address } of peers) if (originals.includes(id) && answering.has(address)) present.push(id);
  return [...voters, ...learners].filter((id) => !present.includes(id)).map((id) => `server ${id}`);
}

function isSilent(report: ServerReport): boolean {
  return 'error' in report && !isOlder(report);
}

/** Who leads by the word of each server that has no status to give. */
export async function leaderWords(
  client: RkvClient,
  reports: readonly ServerReport[],
): Promise<ReadonlyMap<string, LeaderWord>> {
  const words = new Map<string, LeaderWord>();
  for (const { address } of reports.filter(isOlder)) {
    const word = await client.whoLeads(address).catch(() => undefined);
    if (word !== undefined) words.set(address, word);
  }
  return words;
}

function row(report: ServerReport, word: LeaderWord | undefined): string[] {
  if (isOlder(report)) return olderRow(report.address, word);
  if ('error' in report) return ['?', report.address, shortReason(report.error), ...HEAD.slice(3).map(() => '')];
  const { id, role, term, leader, commitIndex, appliedIndex, lastIndex, keys, sessions, backend } = report.status;
  const knownLeader = leader === 0 ? '-' : leader;
  const numbers = [term, knownLeader, commitIndex, appliedIndex, lastIndex, keys, sessions];
  return [String(id), report.address, role, ...numbers.map(String), backend];
}

function olderRow(address: string, word: LeaderWord | undefined): string[] {
  const role = word === undefined ? '?' : word.leads ? 'leader' : 'no leader';
  const leader = word === undefined || word.leads || word.leader === 0 ? '-' : String(word.leader);
  return ['?', address, role, '', leader, ...HEAD.slice(5).map(() => '')];
}

export function nobodyAnswers(reports: readonly ServerReport[]): boolean {
  return reports.every(isSilent);
}

/** Names every server and why it did not answer. */
export function noServerAnswers(reports: readonly ServerReport[]): string {
  const reasons = reports.map((r) => `\n  ${r.address}: ${'error' in r ? shortReason(r.error) : 'answered'}`);
  return `no server answers:${reasons.join('')}`;
}

function shortReason(error: Error): string {
  if (error instanceof ServerUnreachableError && error.isLate) return 'no answer in time';
  const { message } = error;
  const known = /ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND/.exec(message)?.[0];
  return known === undefined ? printable(message) : REASONS.get(known)!;
}

/** By the operating system's codes, which gRPC hands on in its words alone. */
const REASONS = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ETIMEDOUT', 'no route in time'],
  ['EHOSTUNREACH', 'host unreachable'],
  ['ENETUNREACH', 'network unreachable'],
  ['ENOTFOUND', 'unknown host'],
]);

import { printable } from '../../cli/printable.ts';
import type { Terminal } from '../../cli/terminal.ts';
import { versionText } from '../../cli/version.ts';
import { UsageError } from '../../goflags/goFlags.ts';
import { CertificateError } from '../../net/endpoints/credentials.ts';
import { KeptCredentials } from '../../net/endpoints/keptCredentials.ts';
import { NO_SECURITY, type Security } from '../../net/endpoints/security.ts';
import { RkvError } from '../errors.ts';
import { RkvClient } from '../rkvClient.ts';
import { printClients } from './clientsCommand.ts';
import { type CommandLine, completionText, parseCommandLine, usage } from './commandLine.ts';
import { getKey, printLeader, putKey, transfer } from './keyCommands.ts';
import { loadCommand } from './loadCommand.ts';
import { printLog } from './logCommand.ts';
import { reconfigure } from './membershipCommand.ts';
import { printSettings } from './settingsCommand.ts';
import { printSnapshot, restoreSnapshot, saveSnapshot } from './snapshotCommands.ts';
import { printStages } from './stagesCommand.ts';
import { nobodyAnswers, noServerAnswers, printStatus } from './statusCommands.ts';

export interface RunEnvironment {
  /** Of the process' environment. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Where files are written. */
  readonly folder: string;
}

/** Carries a command line out and answers the exit code. */
export async function run(argv: readonly string[], environment: RunEnvironment): Promise<number> {
  const { terminal } = environment;
  let commandLine: CommandLine;
  try {
    commandLine = parseCommandLine(argv, environment.variables);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.err(`${printable(error.message)}\n${usage().trimEnd()}`);
    return 1;
  }
  if (commandLine.action.kind === 'help') {
    terminal.out(usage().trimEnd());
    return 0;
  }
  if (commandLine.action.kind === 'version') {
    terminal.out(versionText('rkvctl'));
    return 0;
  }
  if (commandLine.action.kind === 'completion') {
    terminal.out(completionText(commandLine.action.shell).trimEnd());
    return 0;
  }
  const withoutServers = offline(commandLine, terminal);
  if (withoutServers !== undefined) return withoutServers;
  const { addresses, flags } = commandLine;
  let security: Security;
  try {
    security = securityOf(commandLine, terminal);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    terminal.err(printable(error.message));
    return 1;
  }
  const client = new RkvClient({
    addresses,
    rpc: flags.rpc,
    timeoutMs: flags.timeout,
    security,
    onNotice: (text) => terminal.err(printable(text)),
  });
  try {
    return await perform(commandLine, client, environment);
  } catch (error) {
    if (!(error instanceof RkvError)) throw error;
    // A server may have had its say in it.
    terminal.err(printable(error.message, ERROR_LENGTH_MAX));
    const reports = await client.statuses({ timeoutMs: LAST_LOOK_TIMEOUT_MS });
    if (nobodyAnswers(reports)) terminal.err(noServerAnswers(reports));
    return 1;
  } finally {
    client.close();
  }
}

/** What is done with files alone. */
function offline({ action, flags }: CommandLine, terminal: Terminal): Promise<number> | undefined {
  switch (action.kind) {
    case 'log':
      return printLog(action.folder, flags.json, terminal);
    case 'snapshot-status':
      return printSnapshot(action.file, flags.json, terminal);
    case 'snapshot-restore': {
      const { file, members } = action;
      return restoreSnapshot({ file, members, backend: flags.backend, dataDirectory: flags.datadir }, terminal);
    }
    default:
      return undefined;
  }
}

/** A load goes on for long: its files are read again when they change. */
function securityOf({ credentials }: CommandLine, terminal: Terminal): Security {
  if (credentials === undefined) return NO_SECURITY;
  const say = (words: string) => terminal.err(printable(words));
  return new KeptCredentials(credentials, 0, { info: say, warn: say, error: say }).security;
}

const ERROR_LENGTH_MAX = 1000;
/** After a failure, for one look whether anybody is there at all. */
const LAST_LOOK_TIMEOUT_MS = 500;

function perform(
  { action, flags }: CommandLine,
  client: RkvClient,
  { terminal, signal, folder }: RunEnvironment,
): Promise<number> {
  switch (action.kind) {
    case 'get':
      return getKey(client, action.key, flags.raw, terminal, signal);
    case 'put':
      return putKey(client, action.key, action.value, terminal, signal);
    case 'status':
      return printStatus(client, terminal);
    case 'settings':
      return printSettings(client, terminal);
    case 'clients':
      return printClients(client, flags.json, terminal);
    case 'stages':
      return printStages(client, action.seconds, terminal, signal);
    case 'leader':
      return printLeader(client, terminal);
    case 'transfer':
      return transfer(client, action.to, terminal, signal);
    case 'reconfigure':
      return reconfigure(client, action, flags.ensure, terminal, signal);
    case 'snapshot-save':
      return saveSnapshot(client, action.file, terminal, signal);
    case 'load':
      return loadCommand({ client, flags, terminal, signal, folder });
    case 'help':
    case 'version':
    case 'completion':
    case 'log':
    case 'snapshot-status':
    case 'snapshot-restore':
      return Promise.resolve(0);
  }
}

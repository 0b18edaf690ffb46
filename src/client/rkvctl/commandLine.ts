import { type DescribedWords, describeFlags, isShell, SHELLS, type Shell } from '../../cli/completion/description.ts';
import { completionScript } from '../../cli/completion/scripts.ts';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { defineFlags, flagDefaults, type ParsedFlags, parseFlags, UsageError } from '../../goflags/goFlags.ts';
import { CredentialFlagsError, clientCredentialFiles } from '../../net/endpoints/credentialFlags.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import { parseAddresses } from '../addresses.ts';
import { AddressError } from '../errors.ts';

/** The original's flags, and some of ours: rpc, timeout, those for TLS, raw, seed and csv. */
export const RKVCTL_FLAGS = defineFlags({
  cluster: {
    kind: 'string',
    default: ':9201,:9202,:9203',
    usage: 'comma separated `addresses` of the servers; an omitted host means 127.0.0.1',
  },
  rpc: {
    kind: 'choice',
    default: 'stream',
    choices: ['stream', 'unary'],
    usage: 'how commands `travel`: stream (in batches) or unary (a call each, as the Go clients do it)',
  },
  timeout: { kind: 'duration', default: 10_000, min: 1, usage: '`time` that one request may take, retries included' },
  'tls-cert': {
    kind: 'string',
    default: '',
    usage:
      "PEM `file` of a client's or an operator's certificate, for servers that have TLS; with -tls-key and -tls-ca",
  },
  'tls-key': { kind: 'string', default: '', usage: "PEM `file` of that certificate's private key" },
  'tls-ca': { kind: 'string', default: '', usage: "PEM `file` of the authority of servers' certificates" },
  'tls-dir': {
    kind: 'string',
    default: '',
    usage: '`folder` with these three as cert.pem, key.pem and ca.pem; by default what RKV_TLS_DIR says',
  },
  raw: { kind: 'bool', default: false, usage: "get: write the value's bytes and nothing else, on a terminal too" },
  clients: { kind: 'int', default: 1, min: 1, max: 100_000, usage: 'load: `number` of clients' },
  throughput: {
    kind: 'float',
    default: 1,
    min: 0,
    max: 1e6,
    usage: 'load: `requests` per second per client; 0 sends the next when the last is answered',
  },
  forever: { kind: 'bool', default: true, usage: 'load: go on until interrupted' },
  time: { kind: 'duration', default: 0, min: 0, usage: 'load: go on for this `time`; overrides -forever' },
  count: { kind: 'int', default: 0, min: 0, usage: 'load: `requests` per client; overrides -forever and -time' },
  reads: { kind: 'float', default: 0, min: 0, max: 1, usage: 'load: `fraction` of requests that read' },
  payload: { kind: 'int', default: 16, min: 16, max: 64 << 20, usage: 'load: `bytes` of a value' },
  keyspace: { kind: 'int', default: 10_000, min: 1, usage: 'load: `number` of keys' },
  zipfs: { kind: 'float', default: 1.1, usage: 'load: `s` of the Zipf distribution of keys, above 1' },
  zipfv: { kind: 'float', default: 4, min: 1, max: 1e9, usage: 'load: `v` of the Zipf distribution of keys' },
  seed: { kind: 'int', default: 0, min: 0, usage: 'load: `seed` of keys and values; 0 draws one' },
  csv: { kind: 'bool', default: true, usage: 'load: write latency-<ns>.csv on exit' },
  add: { kind: 'int', default: 0, min: 1, usage: 'add the server of this `id` to the cluster' },
  remove: { kind: 'int', default: 0, min: 1, usage: 'remove the server of this `id` from the cluster' },
  ensure: { kind: 'bool', default: false, usage: 'with -add or -remove: use ReconfOnBecome and keep trying' },
  json: { kind: 'bool', default: false, usage: 'log, clients, snapshot status: print JSON' },
  datadir: {
    kind: 'string',
    default: '.',
    usage: 'snapshot restore: `folder` in which each server gets its own, as by its -datadir',
  },
  backend: {
    kind: 'choice',
    default: ENGINE_NAMES[0],
    choices: ENGINE_NAMES,
    usage: 'snapshot restore: consensus `engine` of the new cluster, whatever the old one had',
  },
  members: {
    kind: 'string',
    default: '1,2,3',
    usage: 'snapshot restore: comma separated `ids` of the servers of the new cluster, which all vote',
  },
});

const STAGES_SECONDS = 5;
const STAGES_SECONDS_MAX = 3000;

export type RkvctlFlags = ParsedFlags<typeof RKVCTL_FLAGS>['values'];

export type Action =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'completion'; readonly shell: Shell }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'status' }
  | { readonly kind: 'settings' }
  | { readonly kind: 'clients' }
  /** Measured for so long. */
  | { readonly kind: 'stages'; readonly seconds: number }
  | { readonly kind: 'leader' }
  /** 0: the most up-to-date voter. */
  | { readonly kind: 'transfer'; readonly to: number }
  | { readonly kind: 'reconfigure'; readonly change: 'add' | 'remove'; readonly serverId: number }
  | { readonly kind: 'log'; readonly folder: string }
  | { readonly kind: 'snapshot-save' | 'snapshot-status'; readonly file: string }
  | { readonly kind: 'snapshot-restore'; readonly file: string; readonly members: readonly number[] }
  | { readonly kind: 'load' };

export interface CommandLine {
  readonly action: Action;
  readonly flags: RkvctlFlags;
  readonly addresses: readonly string[];
  /** Undefined without TLS. */
  readonly credentials: CredentialFiles | undefined;
}

/** Throws UsageError. Flags may stand before and after a command's words. */
export function parseCommandLine(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): CommandLine {
  const parsed = parseFlags(RKVCTL_FLAGS, argv, { interspersed: true });
  const flags = parsed.values;
  if (parsed.asked !== undefined)
    return { action: { kind: parsed.asked }, flags, addresses: [], credentials: undefined };
  const action = actionOf(parsed);
  return { action, flags, addresses: addressesOf(flags.cluster), credentials: credentialsOf(flags, environment) };
}

function credentialsOf(
  flags: RkvctlFlags,
  environment: Readonly<Record<string, string | undefined>>,
): CredentialFiles | undefined {
  try {
    return clientCredentialFiles(flags, '-', environment);
  } catch (error) {
    if (!(error instanceof CredentialFlagsError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

function addressesOf(text: string): string[] {
  try {
    return parseAddresses(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(`invalid value "${text}" for flag -cluster: ${error.message}`, { cause: error });
  }
}

function actionOf({ rest, given, values }: ParsedFlags<typeof RKVCTL_FLAGS>): Action {
  const reconfigures = given.has('add') || given.has('remove');
  if (values.ensure && !reconfigures) throw new UsageError('-ensure goes with -add or -remove');
  const [word, ...words] = rest;
  if (word !== undefined) {
    if (reconfigures) throw new UsageError(`-add and -remove stand alone, not with "${word}"`);
    return wordAction(word, words, values.members);
  }
  if (given.has('add') && given.has('remove')) throw new UsageError('-add and -remove are two changes: make one first');
  if (given.has('add')) return { kind: 'reconfigure', change: 'add', serverId: values.add };
  if (given.has('remove')) return { kind: 'reconfigure', change: 'remove', serverId: values.remove };
  if (!values.forever && values.time === 0 && values.count === 0) {
    throw new UsageError('-forever=false needs -time or -count');
  }
  if (!(values.zipfs > 1)) throw new UsageError(`invalid value "${values.zipfs}" for flag -zipfs: must be above 1`);
  return { kind: 'load' };
}

function wordAction(word: string, words: readonly string[], members: string): Action {
  const takes = (form: string, min: number, max = min) => {
    if (words.length < min || words.length > max) throw new UsageError(`expected: rkvctl ${form}`);
  };
  switch (word) {
    case 'help':
      return { kind: 'help' };
    case 'get':
      takes('get KEY', 1);
      return { kind: 'get', key: words[0]! };
    case 'put':
      takes('put KEY VALUE', 2);
      return { kind: 'put', key: words[0]!, value: words[1]! };
    case 'status':
      takes('status', 0);
      return { kind: 'status' };
    case 'settings':
      takes('settings', 0);
      return { kind: 'settings' };
    case 'clients':
      takes('clients', 0);
      return { kind: 'clients' };
    case 'stages': {
      takes('stages [SECONDS]', 0, 1);
      const [seconds = String(STAGES_SECONDS)] = words;
      if (!/^[1-9][0-9]{0,3}$/.test(seconds) || Number(seconds) > STAGES_SECONDS_MAX) {
        throw new UsageError(`bad time "${seconds}": expected whole seconds, 1 to ${STAGES_SECONDS_MAX}`);
      }
      return { kind: 'stages', seconds: Number(seconds) };
    }
    case 'leader':
      takes('leader', 0);
      return { kind: 'leader' };
    case 'transfer': {
      takes('transfer [ID]', 0, 1);
      const to = words[0] === undefined ? 0 : Number(words[0]);
      if (words[0] !== undefined && !/^[1-9][0-9]{0,8}$/.test(words[0])) {
        throw new UsageError(`bad server id "${words[0]}": expected a number from 1`);
      }
      return { kind: 'transfer', to };
    }
    case 'log':
      takes('log DIR', 1);
      return { kind: 'log', folder: words[0]! };
    case 'snapshot': {
      const [what, file] = words;
      if ((what !== 'save' && what !== 'restore' && what !== 'status') || file === undefined || words.length > 2)
        throw new UsageError('expected: rkvctl snapshot save FILE, snapshot restore FILE or snapshot status FILE');
      if (what === 'restore') return { kind: 'snapshot-restore', file, members: idsOf(members) };
      return { kind: `snapshot-${what}`, file };
    }
    case 'completion': {
      takes('completion SHELL', 1);
      const [shell] = words;
      if (!isShell(shell)) throw new UsageError(`bad shell "${shell}": expected ${SHELLS.join(', ')}`);
      return { kind: 'completion', shell };
    }
    default:
      throw new UsageError(`unknown command "${word}"`);
  }
}

function idsOf(text: string): number[] {
  const ids = text.split(',').map((part) => (/^ *[1-9]\d{0,3} *$/.test(part) ? Number(part) : 0));
  if (ids.includes(0) || new Set(ids).size < ids.length)
    throw new UsageError(`invalid value "${text}" for flag -members: expected ids of servers, as in 1,2,3, each once`);
  return ids;
}

/** What a shell is told of the commands; the usage has more. */
const WORDS: DescribedWords = {
  get: 'print the value of a key',
  put: 'set a key',
  status: 'print what every server says about itself',
  settings: 'print what every server makes of its flags',
  clients: 'print who is connected to every server',
  stages: 'print where the servers’ time goes',
  leader: 'print the id of the leader',
  transfer: 'hand leadership over',
  log: { description: 'print what is in the data folder of a server that does not run', values: 'folders' },
  snapshot: {
    description: 'save the state to a file, or make a new cluster of one',
    words: {
      save: { description: 'write the state of the cluster to a new file', values: 'files' },
      restore: { description: 'make the data folders of a new cluster from a file', values: 'files' },
      status: { description: 'print what is in a file, once all of it is checked', values: 'files' },
    },
  },
  completion: { description: 'print a script for a shell', values: SHELLS },
  help: 'print what there is',
};

/** For the shell, all that it completes of this program. */
export function completionText(shell: Shell): string {
  return completionScript(describeFlags('rkvctl', RKVCTL_FLAGS, WORDS), shell);
}

export function usage(): string {
  return `Usage: rkvctl [flags] [command]

Commands:
  get KEY          print the value of KEY (with escapes on a terminal, as it is elsewhere); where there is none,
                   print (none) and exit 2: a stored "(none)" exits 0
  put KEY VALUE    set KEY to VALUE; returns once that is durable on a quorum
  status           print what every server says about itself
  settings         print what every server makes of its flags, and which of them have no effect
  clients          print who is connected to every server, and what they take of it: the 20 that take most, and the
                   others together (with -json up to 1000); with TLS for operators
  stages [SECONDS] look for so long (default 5) where the servers' time goes, and print it: the stages of a write on
                   the leader, the disks, the event loops, and how much went together
  leader           print the id of the leader, or "no leader" and exit 1
  transfer [ID]    hand leadership to server ID, or to the most up-to-date one
  log DIR          print what is in the data folder of a server that does not run (<datadir>/rkvd-<id>): whose it is, its
                   log, records, snapshot and journal, and what is damaged; reads only, and exits 3 where a server
                   would refuse it
  snapshot save FILE
                   write the state of the cluster, as it is at some moment from now on, to a new file: that is there
                   whole or not at all
  snapshot restore FILE
                   make the data folders of a new cluster with that state, below -datadir, for servers -members and
                   engine -backend, which are then started with -recover
  snapshot status FILE
                   print what is in such a file, and who made it, once all of it is checked
  completion SHELL print a script that has bash, zsh or fish complete this: source <(rkvctl completion bash)
  help             print this; -version prints the version
Without a command: change the membership with -add or -remove, or else put load on the cluster.
A word that starts with a dash goes behind "--", as in: rkvctl put -- KEY -1

Flags, in any of the forms -flag=value, -flag value and --flag value (switches: -flag or -flag=false):
${flagDefaults(RKVCTL_FLAGS)}
Exit codes: 0 done, 1 not done or a bad command line, 2 no such key, 3 (status) there is a leader, but members do not answer,
or (log) the data are damaged.
`;
}

import { describeFlags, isShell, SHELLS } from '../cli/completion/description.ts';
import { completionScript } from '../cli/completion/scripts.ts';
import { versionText } from '../cli/version.ts';
import { ENGINE_NAMES } from '../consensus/engines.ts';
import { type FlagValue, flagDefaults, parseFlags, UsageError } from '../goflags/goFlags.ts';
import { type Address, formatAddress, isLoopback, isSameAddress, parseAddress } from '../net/endpoints/addresses.ts';
import { CredentialFlagsError, credentialFiles } from '../net/endpoints/credentialFlags.ts';
import type { CredentialFiles } from '../net/endpoints/credentials.ts';
import { SETTINGS } from '../settings/table.ts';

type RkvdFlags = { readonly [N in keyof RkvdSpecs]: FlagValue<RkvdSpecs[N]> };

/** The settings of one server, checked. */
export interface ServerConfig {
  readonly flags: RkvdFlags;
  readonly id: number;
  /** Addresses as others reach them; position i is server i + 1. */
  readonly servers: readonly Address[];
  readonly bootstrap: readonly number[];
  readonly listen: Address;
  /** Undefined without TLS. */
  readonly credentials: CredentialFiles | undefined;
}

/** The flags of an rkvd that has these engines. */
function flagsWith(engines: readonly string[]) {
  return { ...SETTINGS, backend: { ...SETTINGS.backend, choices: engines } };
}

type RkvdSpecs = ReturnType<typeof flagsWith>;

/** Throws UsageError with what was wrong; returns the answer where help, the version or a completion script was asked for. */
export function parseServerConfig(
  argv: readonly string[],
  engines: readonly string[] = ENGINE_NAMES,
): ServerConfig | string {
  if (argv[0] === 'completion') return completion(argv.slice(1), engines);
  const { values: flags, rest, asked } = parseFlags(flagsWith(engines), argv);
  if (asked !== undefined) return asked === 'help' ? rkvdUsage(engines) : `${versionText('rkvd')}\n`;
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}": rkvd takes flags only`);
  const servers = flags.servers.split(',').map((text) => address('servers', text));
  for (const [at, own] of servers.entries()) {
    const first = servers.findIndex((other) => isSameAddress(other, own));
    if (first < at) {
      throw new UsageError(
        `invalid value "${flags.servers}" for flag -servers: servers ${first + 1} and ${at + 1} have the same address`,
      );
    }
  }
  if (flags.id > servers.length) {
    throw new UsageError(`invalid value "${flags.id}" for flag -id: -servers names ${servers.length} servers`);
  }
  const bootstrap = flags.cluster.split(',').map((text) => memberId(text, servers.length));
  if (new Set(bootstrap).size < bootstrap.length) {
    throw new UsageError(`invalid value "${flags.cluster}" for flag -cluster: an id stands there twice`);
  }
  if (flags.recover && flags.rejoin) {
    throw new UsageError('-recover goes on from the data that -rejoin moves aside: expected one of them');
  }
  if (flags.survivor !== 0 && (!flags.rejoin || flags.survivor === flags.id || flags.survivor > servers.length)) {
    throw new UsageError(
      `invalid value "${flags.survivor}" for flag -survivor: expected another server of -servers, and -rejoin`,
    );
  }
  if (flags.heartbeat >= flags.election) {
    throw new UsageError(
      `-heartbeat ${flags.heartbeat}ms must be shorter than -election ${flags.election}ms, or every follower stands for election`,
    );
  }
  const own = servers[flags.id - 1]!;
  const listen = flags.listen === '' ? own : address('listen', flags.listen);
  const credentials = filesOf(flags);
  if (credentials === undefined && flags.listen === '' && !isLoopback(own.host)) {
    const here = formatAddress(own);
    throw new UsageError(
      `-servers names ${here} for this server, which others than this machine may reach, and without TLS nobody is authenticated: expected -tls-cert, -tls-key and -tls-ca, or -listen ${here} where the network is to be trusted`,
    );
  }
  return { flags, id: flags.id, servers, bootstrap, listen, credentials };
}

function filesOf(flags: RkvdFlags): CredentialFiles | undefined {
  try {
    const files = credentialFiles(flags, '-');
    const own = (path: string) => path.replaceAll('{id}', String(flags.id));
    return files && { ...files, cert: own(files.cert), key: own(files.key) };
  } catch (error) {
    if (!(error instanceof CredentialFlagsError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

function address(flag: string, text: string): Address {
  const parsed = parseAddress(text.trim());
  if (parsed === undefined) {
    throw new UsageError(`invalid value "${text}" for flag -${flag}: expected host:port or :port, such as :9201`);
  }
  return parsed;
}

function memberId(text: string, serverCount: number): number {
  const id = Number(text.trim());
  if (!/^\d+$/.test(text.trim()) || id < 1 || id > serverCount) {
    throw new UsageError(`invalid value "${text}" for flag -cluster: expected ids from 1 to ${serverCount}`);
  }
  return id;
}

function completion([shell, ...more]: readonly string[], engines: readonly string[]): string {
  if (!isShell(shell) || more.length > 0) {
    throw new UsageError(`expected a shell after completion: ${SHELLS.join(', ')}`);
  }
  const words = { completion: { description: 'print a script for a shell', values: SHELLS } };
  return completionScript(describeFlags('rkvd', flagsWith(engines), words), shell);
}

export function rkvdUsage(engines: readonly string[] = ENGINE_NAMES): string {
  return `Usage of rkvd:\n${flagDefaults(flagsWith(engines))}\nrkvd completion bash (or zsh, fish) prints a script that has the shell complete these.\n`;
}

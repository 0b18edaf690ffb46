import { z } from 'zod';
import { parseAddress, plainHost } from '../../net/endpoints/addresses.ts';
import { KEYED_SCHEMAS, saidBy } from '../../settings/fileValues.ts';
import { isSettingName, SETTING_NAMES } from '../../settings/table.ts';
import { defaultText, settingProblem } from '../../settings/values.ts';
import { suggest } from '../../yaml/suggest.ts';
import { duration, durationMs, flag, integer, objectMessage, text } from '../../yaml/values.ts';

/** Upper bound on the servers of one file: all of them run on this machine. */
const SERVERS_MAX = 64;

/** 0: one is chosen at the first start, and kept. */
const openPort = integer('a port between 1 and 65535, or 0 for one that is chosen and kept', 0, 65_535);

const address = z.custom<string>((value) => typeof value === 'string' && parseAddress(value) !== undefined, {
  error: 'expected an address such as 127.0.0.1:9201 or :9201',
});

/** It is also the name of a folder. */
export function isClusterName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value);
}

const name = z.custom<string>(isClusterName, {
  error: 'expected letters, digits, dots, dashes and underscores (at most 64)',
});

const server = z.strictObject(
  {
    id: integer('a server id from 1', 1).optional(),
    address: address.optional(),
    port: openPort.optional(),
    datadir: text('a folder').optional(),
  },
  { error: objectMessage('a server such as {id: 1, port: 9201}') },
);

const restart = z.strictObject(
  {
    enabled: flag.optional(),
    firstDelay: duration.optional(),
    maxDelay: duration.optional(),
    stableAfter: duration.optional(),
  },
  { error: objectMessage('restart settings such as {firstDelay: 500ms, maxDelay: 30s}') },
);

const extraFlags = z.record(
  z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'expected the name of an rkvd flag, without its dash' }),
  z.union([z.custom<string>((value) => typeof value === 'string' && !value.includes('\0')), z.number(), z.boolean()], {
    error: 'expected a text, a number, true or false',
  }),
  { error: 'expected rkvd flags such as {maxgrpc: 1048576}' },
);

/** One file for each server. */
const filePerServer = z.custom<string>(
  (value) => typeof value === 'string' && value.includes('{id}') && !value.includes('\0'),
  { error: 'expected a file of each server, with {id} in its path, such as certs/server-{id}.pem' },
);

const givenCertificates = z.strictObject(
  {
    cert: filePerServer,
    key: filePerServer,
    ca: text('a file with the certificate of the authority of servers'),
    clientCa: text('a file with the certificate of the authority of clients').optional(),
    crl: text('a file with lists of certificates that were revoked').optional(),
    operatorCert: text("a file with an operator's certificate"),
    operatorKey: text("a file with the operator's key"),
  },
  { error: objectMessage('true, false, or the files cert, key, ca, operatorCert and operatorKey') },
);

/** Whether certificates are made, or where they are. */
const tls = z.unknown().transform((value, context): boolean | z.infer<typeof givenCertificates> => {
  if (typeof value === 'boolean') return value;
  const checked = givenCertificates.safeParse(value);
  if (checked.success) return checked.data;
  context.issues.push(...(checked.error.issues as unknown as typeof context.issues));
  return z.NEVER;
});

const shape = {
  name: name.optional(),
  nodes: integer(`a number of servers between 1 and ${SERVERS_MAX}`, 1, SERVERS_MAX).optional(),
  basePort: openPort.optional(),
  servers: z
    .array(server, { error: 'expected a list of servers' })
    .min(1, { error: 'expected at least one server' })
    .max(SERVERS_MAX, { error: `expected at most ${SERVERS_MAX} servers` })
    .optional(),
  cluster: z
    .array(integer('a server id from 1', 1), { error: 'expected a list of server ids such as [1, 2, 3]' })
    .min(1, { error: 'expected at least one server id' })
    .optional(),
  ...KEYED_SCHEMAS,
  metricsBasePort: openPort.optional(),
  datadir: text('a folder').optional(),
  tls: tls.optional(),
  restart: restart.optional(),
  flags: extraFlags.optional(),
};

const freeFlags = SETTING_NAMES.filter((name) => saidBy(name) === undefined);

/** What `tls` says by itself. */
const TLS_FLAGS: ReadonlySet<string> = new Set(['tls-cert', 'tls-key', 'tls-ca', 'client-ca', 'tls-crl']);

/** Addresses at which a server would take the port on all of the machine's. */
const EVERY_HOST: ReadonlySet<string> = new Set(['0.0.0.0', '[::]']);

type Unchecked = z.infer<z.ZodObject<typeof shape>>;
type Complain = (path: (string | number)[], message: string) => void;

function checkServers(config: Unchecked, complain: Complain): void {
  const { servers } = config;
  if (servers === undefined) return;
  if (config.nodes !== undefined) complain(['nodes'], 'expected either nodes or servers, not both');
  if (config.basePort !== undefined) complain(['basePort'], 'expected either basePort or servers, not both');
  const takenBy = new Map<number, { readonly host: string; readonly id: number }[]>();
  servers.forEach((one, position) => {
    const id = position + 1;
    if (one.id !== undefined && one.id !== id) {
      complain(['servers', position, 'id'], `expected ${id} (a server's id is its place in the list)`);
    }
    if ((one.address === undefined) === (one.port === undefined)) {
      complain(['servers', position], 'expected either a port or an address');
      return;
    }
    if (one.port === 0) return;
    const { host, port: taken } = parseAddress(one.address ?? `:${one.port}`)!;
    const there = takenBy.get(taken) ?? [];
    const owner = there.find((other) => isSameHost(other.host, host));
    if (owner !== undefined) {
      const key = one.port === undefined ? 'address' : 'port';
      complain(['servers', position, key], `expected a port of its own (server ${owner.id} has it)`);
    }
    takenBy.set(taken, [...there, { host, id }]);
  });
}

/** Whether two servers of this machine would listen at the same place, were their ports the same. */
function isSameHost(one: string, other: string): boolean {
  const [a, b] = [one, other].map((host) => (plainHost(host) === 'localhost' ? '127.0.0.1' : plainHost(host)));
  return a === b || EVERY_HOST.has(a!) || EVERY_HOST.has(b!);
}

function checkCluster(config: Unchecked, complain: Complain): void {
  const count = config.servers?.length ?? config.nodes ?? 3;
  const seen = new Set<number>();
  config.cluster?.forEach((id, position) => {
    if (id > count) complain(['cluster', position], `expected the id of one of the ${count} servers`);
    else if (seen.has(id)) complain(['cluster', position], 'expected every server id once');
    seen.add(id);
  });
  const isTooHigh = (first: number | undefined) => first !== undefined && first + count - 1 > 65_535;
  const message = `expected room for ${count} ports up to 65535`;
  if (config.servers === undefined && isTooHigh(config.basePort)) complain(['basePort'], message);
  if (isTooHigh(config.metricsBasePort)) complain(['metricsBasePort'], message);
}

function checkTimers(config: Unchecked, complain: Complain): void {
  const electionMs = durationMs(config.election ?? defaultText('election'));
  const heartbeatMs = durationMs(config.heartbeat ?? defaultText('heartbeat'));
  if (heartbeatMs >= electionMs) {
    const key = config.heartbeat === undefined ? 'election' : 'heartbeat';
    const other =
      key === 'heartbeat'
        ? `below the election timeout`
        : `above the heartbeat interval of ${defaultText('heartbeat')}`;
    complain([key], `expected a duration ${other}`);
  }
  const { firstDelay, maxDelay } = config.restart ?? {};
  if (firstDelay !== undefined && maxDelay !== undefined && durationMs(maxDelay) < durationMs(firstDelay)) {
    complain(['restart', 'maxDelay'], 'expected at least firstDelay');
  }
}

/** What rkvd would say is told here with file and line. */
function checkFlags(config: Unchecked, complain: Complain): void {
  for (const [key, value] of Object.entries(config.flags ?? {})) {
    const problem = flagProblem(key, String(value), config.tls !== undefined && config.tls !== false);
    if (problem !== undefined) complain(['flags', key], problem);
  }
}

function flagProblem(name: string, text: string, hasTls: boolean): string | undefined {
  if (!isSettingName(name)) {
    const meant = suggest(name, freeFlags);
    return `expected a flag of rkvd (${meant === undefined ? freeFlags.join(', ') : `did you mean ${meant}?`})`;
  }
  if (hasTls && TLS_FLAGS.has(name)) return 'expected either tls or this flag';
  const instead = saidBy(name);
  return instead === undefined ? settingProblem(name, text) : `expected a flag that no other key sets (use ${instead})`;
}

/** What a cluster file may say. Every key is optional: without any it is a gorums cluster of three. */
export const clusterSchema = z
  .strictObject(shape, { error: objectMessage('a mapping of keys such as backend: gorums') })
  .superRefine((config, context) => {
    const complain: Complain = (path, message) => context.addIssue({ code: 'custom', path, message });
    checkServers(config, complain);
    checkCluster(config, complain);
    checkTimers(config, complain);
    checkFlags(config, complain);
  });

/** A cluster file's contents, or the same given by a program. Durations are Go's (`20ms`). */
export type ClusterConfig = Unchecked;

/** The keys that the object at `path` may have. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path.length === 0) return Object.keys(shape);
  if (path[0] === 'servers') return Object.keys(server.shape);
  if (path[0] === 'tls') return Object.keys(givenCertificates.shape);
  return path[0] === 'restart' ? Object.keys(restart.shape) : [];
}

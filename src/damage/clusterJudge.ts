import { setTimeout as pause } from 'node:timers/promises';
import { printableLines } from '../cli/printable.ts';
import { RkvClient } from '../client/rkvClient.ts';
import { takeFreePorts } from '../supervisor/process/freePorts.ts';
import { localClientSecurity } from '../supervisor/tls/localSecurity.ts';
import { ExitCode } from '../wire/supervision.ts';
import { type Prepared, SERVERS } from './prepare.ts';
import { Rkvd } from './rkvd.ts';
import type { Verdict } from './verdict.ts';

const TIMEOUT_MS = 120_000;
/** A machine may be busy with much else; what is judged is what is answered. */
const LOOKUP_TIMEOUT_MS = 120_000;
const LOOKUPS_AT_ONCE = 50;
const POLL_MS = 50;

/**
 * Starts the damaged server beside the one that lags: together they are a majority, so that whatever the damaged one forgot
 * is forgotten. Either it refuses, and the lagging one with the third serves everything; or the two of them do.
 */
export async function judgeCluster(prepared: Prepared, dataDirectory: string, damaged: number): Promise<Verdict> {
  const { engine, laggingServer, acknowledged, tls } = prepared;
  const security = localClientSecurity(prepared.folder, tls !== undefined);
  const ports = await takeFreePorts(SERVERS.length);
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const client = new RkvClient({ addresses, security, timeoutMs: LOOKUP_TIMEOUT_MS });
  const start = (id: number) => new Rkvd({ id, engine, ports, dataDirectory, tls });
  const servers = [start(laggingServer), start(damaged)];
  try {
    const exit = await endOrLeader(servers[1]!, client);
    if (exit !== undefined) {
      const { errors, refusal } = servers[1]!;
      const isNamed = exit.code === ExitCode.RefusedData && refusal !== undefined && isOneLineOf(errors, refusal.why);
      if (!isNamed)
        return {
          outcome: 'failure',
          what: `the server ended with ${exit.code ?? exit.signal}: ${errors.slice(0, 300)}`,
        };
      servers.push(start(SERVERS.find((id) => id !== laggingServer && id !== damaged)!));
    }
    const wrong = await wrongKeys(client, acknowledged);
    if (wrong !== undefined) return { outcome: 'failure', what: wrong };
    if (exit === undefined) return { outcome: 'served', what: '' };
    return { outcome: 'refused, others served', what: servers[1]!.refusal!.error };
  } finally {
    client.close();
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
  }
}

/** Whether that is all that people are told. */
function isOneLineOf(printed: string, why: string): boolean {
  const [line, ...rest] = printed.split('\n');
  return line!.includes(printableLines(why)) && rest.length === 1 && rest[0] === '';
}

/** How the server ended, or undefined once there is a leader. */
async function endOrLeader(server: Rkvd, client: RkvClient): Promise<Rkvd['exit']> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (server.exit === undefined && performance.now() < deadlineMs) {
    const leader = await client.leader({ timeoutMs: 1000 }).catch(() => undefined);
    if (leader !== undefined) return server.exit;
    await pause(POLL_MS);
  }
  return server.exit;
}

/** The first key that does not hold what was acknowledged last, in words. */
async function wrongKeys(client: RkvClient, acknowledged: ReadonlyMap<string, string>): Promise<string | undefined> {
  const keys = [...acknowledged.keys()];
  for (let at = 0; at < keys.length; at += LOOKUPS_AT_ONCE) {
    const group = keys.slice(at, at + LOOKUPS_AT_ONCE);
    const values = await Promise.all(
      group.map((key) => client.lookup(key).catch((error: unknown) => `(no answer: ${String(error)})`)),
    );
    for (const [i, key] of group.entries()) {
      const expected = acknowledged.get(key)!;
      if (values[i] === expected) continue;
      return `${key} holds ${values[i]?.slice(0, 40) ?? 'nothing'}, acknowledged was ${expected.slice(0, 40)}`;
    }
  }
  return undefined;
}

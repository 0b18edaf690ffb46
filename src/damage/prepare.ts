import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { RkvError } from '../client/errors.ts';
import { RkvClient } from '../client/rkvClient.ts';
import { takeFreePorts } from '../supervisor/process/freePorts.ts';
import { localClientSecurity, makeLocalCertificates } from '../supervisor/tls/localSecurity.ts';
import type { TlsPlan } from '../supervisor/tls/tlsPlan.ts';
import type { ServerData } from './damages.ts';
import { Rkvd } from './rkvd.ts';

export const SERVERS = [1, 2, 3] as const;
const KEYS_PER_STEP = 120;
/** Of one value of the last life: more than is stored in one piece, less than servers take by default. */
const LARGE_VALUE_BYTES = 6 * 1024 * 1024;
const LARGE_KEY = 'large';
/** How often something is written: in each of two lives, and twice in the last one. */
const STEPS = 4;
/** Nothing is under way so long after the last acknowledgement. */
const QUIET_MS = 500;
const LEADER_TIMEOUT_MS = 120_000;

/** There is nothing to damage: a cluster that nobody harmed did not do what it was to do. */
export class PreparationError extends Error {
  override readonly name = 'PreparationError';
}

/** What a cluster left when it was killed, and what it had acknowledged. */
export interface Prepared {
  readonly engine: string;
  /** `<folder>/final` and `<folder>/older` are data directories of all three. */
  readonly folder: string;
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Does not know the last writes; the others do. */
  readonly laggingServer: number;
  /** Of servers that want to see certificates. */
  readonly tls: TlsPlan | undefined;
}

export function serverData(dataDirectory: string, id: number): ServerData {
  return { folder: join(dataDirectory, `rkvd-${id}`), promised: join(dataDirectory, `rkvd-${id}.promised`) };
}

/**
 * Runs a cluster through several lives, so that there are tables, snapshots and a log that holds much, and keeps what it left:
 * once when it was stopped halfway, and once when all were killed after one of them had been away for a while. Throws PreparationError.
 */
export async function prepare(engine: string, folder: string, isTls = false): Promise<Prepared> {
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  const ports = await takeFreePorts(SERVERS.length);
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const acknowledged = new Map<string, string>();
  const tls = isTls ? await makeLocalCertificates(folder, 'damage', SERVERS) : undefined;
  const security = localClientSecurity(folder, isTls);
  const start = () => SERVERS.map((id) => new Rkvd({ id, engine, ports, dataDirectory: data, tls }));
  let step = 0;
  const write = async () => {
    const client = new RkvClient({ addresses, security, timeoutMs: LEADER_TIMEOUT_MS });
    try {
      const session = await client.openSession();
      step++;
      if (step === STEPS) {
        const value = 'v'.repeat(LARGE_VALUE_BYTES);
        await session.insert(LARGE_KEY, value);
        acknowledged.set(LARGE_KEY, value);
      }
      for (let i = 0; i < KEYS_PER_STEP; i++) {
        const key = `key-${i % 100}-${step % 2}`;
        const value = `${step}.${i}:`.padEnd(20 + ((i * 37) % 400), '*');
        await session.insert(key, value);
        acknowledged.set(key, value);
      }
    } finally {
      client.close();
    }
    await pause(QUIET_MS);
  };
  const end = (servers: readonly Rkvd[], signal: NodeJS.Signals) =>
    Promise.all(servers.map((server) => server.end(signal)));

  for (const life of [1, 2]) {
    const servers = start();
    await whileAllRun(servers, write()).finally(() => end(servers, life === 1 ? 'SIGTERM' : 'SIGKILL'));
  }
  await cp(data, join(folder, 'older'), { recursive: true });
  const servers = start();
  const laggingServer = 3;
  try {
    await whileAllRun(servers, write());
    await servers[laggingServer - 1]!.end('SIGKILL');
    const others = servers.filter(({ id }) => id !== laggingServer);
    await whileAllRun(others, write());
  } finally {
    await end(servers, 'SIGKILL');
  }
  await cp(data, join(folder, 'final'), { recursive: true });
  return { engine, folder, acknowledged, laggingServer, tls };
}

/** Throws PreparationError where a server ends meanwhile, or `work` fails. */
async function whileAllRun(servers: readonly Rkvd[], work: Promise<void>): Promise<void> {
  const ended = servers.map(async (server) => {
    const { code, signal } = await server.exited;
    const words = server.errors.trim().split('\n')[0] || 'without a word';
    throw new PreparationError(`server ${server.id} ended with ${signal ?? `exit code ${code}`}: ${words}`);
  });
  const done = work.catch((error: unknown) => {
    throw error instanceof RkvError ? new PreparationError(error.message, { cause: error }) : error;
  });
  await Promise.race([done, ...ended]);
}

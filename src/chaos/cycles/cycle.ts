import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ReachedServers } from '../../client/rkvClient.ts';
import type { Random } from '../../simulator/random.ts';
import { askSupervisor, ControlError } from '../../supervisor/control/client.ts';
import { controlPath, readRunningState } from '../../supervisor/control/stateFile.ts';
import { localClientSecurity } from '../../supervisor/tls/localSecurity.ts';
import { type Ledger, readBack } from '../ledger.ts';
import { Writers } from '../writers.ts';
import { type CyclePlan, drawCycle } from './plan.ts';
import { type Place, Program, runProgram } from './programs.ts';
import { MARK, remains } from './remains.ts';

/** Something is not as it should be after a run. */
export class CycleError extends Error {
  override readonly name = 'CycleError';
}

/** Where the cluster lives from one cycle to the next. */
export interface Site {
  readonly folder: string;
  readonly file: string;
  readonly directory: string;
  readonly temporary: string;
  readonly ledger: Ledger;
  readonly faultsMs: number;
  readonly tls: boolean;
}

/** What one cycle came to. */
export interface CycleReport {
  readonly plan: CyclePlan;
  readonly acknowledged: number;
  readonly unknown: number;
  /** Steps that the cluster took; others were refused, such as with nobody to hit. */
  readonly steps: number;
  /** Acknowledged writes of this cycle and earlier ones that were looked for, and were there. */
  readonly readBack: number;
}

const ASK_MS_MAX = 30_000;
/** How long what is over may take to be gone: rkvd allows itself 10 s. */
const GONE_MS_MAX = 20_000;
const GONE_POLL_MS = 50;
/** Writes of earlier cycles that are read back in each. */
const EARLIER_COUNT = 200;

/** The programs see a temporary folder that nobody else uses. */
function placeOf({ folder, temporary }: Site): Place {
  return { folder, environment: { TMPDIR: temporary, [MARK]: folder } };
}

/**
 * Starts a cluster on the data that it has, looks for what was acknowledged before, breaks it while clients write, and ends it. Throws
 * CycleError and LostWriteError.
 */
export async function runCycle(site: Site, number: number, seen: number, random: Random): Promise<CycleReport> {
  const plan = drawCycle(random, site.faultsMs);
  const up = await start(site, plan.isDetached);
  const { ledger } = site;
  const supervisor = readRunningState(site.directory);
  if (supervisor === undefined) throw new CycleError('the cluster is up, and no supervisor runs');
  const servers = serversOf(site);
  const read = await readBack(servers, ledger.sample(seen, EARLIER_COUNT, random));
  const before = ledger.count;
  const writers = new Writers(servers, {
    write: (writer, count) => ({ key: `${number}.${writer}.${count}`, value: `${number}:${count}` }),
    onAcknowledged: (write) => ledger.note(write),
  });
  let steps = 0;
  try {
    await writers.served(1);
    steps = await takeSteps(site, plan);
    await end(site, plan, supervisor.supervisor.pid);
  } finally {
    await writers.close();
  }
  await up?.ended;
  await expectGone(site, servers.addresses, plan.end === 'SIGKILL');
  return { plan, acknowledged: ledger.count - before, unknown: writers.unknown, steps, readBack: read };
}

/** Starts the cluster once more, and reads back all that was ever acknowledged. Resolves with how many writes that were. */
export async function readAllBack(site: Site): Promise<number> {
  const up = await start(site, false);
  const servers = serversOf(site);
  const count = await readBack(servers, site.ledger.all());
  await runProgram('rkv-cluster', ['down', site.file], placeOf(site));
  await up?.ended;
  await expectGone(site, servers.addresses, false);
  return count;
}

/** How a client reaches the servers of a cluster that is up. */
function serversOf({ directory, tls }: Site): ReachedServers {
  const addresses = readRunningState(directory)!.servers.map(({ address }) => address);
  return { addresses, security: localClientSecurity(directory, tls) };
}

/** Undefined where it was detached. */
async function start(site: Site, isDetached: boolean): Promise<Program | undefined> {
  const place = placeOf(site);
  const complain = (printed: string): never => {
    throw new CycleError(`the cluster did not come up:\n${printed}`);
  };
  if (isDetached) {
    const { code, out, err } = await runProgram('rkv-cluster', ['up', site.file, '--detach'], place);
    return code === 0 ? undefined : complain(out + err);
  }
  const up = new Program('rkv-cluster', ['up', site.file], place);
  return (await up.bringsUp(site.directory)) ? up : complain(up.out + up.err);
}

/** Resolves with how many were taken. */
async function takeSteps({ directory, faultsMs }: Site, { steps }: CyclePlan): Promise<number> {
  const taken = await Promise.all(
    steps.map(async ({ atMs, request }): Promise<number> => {
      await pause(atMs);
      try {
        await askSupervisor(controlPath(directory), request, ASK_MS_MAX);
        return 1;
      } catch (error) {
        // A server is down already, or nobody leads.
        if (!(error instanceof ControlError)) throw error;
        return 0;
      }
    }),
  );
  // The last fault may be in force still: what ends a cluster has to undo it.
  await pause(Math.max(0, faultsMs - (steps.at(-1)?.atMs ?? 0)));
  return taken.reduce((sum, one) => sum + one, 0);
}

async function end(site: Site, plan: CyclePlan, supervisor: number): Promise<void> {
  if (plan.end !== 'down') {
    process.kill(supervisor, plan.end);
    return;
  }
  const { code, err } = await runProgram('rkv-cluster', ['down', site.file], placeOf(site));
  if (code !== 0) throw new CycleError(`down failed: ${err}`);
}

async function expectGone(site: Site, addresses: readonly string[], isKilled: boolean): Promise<void> {
  const deadlineMs = performance.now() + GONE_MS_MAX;
  for (;;) {
    const left = await remains(site, addresses, isKilled);
    if (left.length === 0) return;
    if (performance.now() > deadlineMs) throw new CycleError(`left behind: ${left.join(', ')}`);
    await pause(GONE_POLL_MS);
  }
}

export function siteIn(folder: string, ledger: Ledger, { faultsMs, tls }: Pick<Site, 'faultsMs' | 'tls'>): Site {
  return {
    folder,
    file: join(folder, 'cycles.yaml'),
    directory: join(folder, 'rkv-data', 'cycles'),
    temporary: join(folder, 'tmp'),
    ledger,
    faultsMs,
    tls,
  };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { packagePath } from '../cli/packagePath.ts';
import { printable, printableLines } from '../cli/printable.ts';
import type { CommandOutput } from '../cli/terminal.ts';
import { RkvClient } from '../client/rkvClient.ts';
import { makeFolder, openPrivateLog } from '../files/privateFile.ts';
import { readLastBytes } from '../files/tail.ts';
import { clientSecurity } from '../net/endpoints/clientSecurity.ts';
import type { Security } from '../net/endpoints/security.ts';
import { askStatus } from './askStatus.ts';
import type { ClusterPlan } from './clusterPlan.ts';
import { expectNotRunning } from './control/stateFile.ts';
import { renderStatus } from './statusTable.ts';
import { renderTls } from './tls/clientCommand.ts';
import type { ClusterStatus } from './up.ts';

/** This package's own command. */
const PROGRAM = packagePath('bin', 'rkv-cluster');

/** What `up` says where it has no terminal, in the cluster's folder. */
const LOG = 'supervisor.log';
/** How much of that is shown of a supervisor that did not bring its cluster up. */
const SHOWN_BYTES_MAX = 4096;
const POLL_MS = 50;
/** A cluster that has a leader takes a write within this, ms: some elections of the slowest cluster file. */
const WRITE_MS_MAX = 60_000;

export interface DetachedOptions {
  /** The arguments of the `up` that stays. */
  readonly args: readonly string[];
  readonly onInterrupt: (interrupt: () => void) => () => void;
}

/**
 * Starts a supervisor that stays when this process ends, and waits until its cluster has a leader that committed a write. Resolves with
 * the exit code: 1 where the supervisor ended first, with the last of what it said on stderr. Throws AlreadyRunningError.
 */
export async function upDetached(
  plan: ClusterPlan,
  { args, onInterrupt }: DetachedOptions,
  terminal: CommandOutput,
): Promise<number> {
  // Before its log is touched, and before it is taken for the one that is started here.
  expectNotRunning(plan.directory);
  const log = join(plan.directory, LOG);
  const supervisor = start(plan.directory, log, args);
  const stopListening = onInterrupt(() => supervisor.kill('SIGINT'));
  let hasEnded = false;
  const ended = new Promise<void>((done) => {
    // `error`: it could not be started.
    for (const event of ['exit', 'error']) supervisor.once(event, () => done());
  }).then(() => {
    hasEnded = true;
  });
  try {
    const outcome = await Promise.race([serving(plan, () => hasEnded), ended.then(() => undefined)]);
    if (outcome === undefined) {
      await ended;
      terminal.err(`rkv-cluster: ${printable(plan.name)} did not come up; the last of ${printable(log)}:`);
      terminal.err(printableLines(readLastBytes(log, SHOWN_BYTES_MAX)).trimEnd());
      return 1;
    }
    terminal.out([renderStatus(outcome.servers), ...renderTls(outcome)].join('\n'));
    const [name, place] = [plan.name, log].map((text) => printable(text));
    terminal.out(`${name} runs (pid ${outcome.pid}); rkv-cluster down stops it, and ${place} has what happens`);
    return 0;
  } finally {
    stopListening();
    // It stays, and this process need not wait for it.
    supervisor.unref();
  }
}

/** The log begins anew, and the one before stands beside it. */
function start(directory: string, log: string, upArgs: readonly string[]): ChildProcess {
  makeFolder(directory);
  try {
    renameSync(log, `${log}.1`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const descriptor = openPrivateLog(log);
  try {
    const args = [PROGRAM, 'up', ...upArgs];
    return spawn(process.execPath, args, { detached: true, stdio: ['ignore', descriptor, descriptor] });
  } finally {
    closeSync(descriptor);
  }
}

/** How the cluster is once it has committed a write; undefined where the supervisor ended before somebody led. */
async function serving(plan: ClusterPlan, hasEnded: () => boolean): Promise<ClusterStatus | undefined> {
  const led = await whenLed(plan, hasEnded);
  if (led === undefined) return undefined;
  await commitWrite(
    led.servers.map(({ address }) => address),
    clientSecurity(led.tls ?? undefined),
  );
  return whenLed(plan, hasEnded);
}

async function whenLed(plan: ClusterPlan, hasEnded: () => boolean): Promise<ClusterStatus | undefined> {
  while (!hasEnded()) {
    const status = await askStatus(plan.directory);
    if (status?.servers.some(({ role }) => role === 'leader')) return status;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
  return undefined;
}

/** A session: nobody's keys are touched. */
async function commitWrite(addresses: readonly string[], security: Security): Promise<void> {
  const client = new RkvClient({ addresses, security });
  try {
    await client.openSession({ timeoutMs: WRITE_MS_MAX });
  } finally {
    client.close();
  }
}

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type ReachedServers, RkvClient } from '../client/rkvClient.ts';
import type { EngineName } from '../consensus/engines.ts';
import type { ServerProgram } from '../supervisor/cluster.ts';
import { type ClusterEvent, describeEvent, describeExit } from '../supervisor/events.ts';
import { type RunningCluster, startCluster } from '../supervisor/launcher.ts';
import { localClientFiles, localClientSecurity } from '../supervisor/tls/localSecurity.ts';
import type { AttackerData } from './attack.ts';
import type { Case } from './cases.ts';
import { WellBehavedClient } from './wellBehaved.ts';

/** An attack that takes longer is ended. */
const ATTACK_MS_MAX = 180_000;
const SAMPLE_MS = 100;
const RESTART_MS_MAX = 30_000;
/** How long answers are counted for a throughput. */
const THROUGHPUT_MS = 10_000;

export interface AttackReport {
  readonly name: string;
  readonly engine: string;
  readonly attack: string;
  /** Most that a server had resident before the attack, and during it, MiB. */
  readonly rssBeforeMib: number;
  readonly rssMib: number;
  readonly gapMs: number;
  readonly answersPerSecond: number;
  readonly leaderChanges: number;
  /** Of the answers a second of before, what was left while all was open, where that matters. */
  readonly throughputShare?: number;
  readonly seconds: number;
  /** Why it does not hold; empty where it does. */
  readonly failures: readonly string[];
}

export interface RunOptions {
  readonly engine: EngineName;
  /** The server's program: node, and rkvd of this package or of another checkout. */
  readonly program: ServerProgram;
  readonly scale: number;
  /** Servers take certificates alone, and the attacker and the clients beside it have a client's. */
  readonly tls: boolean;
}

/** Starts servers of its own, attacks them and stops them. */
export async function runCase(one: Case, { engine, program, scale, tls }: RunOptions): Promise<AttackReport> {
  const exits: string[] = [];
  let areStopped = false;
  const onEvent = (event: ClusterEvent) => {
    if (event.type === 'crashed' || (event.type === 'ended' && !areStopped))
      exits.push(`server ${event.id} ended: ${describeExit(event.exit)}`);
    if (event.type === 'refused') exits.push(describeEvent(event));
  };
  const cluster = await startCluster(
    {
      name: 'attack',
      nodes: one.nodes,
      backend: engine,
      metrics: false,
      tls,
      restart: { enabled: false },
      flags: one.flags ?? {},
    },
    { program: withOpenFiles(program, one.openFiles), onEvent },
  );
  const { addresses, plan } = cluster;
  const servers = { addresses, security: localClientSecurity(plan.directory, tls) };
  const client = new WellBehavedClient(servers);
  const others = Array.from(
    { length: (one.clients ?? 1) - 1 },
    (_none, i) => new WellBehavedClient(servers, `well-behaved ${i}`),
  );
  const clients = [client, ...others];
  try {
    await Promise.all(clients.map((each) => each.start()));
    await sleep(1000);
    const before = rssMib(cluster);
    const termBefore = await termOf(cluster);
    const leader = cluster.addresses[(await cluster.waitForLeader({ timeoutMs: 10_000 })) - 1]!;
    let peak = before;
    const sampler = setInterval(() => {
      peak = Math.max(peak, rssMib(cluster));
    }, SAMPLE_MS);
    const { throughputShareMin } = one;
    const usualPerSecond = throughputShareMin === undefined ? 0 : await answersPerSecond(clients);
    client.restart();
    const beganMs = performance.now();
    const whileHeld = async () => ({
      seconds: (performance.now() - beganMs) / 1000,
      answers: client.answers,
      share: throughputShareMin === undefined ? undefined : (await answersPerSecond(clients)) / usualPerSecond,
    });
    const credentials = tls ? localClientFiles(plan.directory) : undefined;
    const target = { addresses, leader, scale, engine, credentials };
    const { did, failed, held } = await attackWith(one.name, target, whileHeld);
    const { seconds, answers, share } = held;
    clearInterval(sampler);
    exits.push(...clients.flatMap(({ errors }) => errors));
    await Promise.all(clients.map((each) => each.stop()));
    const leaderChanges = (await termOf(cluster)) - termBefore;
    areStopped = true;
    if (one.restarts === true) exits.push(...(await restartAll(cluster, servers)));
    const gapMs = Math.round(Math.max(...clients.map(({ longestGapMs }) => longestGapMs)));
    const figures = { rssMib: peak, gapMs, leaderChanges, ...(share === undefined ? {} : { throughputShare: share }) };
    return {
      name: one.name,
      engine,
      attack: did,
      rssBeforeMib: before,
      ...figures,
      answersPerSecond: Math.round(answers / seconds),
      seconds: Math.round(seconds),
      failures: [...failuresOf(one, figures), ...exits, ...(failed ? [`the attack ${did}`] : [])],
    };
  } finally {
    await Promise.all(clients.map((each) => each.stop()));
    await cluster.stopNow();
  }
}

/** One after the other, and then all at once. Returns what does not come back. */
async function restartAll(cluster: RunningCluster, servers: ReachedServers): Promise<string[]> {
  const ids = cluster.addresses.map((_address, i) => i + 1);
  try {
    for (const id of ids) {
      await cluster.restart(id);
      await untilAllFollow(cluster);
    }
    await Promise.all(ids.map((id) => cluster.restart(id)));
    await untilAllFollow(cluster);
    const client = new WellBehavedClient(servers);
    await client.start();
    await client.stop();
    return client.errors;
  } catch (error) {
    return [`after the attack: ${(error as Error).message}`];
  }
}

async function untilAllFollow(cluster: RunningCluster): Promise<void> {
  const endMs = performance.now() + RESTART_MS_MAX;
  for (;;) {
    const away = (await cluster.status()).filter(({ leader = 0 }) => leader === 0).map(({ id }) => id);
    if (away.length === 0) return;
    if (performance.now() > endMs) throw new Error(`server ${away.join(', ')} did not come back`);
    await sleep(SAMPLE_MS);
  }
}

export function failuresOf(
  { rssMibMax, gapMsMax, throughputShareMin = 0 }: Case,
  {
    rssMib,
    gapMs,
    leaderChanges,
    throughputShare = 1,
  }: Pick<AttackReport, 'rssMib' | 'gapMs' | 'leaderChanges' | 'throughputShare'>,
): string[] {
  const failures: string[] = [];
  if (throughputShare < throughputShareMin) {
    const [left, least] = [throughputShare, throughputShareMin].map((share) => `${Math.round(100 * share)} %`);
    failures.push(`${left} of the answers a second were left, at least ${least} have to be`);
  }
  if (rssMib > rssMibMax) failures.push(`a server took ${rssMib} MiB, at most ${rssMibMax} are allowed`);
  if (gapMs > gapMsMax)
    failures.push(`the client was without an answer for ${gapMs} ms, at most ${gapMsMax} are allowed`);
  if (leaderChanges > 0) failures.push(`leadership changed: ${leaderChanges} terms`);
  return failures;
}

/** Of all of them together, over a while. */
async function answersPerSecond(clients: readonly WellBehavedClient[]): Promise<number> {
  const count = () => clients.reduce((sum, { answers }) => sum + answers, 0);
  const [before, beganMs] = [count(), performance.now()];
  await sleep(THROUGHPUT_MS);
  return ((count() - before) * 1000) / (performance.now() - beganMs);
}

interface Outcome {
  readonly did: string;
  readonly failed: boolean;
}

/** `held` is what comes of `whileHeld`: what is to be done once it has done all, and holds it open. */
async function attackWith<T>(
  name: string,
  target: AttackerData['target'],
  whileHeld: () => Promise<T>,
): Promise<Outcome & { readonly held: T }> {
  const worker = new Worker(new URL('./attacker.js', import.meta.url), {
    workerData: { name, target } satisfies AttackerData,
  });
  try {
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      setTimeout(() => resolve({ did: 'was ended after its time', failed: true }), ATTACK_MS_MAX).unref();
    });
    return { ...outcome, held: await whileHeld() };
  } finally {
    await worker.terminate();
  }
}

function withOpenFiles(program: ServerProgram, openFiles: number | undefined): ServerProgram {
  if (openFiles === undefined) return program;
  return { file: 'sh', args: ['-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, program.file, ...program.args] };
}

/** Of the server that takes most. */
function rssMib(cluster: RunningCluster): number {
  let most = 0;
  for (const pid of cluster.pids().values()) {
    try {
      const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      most = Math.max(most, Math.round(Number(kib ?? 0) / 1024));
    } catch {
      // It has ended, which is told elsewhere.
    }
  }
  return most;
}

/** The highest term that a server knows. */
async function termOf(cluster: RunningCluster): Promise<number> {
  const client = new RkvClient({ addresses: cluster.addresses, security: cluster.security });
  const terms = (await client.statuses()).map((report) => ('status' in report ? report.status.term : 0));
  client.close();
  return Math.max(...terms);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { packagePath } from '../../cli/packagePath.ts';
import type { Address } from '../../net/endpoints/addresses.ts';
import type { RunningCluster } from '../../supervisor/launcher.ts';
import { type FailoverFigures, lossOf, type OverloadFigures, percent, unmetBounds } from './bounds.ts';
import { callCosts } from './callCosts.ts';
import { Load, type Measured } from './load.ts';
import { keyAndValue, OriginalClient } from './originalClient.ts';
import { RetryWheel } from './retryWheel.ts';

/** Calls that each client has in flight while the peak is looked for. */
const PEAK_IN_FLIGHT = 64;
const RETRYING_CLIENTS = 20;
const RETRYING_IN_FLIGHT = 50;
const PROBE_BACKOFF_MS = 16;
/** Where the burner is as JavaScript. */
const BURNER = packagePath('dist', 'bench', 'overload', 'burner.js');
/** What the burner runs longer than what it stands beside: its start, and the warm-up. */
const BURNER_SPARE_SECONDS = 3;

export interface OverloadOptions {
  readonly cluster: RunningCluster;
  readonly addresses: readonly Address[];
  readonly clients: number;
  readonly seconds: number;
  readonly factor: number;
  readonly rate: number | undefined;
  readonly repeats: number;
  readonly failovers: number;
  /** Told a line for each phase, as it ends. */
  readonly say: (line: string) => void;
}

/** Runs the phases one after the other. Returns which bounds are not met, in words. */
export async function measureOverload(options: OverloadOptions): Promise<string[]> {
  const { cluster, addresses, say } = options;
  say(await callCosts(cluster, addresses, (await leaderOf(cluster)).id));
  const repeats: OverloadFigures[] = [];
  for (let i = 0; i < options.repeats; i++) repeats.push(await beyondThePeak(options));
  return unmetBounds(repeats, await failovers(options));
}

async function beyondThePeak(options: OverloadOptions): Promise<OverloadFigures> {
  const { cluster, addresses, clients, seconds, factor, rate, say } = options;
  const load = new Load(addresses, clients, () => cluster.pids());
  await load.start();
  try {
    const leader = await leaderOf(cluster);
    const peak = await load.closed(PEAK_IN_FLIGHT, seconds);
    const peakPerSecond = perSecond(peak);
    say(describe(`peak, ${clients * PEAK_IN_FLIGHT} calls in flight`, peak, leader.id));
    const offeredPerSecond = Math.round(rate ?? factor * peakPerSecond);
    const before = await leaderOf(cluster);
    const over = await load.open(offeredPerSecond, seconds);
    // What is left unanswered is retried for ever: it must not stand beside what follows.
    load.stop();
    const termsLater = (await leaderOf(cluster)).term - before.term;
    const kept = perSecond(over) / peakPerSecond;
    const led = termsLater === 0 ? 'no leader lost' : `${termsLater} terms later`;
    say(`${describe(`${offeredPerSecond}/s offered`, over, before.id)}; ${percent(kept)} of the peak; ${led}`);
    const burnt = Math.max(0, busyPart(over) - busyPart(peak));
    const control = (await besideBurner(options, burnt)) / peakPerSecond;
    const loss = lossOf(kept, control);
    say(
      `the peak beside a process that takes ${percent(burnt)} of a core, as the clients do more under overload: ${percent(control)} of the peak; ` +
        `so of the ${percent(loss.clients + loss.servers)} that overload loses, ${percent(loss.clients)} are the clients' share of the cores and ${percent(loss.servers)} the servers'`,
    );
    const { sinceSentMs } = over.tally;
    const [acceptedP50Ms, acceptedP99Ms] = [percentile(sinceSentMs, 0.5), percentile(sinceSentMs, 0.99)];
    return {
      peakPerSecond,
      offeredPerSecond,
      keptPerSecond: perSecond(over),
      acceptedP50Ms,
      acceptedP99Ms,
      termsLater,
    };
  } finally {
    load.stop();
  }
}

/** The peak per second beside a process that does nothing but take `part` of a core. */
async function besideBurner({ cluster, addresses, clients, seconds }: OverloadOptions, part: number): Promise<number> {
  const load = new Load(addresses, clients, () => cluster.pids());
  await load.start();
  const lasting = String(seconds + BURNER_SPARE_SECONDS);
  const burner = execa(process.execPath, [BURNER, String(part), lasting], { reject: false });
  try {
    return perSecond(await load.closed(PEAK_IN_FLIGHT, seconds));
  } finally {
    load.stop();
    burner.kill();
    await burner;
  }
}

/** How long a leader's death leaves one patient client without an answer: alone, and beside clients that retry. */
async function failovers({ cluster, addresses, failovers: count, say }: OverloadOptions): Promise<FailoverFigures> {
  const quietMs: number[] = [];
  const busyMs: number[] = [];
  for (let i = 0; i < count; i++) {
    quietMs.push(await failover(cluster, addresses));
    const load = new Load(addresses, RETRYING_CLIENTS, () => cluster.pids());
    await load.start();
    load.keepGoing(RETRYING_IN_FLIGHT);
    await sleep(2000);
    busyMs.push(await failover(cluster, addresses));
    load.stop();
  }
  const listed = (tookMs: readonly number[]) => tookMs.map(Math.round).join(', ');
  const beside = `beside ${RETRYING_CLIENTS} clients with ${RETRYING_IN_FLIGHT} calls each that retry`;
  say(`failover ${listed(quietMs)} ms; ${listed(busyMs)} ms ${beside}`);
  return { quietMs, busyMs };
}

async function failover(cluster: RunningCluster, addresses: readonly Address[]): Promise<number> {
  // It looks for the leader often, so that the servers' time is seen and not its own.
  const wheel = new RetryWheel();
  const probe = new OriginalClient(addresses, wheel, PROBE_BACKOFF_MS);
  await probe.register();
  const fields = keyAndValue('probe', 'v');
  const insert = () => new Promise<void>((resolve) => probe.insert(fields, resolve));
  await insert();
  await cluster.kill((await leaderOf(cluster)).id);
  const startMs = performance.now();
  await insert();
  const tookMs = performance.now() - startMs;
  probe.stop();
  wheel.stop();
  // The supervisor starts the server again; it is to be well before the next is killed.
  for (let i = 0; i < 100 && (await cluster.status()).some(({ role }) => role === undefined); i++) await sleep(100);
  await sleep(1000);
  return tookMs;
}

async function leaderOf(cluster: RunningCluster): Promise<{ id: number; term: number }> {
  for (;;) {
    const leaders = (await cluster.status()).filter(({ role }) => role === 'leader');
    const [latest] = leaders.sort((a, b) => (b.term ?? 0) - (a.term ?? 0));
    if (latest !== undefined) return { id: latest.id, term: latest.term ?? 0 };
    await sleep(100);
  }
}

const perSecond = ({ tally, seconds }: Measured) => tally.sinceSentMs.length / seconds;
/** Of one core. */
const busyPart = ({ clients, seconds }: Measured) => clients / seconds;

function describe(what: string, measured: Measured, leader: number): string {
  const { tally, seconds, servers, clients } = measured;
  const accepted = percentiles(tally.sinceSentMs);
  const since = percentiles(tally.sinceDueMs);
  const waited = percentiles(tally.waitedMs);
  const leaderRefused = (tally.failed[leader - 1] ?? 0) / seconds;
  const refused = tally.failed.reduce((sum, count) => sum + count, 0) / seconds;
  const refusedAfter = tally.refusedMs.length === 0 ? '' : `, ${percentiles(tally.refusedMs)} after they were sent`;
  const lost = tally.dropped === 0 ? '' : `, ${Math.round(tally.dropped / seconds)}/s not sent`;
  const us = (of: number) => ((of / tally.sinceSentMs.length) * 1e6).toFixed(1);
  let followers = 0;
  for (const [id, used] of servers) if (id !== leader) followers += used;
  return (
    `${what}: ${Math.round(perSecond(measured))}/s acknowledged, ${accepted} after they were sent and taken (of which ${waited} with the client), ${since} after they were due, ` +
    `${Math.round(refused)}/s refused, ${Math.round(leaderRefused)} of them by the leader${refusedAfter}${lost}; ` +
    `processor time for each acknowledged: leader ${us(servers.get(leader) ?? Number.NaN)}, followers ${us(followers)}, clients ${us(clients)} µs ` +
    `(of a core: ${percent((servers.get(leader) ?? Number.NaN) / seconds)}, ${percent(followers / seconds)}, ${percent(busyPart(measured))})`
  );
}

function percentiles(tookMs: readonly number[]): string {
  return `p50 ${Math.round(percentile(tookMs, 0.5))} and p99 ${Math.round(percentile(tookMs, 0.99))} ms`;
}

function percentile(tookMs: readonly number[], part: number): number {
  const sorted = Float64Array.from(tookMs).sort();
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

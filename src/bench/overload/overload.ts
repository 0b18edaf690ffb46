import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningCluster } from '../../supervisor/launcher.ts';
import type { Address } from '../../wire/addresses.ts';
import { callCosts } from './callCosts.ts';
import { OriginalClient, type Tally } from './originalClient.ts';

/** Calls that each client has in flight while the peak is looked for. */
const PEAK_IN_FLIGHT = 64;
const STEP_MS = 5;
const RETRYING_CLIENTS = 20;
const RETRYING_IN_FLIGHT = 50;
const FAILOVERS = 3;
const PROBE_BACKOFF_MS = 16;
const VALUE = 'v'.repeat(16);

export interface OverloadOptions {
  readonly cluster: RunningCluster;
  readonly addresses: readonly Address[];
  readonly clients: number;
  readonly seconds: number;
  readonly factor: number;
  readonly rate: number | undefined;
}

/** Runs the phases one after the other. Returns a line for each. */
export async function measureOverload(options: OverloadOptions): Promise<string[]> {
  // What the first phases left unanswered is retried for ever: it must not stand beside the failovers.
  const { cluster, addresses } = options;
  const costs = await callCosts(cluster, addresses, (await leaderOf(cluster)).id);
  return [costs, ...(await twiceThePeak(options)), ...(await failovers(options))];
}

async function twiceThePeak({
  cluster,
  addresses,
  clients,
  seconds,
  factor,
  rate,
}: OverloadOptions): Promise<string[]> {
  const load = new Load(addresses, clients);
  await load.start();
  try {
    const peak = await load.closed(PEAK_IN_FLIGHT, seconds);
    const peakRate = peak.acknowledged.length / seconds;
    const before = await leaderOf(cluster);
    const offered = Math.round(rate ?? factor * peakRate);
    const idle = performance.eventLoopUtilization();
    const over = await load.open(offered, seconds);
    const { utilization } = performance.eventLoopUtilization(idle);
    const after = await leaderOf(cluster);
    const led = before.term === after.term ? 'no leader lost' : `${after.term - before.term} terms later`;
    return [
      describe(`peak, ${clients * PEAK_IN_FLIGHT} calls in flight`, peak, seconds),
      `${describe(`${offered}/s offered`, over, seconds)}, ${percent(over.acknowledged.length / seconds / peakRate)} of the peak; ${led}; the clients themselves were busy for ${percent(utilization)} of it`,
    ];
  } finally {
    load.stop();
  }
}

/** Clients, and what they do together. */
class Load {
  private readonly clients: OriginalClient[];
  private next = 0;

  constructor(addresses: readonly Address[], count: number) {
    this.clients = Array.from({ length: count }, () => new OriginalClient(addresses));
  }

  async start(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.register()));
  }

  /** Each client sends the next insert when one is acknowledged. Returns how to end that. */
  keepGoing(inFlight: number): () => void {
    let running = true;
    for (const client of this.clients) {
      const again = () => {
        if (running) client.insert(this.key(), VALUE, again);
      };
      for (let i = 0; i < inFlight; i++) again();
    }
    return () => {
      running = false;
    };
  }

  async closed(inFlight: number, seconds: number): Promise<Tally> {
    const end = this.keepGoing(inFlight);
    await sleep(1000);
    this.take();
    await sleep(seconds * 1000);
    end();
    const tally = this.take();
    await this.settle();
    return tally;
  }

  /** Inserts come at `perSecond`, whatever becomes of them. */
  async open(perSecond: number, seconds: number): Promise<Tally> {
    const startMs = performance.now();
    let sent = 0;
    for (;;) {
      const elapsedMs = performance.now() - startMs;
      const due = Math.floor((Math.min(elapsedMs, seconds * 1000) / 1000) * perSecond);
      for (; sent < due; sent++) this.clients[sent % this.clients.length]!.insert(this.key(), VALUE);
      if (elapsedMs >= seconds * 1000) break;
      await sleep(STEP_MS);
    }
    const tally = this.take();
    await this.settle();
    return tally;
  }

  private key(): string {
    this.next = (this.next + 1) % 10_000;
    return `k${this.next}`;
  }

  private async settle(): Promise<void> {
    for (let i = 0; i < 100 && this.clients.some(({ open }) => open > 0); i++) await sleep(50);
    this.take();
  }

  private take(): Tally {
    const sum: Tally = { acknowledged: [], failed: 0, dropped: 0 };
    for (const client of this.clients) {
      const { acknowledged, failed, dropped } = client.take();
      for (const each of acknowledged) sum.acknowledged.push(each);
      sum.failed += failed;
      sum.dropped += dropped;
    }
    return sum;
  }

  stop(): void {
    for (const client of this.clients) client.stop();
  }
}

/** How long a leader's death leaves one patient client without an answer: alone, and beside clients that retry. */
async function failovers({ cluster, addresses }: OverloadOptions): Promise<string[]> {
  const quietMs: number[] = [];
  const busyMs: number[] = [];
  for (let i = 0; i < FAILOVERS; i++) {
    quietMs.push(await failover(cluster, addresses));
    const load = new Load(addresses, RETRYING_CLIENTS);
    await load.start();
    load.keepGoing(RETRYING_IN_FLIGHT);
    await sleep(2000);
    busyMs.push(await failover(cluster, addresses));
    load.stop();
  }
  const listed = (tookMs: readonly number[]) => tookMs.map(Math.round).join(', ');
  return [
    `failover ${listed(quietMs)} ms; ${listed(busyMs)} ms beside ${RETRYING_CLIENTS} clients with ${RETRYING_IN_FLIGHT} calls each that retry`,
  ];
}

async function failover(cluster: RunningCluster, addresses: readonly Address[]): Promise<number> {
  // It looks for the leader often, so that the servers' time is seen and not its own.
  const probe = new OriginalClient(addresses, PROBE_BACKOFF_MS);
  await probe.register();
  const insert = () => new Promise<void>((resolve) => probe.insert('probe', VALUE, resolve));
  await insert();
  await cluster.kill((await leaderOf(cluster)).id);
  const startMs = performance.now();
  await insert();
  const tookMs = performance.now() - startMs;
  probe.stop();
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

function describe(what: string, { acknowledged, failed, dropped }: Tally, seconds: number): string {
  const since = percentiles(acknowledged.map(({ dueMs, doneMs }) => doneMs - dueMs));
  const accepted = percentiles(acknowledged.map(({ sentMs, doneMs }) => doneMs - sentMs));
  const lost = dropped === 0 ? '' : `, ${Math.round(dropped / seconds)}/s not sent`;
  return `${what}: ${Math.round(acknowledged.length / seconds)}/s acknowledged, ${accepted} after they were sent and taken, ${since} after they were due, ${Math.round(failed / seconds)}/s refused${lost}`;
}

function percentiles(tookMs: number[]): string {
  const sorted = tookMs.sort((a, b) => a - b);
  const at = (part: number) => Math.round(sorted[Math.floor(sorted.length * part)] ?? 0);
  return `p50 ${at(0.5)} and p99 ${at(0.99)} ms`;
}

const percent = (part: number) => `${Math.round(part * 100)} %`;

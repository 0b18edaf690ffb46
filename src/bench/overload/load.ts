import { setTimeout as sleep } from 'node:timers/promises';
import type { Address } from '../../net/endpoints/addresses.ts';
import { type CpuSample, sampleCpu } from '../facts/processTimes.ts';
import { emptyTally, keyAndValue, OriginalClient, type Tally } from './originalClient.ts';
import { RetryWheel } from './retryWheel.ts';

const STEP_MS = 5;
/** Before anything is counted. */
const WARM_UP_MS = 1000;
const KEYS = 10_000;

/** What came of a load, and the processor seconds that it took. */
export interface Measured {
  readonly tally: Tally;
  readonly seconds: number;
  /** Of each server, by id. */
  readonly servers: ReadonlyMap<number, number>;
  readonly clients: number;
}

/** Clients, and what they do together. */
export class Load {
  private readonly clients: OriginalClient[];
  private readonly pids: () => ReadonlyMap<number, number>;
  private readonly wheel = new RetryWheel();
  private readonly inserts: Buffer[];
  private next = 0;

  /** `pids` of the servers, whose processor time is counted. */
  constructor(addresses: readonly Address[], count: number, pids: () => ReadonlyMap<number, number>) {
    this.clients = Array.from({ length: count }, () => new OriginalClient(addresses, this.wheel));
    this.pids = pids;
    this.inserts = Array.from({ length: KEYS }, (_, i) => keyAndValue(`k${i}`, 'v'.repeat(16)));
  }

  async start(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.register()));
  }

  /** Each client sends the next insert when one is acknowledged. Returns how to end that. */
  keepGoing(inFlight: number): () => void {
    let running = true;
    for (const client of this.clients) {
      const again = () => {
        if (running) client.insert(this.nextInsert(), again);
      };
      for (let i = 0; i < inFlight; i++) again();
    }
    return () => {
      running = false;
    };
  }

  async closed(inFlight: number, seconds: number): Promise<Measured> {
    const end = this.keepGoing(inFlight);
    await sleep(WARM_UP_MS);
    const finish = this.begin();
    await sleep(seconds * 1000);
    end();
    const measured = finish();
    await this.settle();
    return measured;
  }

  /** Inserts come at `perSecond`, whatever becomes of them. */
  async open(perSecond: number, seconds: number): Promise<Measured> {
    await this.offer(perSecond, WARM_UP_MS);
    const finish = this.begin();
    await this.offer(perSecond, seconds * 1000);
    return finish();
  }

  private async offer(perSecond: number, ms: number): Promise<void> {
    const startMs = performance.now();
    let sent = 0;
    for (;;) {
      const elapsedMs = performance.now() - startMs;
      const due = Math.floor((Math.min(elapsedMs, ms) / 1000) * perSecond);
      for (; sent < due; sent++) this.clients[sent % this.clients.length]!.insert(this.nextInsert());
      if (elapsedMs >= ms) return;
      await sleep(STEP_MS);
    }
  }

  /** Counts from here on, until what it returns is called. */
  private begin(): () => Measured {
    this.take();
    const before = sampleCpu(this.pids());
    return () => {
      const tally = this.take();
      const after = sampleCpu(this.pids());
      return { tally, ...between(before, after) };
    };
  }

  private nextInsert(): Buffer {
    this.next = (this.next + 1) % KEYS;
    return this.inserts[this.next]!;
  }

  private async settle(): Promise<void> {
    for (let i = 0; i < 100 && this.clients.some(({ open }) => open > 0); i++) await sleep(50);
    this.take();
  }

  private take(): Tally {
    const sum = emptyTally();
    for (const client of this.clients) {
      const { sinceSentMs, sinceDueMs, waitedMs, failed, refusedMs, dropped } = client.take();
      for (const each of sinceSentMs) sum.sinceSentMs.push(each);
      for (const each of sinceDueMs) sum.sinceDueMs.push(each);
      for (const each of waitedMs) sum.waitedMs.push(each);
      for (const each of refusedMs) sum.refusedMs.push(each);
      failed.forEach((count, at) => {
        sum.failed[at] = (sum.failed[at] ?? 0) + count;
      });
      sum.dropped += dropped;
    }
    return sum;
  }

  stop(): void {
    this.wheel.stop();
    for (const client of this.clients) client.stop();
  }
}

function between(before: CpuSample, after: CpuSample): Omit<Measured, 'tally'> {
  const servers = new Map<number, number>();
  for (const [id, seconds] of after.servers) servers.set(id, seconds - (before.servers.get(id) ?? seconds));
  return { seconds: (after.atMs - before.atMs) / 1000, servers, clients: after.bench - before.bench };
}

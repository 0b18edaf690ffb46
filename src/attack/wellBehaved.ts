import { setTimeout as sleep } from 'node:timers/promises';
import { type ReachedServers, RkvClient } from '../client/rkvClient.ts';

/** Between an answer and the next request, ms. */
const PAUSE_MS = 5;

/** A client that asks for one small thing at a time, and notes how long it was without an answer. */
export class WellBehavedClient {
  answers = 0;
  longestGapMs = 0;
  /** What went wrong for good: nothing may. */
  readonly errors: string[] = [];
  private readonly client: RkvClient;
  private readonly key: string;
  private lastAnswerMs = performance.now();
  private ending = false;
  private running: Promise<void> = Promise.resolve();

  /** Clients of one cluster have keys of their own. */
  constructor(servers: ReachedServers, key = 'well-behaved') {
    this.key = key;
    this.client = new RkvClient({ ...servers, timeoutMs: 120_000 });
  }

  /** Resolves once it is served. */
  async start(): Promise<void> {
    const session = await this.client.openSession();
    const step = async () => {
      const value = `${this.answers}`;
      await session.insert(this.key, value);
      this.answered();
      const found = await this.client.lookup(this.key);
      this.answered();
      if (found !== value) this.errors.push(`read ${found} after writing ${value}`);
    };
    await step();
    this.running = (async () => {
      while (!this.ending) {
        await step().catch((error: Error) => this.errors.push(`${error.name}: ${error.message}`));
        await sleep(PAUSE_MS);
      }
    })();
  }

  private answered(): void {
    const nowMs = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.lastAnswerMs);
    this.lastAnswerMs = nowMs;
    this.answers++;
  }

  /** Begins to count anew. */
  restart(): void {
    this.answers = 0;
    this.longestGapMs = 0;
    this.lastAnswerMs = performance.now();
  }

  /** Waits for an answer, for a bounded time: without one, the time since the last is a gap too. */
  async stop(): Promise<void> {
    this.ending = true;
    await Promise.race([this.running, sleep(10_000)]);
    this.longestGapMs = Math.max(this.longestGapMs, this.answers === 0 ? performance.now() - this.lastAnswerMs : 0);
    this.client.close();
    await this.running;
  }
}

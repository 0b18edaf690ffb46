import { setTimeout as pause } from 'node:timers/promises';
import { ClientClosedError, RequestTimeoutError } from '../../client/errors.ts';
import { RkvClient } from '../../client/rkvClient.ts';

/** Clients of their own, so that one that waits says nothing of the others. */
const WRITERS = 4;
const THINK_MS = 5;

/** Clients of the library, as it is by default, that write all the time and note when that succeeds. */
export class Writers {
  /** `performance.now()` of each acknowledgement of each writer. */
  private readonly acknowledged: number[][] = [];
  private readonly clients: RkvClient[] = [];
  private readonly running: Promise<void>[] = [];
  private isOver = false;

  constructor(addresses: readonly string[]) {
    for (let i = 0; i < WRITERS; i++) {
      const client = new RkvClient({ addresses });
      const times: number[] = [];
      this.clients.push(client);
      this.acknowledged.push(times);
      this.running.push(this.write(client, `writer ${i}`, times));
    }
  }

  private async write(client: RkvClient, key: string, times: number[]): Promise<void> {
    const session = await client.openSession();
    for (let value = 0; !this.isOver; value++) {
      try {
        await session.insert(key, String(value));
        times.push(performance.now());
      } catch (error) {
        // For as long as nobody leads.
        if (error instanceof ClientClosedError) return;
        if (!(error instanceof RequestTimeoutError)) throw error;
      }
      await pause(THINK_MS);
    }
  }

  /** Resolves once each has been served `count` times more. */
  async served(count: number): Promise<void> {
    const goals = this.acknowledged.map(({ length }) => length + count);
    while (this.acknowledged.some(({ length }, i) => length < goals[i]!)) await pause(THINK_MS);
  }

  /** The longest time between these two that any of them had no write acknowledged. */
  longestWaitMs(fromMs: number, toMs: number): number {
    const waits = this.acknowledged.map((times) => {
      const within = times.filter((time) => time > fromMs && time < toMs);
      const ends = [...within, toMs];
      return Math.max(...ends.map((end, i) => end - (ends[i - 1] ?? fromMs)));
    });
    return Math.max(...waits);
  }

  async close(): Promise<void> {
    this.isOver = true;
    await Promise.race([Promise.all(this.running), pause(1000)]);
    for (const client of this.clients) client.close();
    await Promise.all(this.running);
  }
}

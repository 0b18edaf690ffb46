import { setTimeout as pause } from 'node:timers/promises';
import type { ClientSession } from '../client/clientSession.ts';
import { ClientClosedError, RequestTimeoutError } from '../client/errors.ts';
import { type ReachedServers, RkvClient } from '../client/rkvClient.ts';

/** Clients of their own, so that one that waits says nothing of the others. */
const WRITERS = 4;
const THINK_MS = 5;

export interface Write {
  readonly key: string;
  readonly value: string;
}

export interface WriterOptions {
  /** What a writer writes: its number, and how often it wrote before. */
  readonly write: (writer: number, count: number) => Write;
  /** Told of what was acknowledged, once it was. */
  readonly onAcknowledged: (write: Write) => void;
  /** Of each writer, how many writes are under way together; default 1. */
  readonly lanes?: number;
}

/** Clients of the library, as it is by default, that write all the time and note when that succeeds. */
export class Writers {
  /** Writes of which nobody knows what became of them. */
  unknown = 0;
  /** Of each writer, how many writes were acknowledged, and begun. */
  private readonly acknowledged: number[] = [];
  private readonly begun: number[] = [];
  private readonly clients: RkvClient[] = [];
  private readonly running: Promise<void>[] = [];
  private readonly options: WriterOptions;
  private isOver = false;
  /** What none of them should meet. */
  private failure: unknown;

  constructor(servers: ReachedServers, options: WriterOptions) {
    this.options = options;
    for (let i = 0; i < WRITERS; i++) {
      const client = new RkvClient(servers);
      this.clients.push(client);
      this.acknowledged.push(0);
      this.begun.push(0);
      for (let lane = 0; lane < (options.lanes ?? 1); lane++) {
        this.running.push(
          this.run(client, i).catch((error: unknown) => {
            this.failure ??= error;
          }),
        );
      }
    }
  }

  private async run(client: RkvClient, writer: number): Promise<void> {
    const { write, onAcknowledged } = this.options;
    let session: ClientSession | undefined;
    while (!this.isOver) {
      const one = write(writer, this.begun[writer]!++);
      try {
        session ??= await client.openSession();
        await session.insert(one.key, one.value);
        this.acknowledged[writer]!++;
        onAcknowledged(one);
      } catch (error) {
        if (!(error instanceof RequestTimeoutError || error instanceof ClientClosedError)) throw error;
        if (error.maybeDone) this.unknown++;
        // Otherwise for as long as nobody leads.
        if (error instanceof ClientClosedError) return;
      }
      await pause(THINK_MS);
    }
  }

  /** Resolves once each has been served `count` times more, or they are closed. Rejects where one failed, and not for want of a leader. */
  async served(count: number): Promise<void> {
    const goals = this.acknowledged.map((before) => before + count);
    while (!this.isOver && this.acknowledged.some((now, i) => now < goals[i]!)) {
      this.expectNoFailure();
      await pause(THINK_MS);
    }
  }

  private expectNoFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Ends them. Rejects as `served`. */
  async close(): Promise<void> {
    this.isOver = true;
    await Promise.race([Promise.all(this.running), pause(1000)]);
    for (const client of this.clients) client.close();
    await Promise.all(this.running);
    this.expectNoFailure();
  }
}

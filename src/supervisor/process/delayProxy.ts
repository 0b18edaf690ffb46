import { connect, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** From which port of 127.0.0.1 to which. */
export interface DelayedPort {
  readonly from: number;
  readonly to: number;
}

/**
 * Stands before servers of this machine as distance would: every byte, and the end of a connection, takes `delayMs` on its
 * way, in both directions; order and bandwidth are as they were.
 */
export class DelayProxy {
  private readonly line: DelayLine;
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();

  constructor(delayMs: number) {
    this.line = new DelayLine(delayMs);
  }

  /** Throws what listening throws; then nothing listens. */
  async listen(ports: readonly DelayedPort[]): Promise<void> {
    try {
      for (const port of ports) this.servers.push(await this.listenOn(port));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private listenOn({ from, to }: DelayedPort): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (near) => this.join(near, to));
      server.once('error', reject);
      server.listen({ port: from, host: '127.0.0.1', exclusive: true }, () => resolve(server));
    });
  }

  private join(near: Socket, port: number): void {
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    this.carry(near, far);
    this.carry(far, near);
  }

  private carry(source: Socket, sink: Socket): void {
    const { line } = this;
    this.sockets.add(source);
    source.on('data', (bytes) => line.push(() => void (sink.writable && sink.write(bytes))));
    source.on('error', () => {});
    source.on('close', () => {
      this.sockets.delete(source);
      line.push(() => sink.destroy());
    });
  }

  close(): void {
    for (const server of this.servers.splice(0)) server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** What is due this soon goes now: a timer waits for a millisecond or more, so that waiting on would make it late on average. */
const EARLY_MS_MAX = 0.5;
/** Where what is done stands in front, it is cut off at this length. */
const DONE_MAX = 4096;

/**
 * Runs what is pushed `delayMs` later, in order. One line for all connections: with one delay for all, what comes first is due
 * first. Timers wake it a little before the time or after it, so what is nearly due goes with what is: a timer that woke early
 * and waited on was late by more than a millisecond on average. Turning the loop until it is time would be more precise, and
 * takes a core from the servers.
 */
class DelayLine {
  private readonly delayMs: number;
  private waiting: { readonly dueMs: number; readonly run: () => void }[] = [];
  private done = 0;

  constructor(delayMs: number) {
    this.delayMs = delayMs;
  }

  push(run: () => void): void {
    this.waiting.push({ dueMs: performance.now() + this.delayMs, run });
    if (this.waiting.length - this.done === 1) this.sleep();
  }

  private sleep(): void {
    const first = this.waiting[this.done];
    if (first === undefined) return;
    setTimeout(() => this.runDue(), first.dueMs - performance.now());
  }

  private runDue(): void {
    const untilMs = performance.now() + EARLY_MS_MAX;
    const { waiting } = this;
    while (this.done < waiting.length && waiting[this.done]!.dueMs <= untilMs) waiting[this.done++]!.run();
    if (this.done === waiting.length || this.done >= DONE_MAX) {
      this.waiting = waiting.slice(this.done);
      this.done = 0;
    }
    this.sleep();
  }
}

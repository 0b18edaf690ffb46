import { connect, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';

/** From which port of 127.0.0.1 to which. */
export interface DelayedPort {
  readonly from: number;
  readonly to: number;
}

/**
 * Stands before servers of this machine as distance would: every byte, and the end of a connection, takes `delayMs` on its
 * way, in both directions; order and bandwidth are as they were. Timers make it up to a millisecond more.
 */
export class DelayProxy {
  private readonly delayMs: number;
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();

  constructor(delayMs: number) {
    this.delayMs = delayMs;
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
    const line = new DelayLine(this.delayMs);
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

/** Runs what is pushed `delayMs` later, in order. */
class DelayLine {
  private readonly delayMs: number;
  private waiting: { readonly dueMs: number; readonly run: () => void }[] = [];

  constructor(delayMs: number) {
    this.delayMs = delayMs;
  }

  push(run: () => void): void {
    this.waiting.push({ dueMs: performance.now() + this.delayMs, run });
    if (this.waiting.length === 1) this.sleep();
  }

  private sleep(): void {
    const [first] = this.waiting;
    if (first !== undefined) setTimeout(() => this.runDue(), Math.max(0, first.dueMs - performance.now()));
  }

  private runDue(): void {
    const nowMs = performance.now();
    let due = 0;
    while (due < this.waiting.length && this.waiting[due]!.dueMs <= nowMs) due++;
    for (const { run } of this.waiting.splice(0, due)) run();
    this.sleep();
  }
}

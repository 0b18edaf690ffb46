import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { RkvClient } from '../../src/client/rkvClient.ts';
import { takeFreePorts } from '../../src/supervisor/process/freePorts.ts';

const RKVD = fileURLToPath(new URL('../../bin/rkvd', import.meta.url));
/** Servers of a busy machine take their time to start. */
export const PATIENCE_MS = 60_000;

/** One rkvd process, and all it printed. */
export class Server {
  readonly child: ChildProcess;
  printed = '';
  private hear = () => {};
  private readonly ended: Promise<unknown>;

  /** `before`: the command that starts it. */
  constructor(cwd: string, args: readonly string[], before: readonly string[] = []) {
    const [file, ...words] = [...before, RKVD, ...args];
    this.child = spawn(file!, words, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TMPDIR: cwd },
    });
    this.ended = once(this.child, 'exit');
    this.child.stderr!.on('data', (bytes: Buffer) => {
      this.printed += String(bytes);
      this.hear();
    });
  }

  /** Waits until it has printed this. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.printed)) {
      if (this.child.exitCode !== null) throw new Error(`rkvd ended with ${this.child.exitCode}:\n${this.printed}`);
      await Promise.race([
        new Promise<void>((resolve) => {
          this.hear = resolve;
        }),
        this.ended,
      ]);
    }
  }

  async exit(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGCONT');
    this.child.kill('SIGKILL');
    await this.exit();
  }
}

/** Servers of one cluster, each started by hand. */
export class World {
  readonly folder = mkdtempSync(join(tmpdir(), 'rkv-identity-'));
  readonly servers = new Map<number, Server>();
  private readonly ports: number[];
  private readonly engine: string;
  private readonly flags: readonly string[];
  /** The initial members. */
  private readonly members: readonly number[];

  constructor(engine: string, ports: number[], flags: readonly string[] = [], members: readonly number[] = [1, 2, 3]) {
    this.members = members;
    this.engine = engine;
    this.ports = ports;
    this.flags = flags;
  }

  get addresses(): string[] {
    return this.ports.map((port) => `127.0.0.1:${port}`);
  }

  data(id: number): string {
    return join(this.folder, `rkvd-${id}`);
  }

  /** All that is kept of a server. */
  lose(id: number): void {
    rmSync(this.data(id), { recursive: true, force: true });
    rmSync(`${this.data(id)}.promised`, { force: true });
  }

  start(id: number, ...flags: string[]): Server {
    const server = new Server(this.folder, [
      ...['-id', String(id), '-servers', this.addresses.join(), '-cluster', this.members.join(), '-election', '500ms'],
      ...['-servermetrics=false', '-backend', this.engine, ...this.flags, ...flags],
    ]);
    this.servers.set(id, server);
    return server;
  }

  startAll(...flags: string[]): void {
    for (const id of this.members) this.start(id, ...flags);
  }

  client(ids = this.members): RkvClient {
    return new RkvClient({ addresses: ids.map((id) => this.addresses[id - 1]!), timeoutMs: PATIENCE_MS });
  }

  async leader(): Promise<number> {
    const client = this.client();
    try {
      // Each time it is asked who leads now, which may be nobody.
      return await vi.waitFor(
        async () => {
          const leader = await client.leader({ timeoutMs: PATIENCE_MS });
          expect(leader).toBeDefined();
          return leader!.status.id;
        },
        { timeout: PATIENCE_MS },
      );
    } finally {
      client.close();
    }
  }

  async put(first: number, count: number): Promise<void> {
    const client = this.client();
    try {
      const session = await client.openSession();
      await Promise.all(Array.from({ length: count }, (_, i) => session.insert(`k${first + i}`, `${first + i}`)));
    } finally {
      client.close();
    }
  }

  /** How many keys server `id` has applied. */
  async keys(id: number): Promise<number> {
    const client = this.client([id]);
    try {
      const { keys } = await client.status(this.addresses[id - 1]!);
      return keys;
    } finally {
      client.close();
    }
  }

  async stop(id: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const server = this.servers.get(id)!;
    server.child.kill(signal);
    await server.exit();
  }

  async end(): Promise<void> {
    for (const server of this.servers.values()) await server.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** Makes worlds that end with the test that made them. */
export function ownWorlds(): (engine: string, options?: WorldOptions) => Promise<World> {
  const made: World[] = [];
  beforeEach(() => {
    made.length = 0;
  });
  afterEach(async () => {
    for (const each of made) await each.end();
  });
  return async (engine, { servers = 4, members, flags } = {}) => {
    const one = new World(engine, await takeFreePorts(servers), flags, members);
    made.push(one);
    return one;
  };
}

interface WorldOptions {
  /** How many `-servers` names. */
  readonly servers?: number;
  readonly members?: readonly number[];
  readonly flags?: readonly string[];
}

/** How many keys server `id` holds, in the end. */
export const keysOf = (one: World, id: number) => expect.poll(() => one.keys(id), { timeout: PATIENCE_MS });

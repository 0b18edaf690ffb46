import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { allocatorEnvironment } from '../cli/allocator.ts';
import { packagePath } from '../cli/packagePath.ts';
import { readNotices } from '../supervisor/process/notices.ts';
import { type TlsPlan, tlsFlags } from '../supervisor/tls/tlsPlan.ts';
import { type Notice, SUPERVISOR_FD_VARIABLE } from '../wire/supervision.ts';

/** The server of this package. */
const PROGRAM = packagePath('bin', 'rkvd');

export interface RkvdOptions {
  readonly id: number;
  readonly engine: string;
  /** Of all servers, in the order of their ids. */
  readonly ports: readonly number[];
  readonly dataDirectory: string;
  /** Undefined: nobody has to prove who he is. */
  readonly tls: TlsPlan | undefined;
}

/** Snapshots often enough that the data hold some. */
const FLAGS = [
  '-quiet',
  '-servermetrics=false',
  '-election=1s',
  '-heartbeat=50ms',
  '-snapshotentries=150',
  '-trailingentries=40',
];

/** Those that run; undefined once none is to run any more. */
let running: Set<Rkvd> | undefined = new Set();

/** Ends every rkvd that this process has started, and waits for them. None is started after that. */
export async function endServers(): Promise<void> {
  const servers = [...(running ?? [])];
  running = undefined;
  await Promise.all(servers.map((server) => server.end('SIGKILL')));
}

/** One rkvd process, which continues from its data. */
export class Rkvd {
  readonly id: number;
  private readonly process: ChildProcess;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  private exitSoFar: { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined;
  private errorText = '';
  private readonly notices: Notice[] = [];

  constructor({ id, engine, ports, dataDirectory, tls }: RkvdOptions) {
    this.id = id;
    if (running === undefined) throw new Error('no server is started any more');
    const servers = ports.map((port) => `127.0.0.1:${port}`).join(',');
    const cluster = ports.map((_, i) => i + 1).join(',');
    const args = [PROGRAM, '-recover', `-id=${id}`, `-servers=${servers}`, `-cluster=${cluster}`];
    args.push(`-backend=${engine}`, `-datadir=${dataDirectory}`, ...FLAGS);
    if (tls !== undefined) args.push(...tlsFlags(tls, id));
    this.process = spawn(process.execPath, args, {
      cwd: dataDirectory,
      env: { ...process.env, ...allocatorEnvironment(), TMPDIR: dataDirectory, [SUPERVISOR_FD_VARIABLE]: '3' },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    running.add(this);
    this.process.stderr!.on('data', (bytes: Buffer) => {
      this.errorText += bytes.toString();
    });
    void readNotices(this.process.stdio[3] as Duplex, (notice) => this.notices.push(notice));
    this.exited = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        this.exitSoFar = { code, signal };
        running?.delete(this);
        resolve(this.exitSoFar);
      });
    });
  }

  /** How it ended; undefined while it runs. */
  get exit(): { readonly code: number | null; readonly signal: NodeJS.Signals | null } | undefined {
    return this.exitSoFar;
  }

  /** What it printed on stderr. */
  get errors(): string {
    return this.errorText;
  }

  /** Why it refused its data, in the words with which it told its supervisor. */
  get refusal(): Extract<Notice, { readonly kind: 'refuses-data' }> | undefined {
    return this.notices.find((notice) => notice.kind === 'refuses-data');
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.exitSoFar === undefined) this.process.kill(signal);
    await this.exited;
  }
}

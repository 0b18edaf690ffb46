import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/client/rkvctl/run.ts';
import { takeFreePorts } from '../../src/supervisor/process/freePorts.ts';
import { type Server, World } from './handStarted.ts';
import { OriginalStandIn, StandInDisk } from './originalStandIn.ts';

const ELECTION_MS = 1000;
const HEARTBEAT_MS = 20;

/** What runs as one of the original's servers: its program, or the stand-in. */
export type OriginalProgram = { readonly file: string } | 'stand-in';

/** Servers of both kinds on loopback, each started by hand. */
export class MixedWorld extends World {
  readonly disks = new Map<number, StandInDisk>();
  private readonly program: OriginalProgram;
  private readonly standIns = new Map<number, OriginalStandIn>();
  private readonly processes = new Map<number, ChildProcess>();
  private readonly initial: readonly number[];
  private seed = 0;

  constructor(program: OriginalProgram, ports: number[], members: readonly number[]) {
    super('gorums', ports, ['-quiet=false'], members);
    this.program = program;
    this.initial = members;
  }

  static async of(
    program: OriginalProgram,
    servers: number,
    members: readonly number[] = [1, 2, 3],
  ): Promise<MixedWorld> {
    return new MixedWorld(program, await takeFreePorts(servers), members);
  }

  /** One of the original's; what it wrote before is there. */
  async startOriginal(id: number): Promise<void> {
    const { program, addresses } = this;
    if (program !== 'stand-in') {
      this.startProgram(program.file, id);
      return;
    }
    const disk = this.disks.get(id) ?? new StandInDisk();
    this.disks.set(id, disk);
    const times = { electionMs: ELECTION_MS, heartbeatMs: HEARTBEAT_MS };
    // So that no two stand at the same moment.
    const random = () => (++this.seed * 0.618 + id / 3) % 1;
    const options = { id, addresses, cluster: this.initial, ...times, disk, random };
    this.standIns.set(id, await new OriginalStandIn(options).start());
  }

  private startProgram(file: string, id: number): void {
    const cwd = join(this.folder, `original-${id}`);
    mkdirSync(cwd, { recursive: true });
    const args = [
      ...['-id', String(id), '-servers', this.addresses.join(), '-cluster', this.initial.join()],
      ...['-election', `${ELECTION_MS}ms`, '-heartbeat', `${HEARTBEAT_MS}ms`, '-cache', '100000'],
      ...['-servermetrics=false', '-quiet', '-recover'],
    ];
    this.processes.set(id, spawn(file, args, { cwd, stdio: 'ignore', env: { ...process.env, TMPDIR: cwd } }));
  }

  startOurs(id: number, ...flags: string[]): Server {
    return this.start(id, '-heartbeat', `${HEARTBEAT_MS}ms`, '-election', `${ELECTION_MS}ms`, ...flags);
  }

  isOriginal(id: number): boolean {
    return this.standIns.has(id) || this.processes.has(id);
  }

  /** As by SIGKILL, whichever kind it is. */
  async kill(id: number): Promise<void> {
    const child = this.processes.get(id);
    if (child !== undefined) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    } else if (this.standIns.has(id)) this.standIns.get(id)!.kill();
    else await this.servers.get(id)!.kill();
    this.processes.delete(id);
    this.standIns.delete(id);
  }

  /** `rkvctl` with all addresses. */
  async rkvctl(line: string): Promise<{ code: number; out: string; err: string }> {
    const printed = { out: '', err: '' };
    const keep = (to: 'out' | 'err') => (text: string) => {
      printed[to] += `${text}\n`;
    };
    const out = keep('out');
    const quiet = { interactive: false, outInteractive: false };
    const terminal = { out, json: () => {}, value: out, raw: out, err: keep('err'), ...quiet };
    const argv = ['-cluster', this.addresses.join(), ...line.split(' ')];
    const { signal } = new AbortController();
    return { code: await run(argv, { terminal, signal, folder: this.folder }), ...printed };
  }

  override async end(): Promise<void> {
    for (const id of [...this.processes.keys(), ...this.standIns.keys()]) await this.kill(id);
    await super.end();
  }
}

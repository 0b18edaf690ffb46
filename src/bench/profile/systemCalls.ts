import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WindowObserver } from '../run/measure.ts';

/** System calls of a process in the window, by name. */
export type CallCounts = ReadonlyMap<string, number>;

/** strace does not run, or may not. */
export class StraceError extends Error {
  override readonly name = 'StraceError';
}

/** Counts the system calls of all threads of the servers and of this process in the measured window, which slows them several times. */
export class CallCounting implements WindowObserver {
  private readonly strace: string;
  private readonly folder: string;
  private tracers: { readonly id: number; readonly child: ChildProcess; readonly path: string }[] = [];
  private counts = new Map<number, CallCounts>();

  /** `strace`: where the program is. `folder`: for its files. */
  constructor(strace: string, folder: string) {
    this.strace = strace;
    this.folder = folder;
  }

  /** By server id; of this process by 0. */
  get counted(): ReadonlyMap<number, CallCounts> {
    return this.counts;
  }

  /** Rejects with StraceError. */
  async begin(pids: ReadonlyMap<number, number>): Promise<void> {
    for (const [id, pid] of pids) await this.attach(id, pid);
    // Last, or those that look at the servers would be looked at as well.
    await this.attach(0, process.pid);
  }

  private async attach(id: number, pid: number): Promise<void> {
    const path = join(this.folder, `${pid}.strace`);
    const child = spawn(this.strace, ['-f', '-c', '-p', String(pid), '-o', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.tracers.push({ id, child, path });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr!.on('data', (bytes: Buffer) => {
        said += bytes.toString();
        if (said.includes('attached')) resolve();
      });
      child.once('error', (error) => reject(new StraceError(`${this.strace}: ${error.message}`)));
      child.once('close', (code) => reject(new StraceError(`${this.strace} ended with ${code}: ${said.trim()}`)));
    });
  }

  async end(): Promise<void> {
    await this.close();
    for (const { id, path } of this.tracers) this.counts.set(id, parseCounts(readFileSync(path, 'utf8')));
  }

  /** Lets go of what is looked at. */
  async close(): Promise<void> {
    const running = this.tracers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    await Promise.all(
      running.map(async ({ child }) => {
        child.kill('SIGINT');
        await once(child, 'close');
      }),
    );
  }
}

/** Of the table of `strace -c`: share, seconds, µs a call, calls, errors where there were any, name. */
export function parseCounts(text: string): CallCounts {
  const counts = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, calls, name] = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$/.exec(line) ?? [];
    if (name !== undefined && name !== 'total') counts.set(name, Number(calls));
  }
  return counts;
}

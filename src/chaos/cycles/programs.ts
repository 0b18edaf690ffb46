import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { packagePath } from '../../cli/packagePath.ts';
import { askStatus } from '../../supervisor/askStatus.ts';

const POLL_MS = 50;

export interface Place {
  readonly folder: string;
  /** Added to what this process has. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a program ended, and what it printed. */
export interface Ended {
  /** Undefined where a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A program of this package that runs, in a folder. */
export class Program {
  out = '';
  err = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private hasEnded = false;

  constructor(name: string, args: readonly string[], { folder, environment = {} }: Place) {
    const path = packagePath('bin', name);
    const child = spawn(process.execPath, [path, ...args], {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((done, fail) => {
      child.once('error', fail);
      // Both streams are read to their ends by then.
      child.once('close', (code) => {
        this.hasEnded = true;
        done({ code, out: this.out, err: this.err });
      });
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves once the cluster in `directory`, which it supervises, is up; false where it ended before that. */
  async bringsUp(directory: string): Promise<boolean> {
    while (!this.hasEnded) {
      const status = await askStatus(directory);
      if (status?.pid === this.pid && status.up) return true;
      await pause(POLL_MS);
    }
    return false;
  }
}

export function runProgram(name: string, args: readonly string[], place: Place): Promise<Ended> {
  return new Program(name, args, place).ended;
}

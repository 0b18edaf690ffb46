import { type ChildProcess, spawn } from 'node:child_process';
import { packagePath } from '../../cli/packagePath.ts';

/** What is printed once a cluster is up. */
export const IS_UP = /Ctrl-C stops the cluster/;

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
  private listeners: (() => void)[] = [];

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
      for (const listener of this.listeners) listener();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.ended = new Promise((done, fail) => {
      child.once('error', fail);
      // Both streams are read to their ends by then.
      child.once('close', (code) => done({ code, out: this.out, err: this.err }));
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves once it has printed this; false where it ended without. */
  async prints(pattern: RegExp): Promise<boolean> {
    if (pattern.test(this.out)) return true;
    const heard = new Promise<void>((done) => {
      this.listeners.push(() => pattern.test(this.out) && done());
    });
    await Promise.race([heard, this.ended]);
    return pattern.test(this.out);
  }
}

export function runProgram(name: string, args: readonly string[], place: Place): Promise<Ended> {
  return new Program(name, args, place).ended;
}

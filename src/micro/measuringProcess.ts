import { type ChildProcess, fork } from 'node:child_process';
import { packagePath } from '../cli/packagePath.ts';
import type { Slice } from './measure.ts';

/** One after the other: warm an operation up; measure the one that is warm. */
export type Question = { readonly warm: string } | { readonly measureMs: number };
/** `why`: it cannot be done. */
export type Answer = { readonly isWarm: true } | { readonly slice: Slice } | { readonly why: string };

/** Processes run what is built. */
const PROGRAM = packagePath('dist', 'micro', 'measureProcess.js');

/** A process that measured ended before it was told to. */
export class MeasuringError extends Error {
  override readonly name = 'MeasuringError';
}

/** A process that measures operations on the modules of one build, and does nothing while it is not asked. */
export class MeasuringProcess {
  private readonly child: ChildProcess;
  private settle: { resolve: (answer: Answer) => void; reject: (error: unknown) => void } | undefined;
  private lost: unknown;

  /** `dist`: the folder of the build. It ends where `signal` fires: what it is asked then rejects with the signal's reason. */
  constructor(dist: string, signal: AbortSignal) {
    this.child = fork(PROGRAM, [dist], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const abort = () => {
      this.lose(signal.reason);
      this.close();
    };
    signal.addEventListener('abort', abort, { once: true });
    this.child.on('message', (answer: Answer) => this.settle?.resolve(answer));
    this.child.once('error', (error) => this.lose(error));
    this.child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', abort);
      this.lose(new MeasuringError(`a process that measures ended with ${killedBy ?? code}`));
    });
  }

  /** Rejects with MeasuringError. */
  ask(question: Question): Promise<Answer> {
    if (this.lost !== undefined) return Promise.reject(this.lost);
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject };
      this.child.send(question);
    });
  }

  private lose(error: unknown): void {
    this.lost ??= error;
    this.settle?.reject(this.lost);
  }

  close(): void {
    this.child.kill('SIGKILL');
  }
}

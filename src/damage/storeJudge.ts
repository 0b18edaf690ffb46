import { type ChildProcess, fork } from 'node:child_process';
import { packagePath } from '../cli/packagePath.ts';
import type { Opening } from './storeWorker.ts';

const WORKER = packagePath('dist', 'damage', 'storeWorker.js');

/** `opening` is undefined where the process ended of it; `death` then says how. */
export interface Answer {
  readonly opening: Opening | undefined;
  readonly death: string;
}

/** Opens stores, one at a time, in another process, and in a new one where that ended. */
export class StoreOpener {
  private worker: ChildProcess | undefined;
  private answer: ((answer: Answer) => void) | undefined;

  /** What came of it. */
  open(location: string): Promise<Answer> {
    this.worker ??= this.start();
    this.worker.send(location);
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  private start(): ChildProcess {
    let errors = '';
    const worker = fork(WORKER, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    worker.stderr!.on('data', (bytes: Buffer) => {
      errors += bytes.toString();
    });
    worker.on('message', (opening: Opening) => this.answer?.({ opening, death: '' }));
    worker.once('close', (code, signal) => {
      this.worker = undefined;
      const death = `${signal ?? `exit code ${code}`}: ${errors.trim().split('\n')[0]}`;
      this.answer?.({ opening: undefined, death });
    });
    return worker;
  }

  close(): void {
    this.worker?.disconnect();
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Answer, Order } from './killer.ts';

const HEAP_MIB = 1024;

/** How an order ended: answered, or the process had to be ended, or ended by itself. */
export type Ending = Answer | 'time-out' | 'process ended';

/** A process of the instrumented build, which obeys one order at a time and is started again where a mutant ended it. */
export class KillerProcess {
  private readonly script: string;
  private child: ChildProcess | undefined;

  constructor(out: string) {
    this.script = join(out, 'mutants/killer.js');
  }

  async obey(order: Order, timeoutMs: number): Promise<Ending> {
    this.child ??= await this.start();
    const child = this.child;
    return new Promise((resolve) => {
      const finish = (ending: Ending) => {
        clearTimeout(timer);
        child.off('message', finish);
        child.off('exit', ended);
        child.off('error', ended);
        if (typeof ending === 'string') this.close();
        resolve(ending);
      };
      const ended = () => finish('process ended');
      const timer = setTimeout(() => finish('time-out'), timeoutMs);
      child.on('message', finish);
      child.on('exit', ended);
      child.on('error', ended);
      child.send(order);
    });
  }

  /** The next order is for a new process. */
  close(): void {
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }

  private start(): Promise<ChildProcess> {
    const execArgv = [`--max-old-space-size=${HEAP_MIB}`];
    // Tests print, and a mutant that ends a process prints more.
    const child = fork(this.script, {
      execArgv,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    return new Promise((resolve, reject) => {
      child.once('message', () => resolve(child));
      child.once('exit', (code) => reject(new Error(`${this.script} ended with ${code} before it was ready`)));
    });
  }
}

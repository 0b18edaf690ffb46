import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { processStat } from '../files/processStat.ts';
import type { Answer, Order } from './killer.ts';

const HEAP_MIB = 1024;
const LOOK_MS = 1_000;
/** A process that gets less than this part of a processor waits for something other than its turn. */
const TURNS_MAX = 20;

/** How an order ended: answered, or the process had to be ended, or ended by itself. */
export type Ending = Answer | 'time-out' | 'process ended';

/** A process of the instrumented build, which obeys one order at a time and is started again where a mutant ended it. */
export class KillerProcess {
  private readonly script: string;
  private child: ChildProcess | undefined;

  constructor(out: string) {
    this.script = join(out, 'mutants/killer.js');
  }

  /** `timeoutMs` is what the order may take of a processor: on a busy machine a process that has to wait for its turn is no endless loop. */
  async obey(order: Order, timeoutMs: number): Promise<Ending> {
    this.child ??= await this.start();
    const child = this.child;
    const beganMs = performance.now();
    const beganCpuMs = cpuMsOf(child);
    return new Promise((resolve) => {
      const finish = (ending: Ending) => {
        clearInterval(timer);
        child.off('message', finish);
        child.off('exit', ended);
        child.off('error', ended);
        if (typeof ending === 'string') this.close();
        resolve(ending);
      };
      const ended = () => finish('process ended');
      const timer = setInterval(() => {
        const passedMs = performance.now() - beganMs;
        const usedMs = beganCpuMs === undefined ? passedMs : (cpuMsOf(child) ?? 0) - beganCpuMs;
        if (usedMs > timeoutMs || passedMs > TURNS_MAX * timeoutMs) finish('time-out');
      }, LOOK_MS);
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

/** What a process took of processors so far, ms; undefined where the system does not tell, or it is gone. */
function cpuMsOf({ pid }: ChildProcess): number | undefined {
  const stat = processStat(pid!);
  return stat === undefined ? undefined : 1000 * stat.cpuSeconds;
}

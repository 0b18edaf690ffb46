import { fileURLToPath } from 'node:url';
import { runCommand } from '../command.ts';

export const fakeRkvd = fileURLToPath(new URL('./fakeRkvd.mjs', import.meta.url));

const open: Terminal[] = [];

/** Ends the commands that still run, as whoever closes the terminal does. */
export async function endTerminals(): Promise<void> {
  Terminal.says = false;
  for (const terminal of open.splice(0)) await terminal.interruptTwice();
}

/** One terminal with one command in it. */
export class Terminal {
  /** What a person answers. */
  static says = false;
  out = '';
  err = '';
  readonly exitCode: Promise<number>;
  private sendInterrupt: () => void = () => {};
  private listeners: (() => void)[] = [];

  constructor(...args: string[]) {
    const heard = (): void => {
      for (const listener of this.listeners) listener();
    };
    this.exitCode = runCommand(args, {
      terminal: {
        out: (text) => {
          this.out += `${text}\n`;
          heard();
        },
        json: (value, indent) => {
          this.out += `${JSON.stringify(value, null, indent)}\n`;
        },
        err: (text) => {
          this.err += `${text}\n`;
        },
      },
      confirm: async (question) => {
        this.err += `${question}\n`;
        return Terminal.says;
      },
      onInterrupt: (interrupt) => {
        this.sendInterrupt = interrupt;
        return () => {
          this.sendInterrupt = () => {};
        };
      },
    });
    open.push(this);
  }

  interrupt(): void {
    this.sendInterrupt();
  }

  async interruptTwice(): Promise<void> {
    this.interrupt();
    this.interrupt();
    await this.exitCode;
  }

  /** Waits until it has printed this. */
  async prints(pattern: RegExp): Promise<void> {
    const ended = this.exitCode.then((code) => {
      if (!pattern.test(this.out))
        throw new Error(`ended with ${code} and without ${pattern}:\n${this.out}${this.err}`);
    });
    const heard = new Promise<void>((done) => {
      this.listeners.push(() => pattern.test(this.out) && done());
    });
    if (!pattern.test(this.out)) await Promise.race([heard, ended]);
  }
}

export async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = new Terminal(...args);
  const code = await terminal.exitCode;
  return { code, out: terminal.out, err: terminal.err };
}

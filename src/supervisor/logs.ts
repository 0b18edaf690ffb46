import { existsSync } from 'node:fs';
import { printableLines } from '../cli/printable.ts';
import type { CommandOutput } from '../cli/terminal.ts';
import { Tail } from '../files/tail.ts';
import { untilInterrupted } from './following.ts';

/** Where lines are longer on average, fewer are shown. */
const LINE_BYTES_MAX = 1024;

/** Where what a server prints is kept. */
export interface LogOfServer {
  readonly id: number;
  readonly logFile: string;
}

export interface LogsOptions {
  /** The last of each server at first, at most. */
  readonly linesMax: number;
  /** Goes on until it is interrupted. */
  readonly follow: boolean;
  readonly onInterrupt: (interrupt: () => void) => () => void;
}

/** One server's log, line by line; before each line of one among several stands whose it is. */
class ServerLog {
  private readonly path: string;
  private readonly prefix: string;
  private readonly out: CommandOutput['out'];
  private tail: Tail | undefined;
  private line = '';

  constructor({ logFile }: LogOfServer, prefix: string, out: CommandOutput['out']) {
    this.path = logFile;
    this.prefix = prefix;
    this.out = out;
  }

  /** A server that never started has none yet. */
  read(linesMax: number): void {
    if (this.tail !== undefined) this.print(this.tail.more(), Number.POSITIVE_INFINITY);
    else if (existsSync(this.path)) {
      this.tail = new Tail(this.path);
      this.print(this.tail.last(linesMax * LINE_BYTES_MAX), linesMax);
    }
  }

  private print(text: string, linesMax: number): void {
    const lines = (this.line + text).split('\n');
    this.line = lines.pop()!;
    lines.splice(0, lines.length - linesMax);
    if (lines.length > 0) this.out(lines.map((line) => this.prefix + printableLines(line)).join('\n'));
  }

  close(): void {
    this.tail?.close();
  }
}

/** Prints the last of what servers logged, and goes on with what they log from then on where that is asked for. */
export async function showLogs(
  servers: readonly LogOfServer[],
  { linesMax, follow, onInterrupt }: LogsOptions,
  { out }: CommandOutput,
): Promise<void> {
  const logs = servers.map((server) => new ServerLog(server, servers.length > 1 ? `${server.id} | ` : '', out));
  try {
    for (const log of logs) log.read(linesMax);
    if (!follow) return;
    await untilInterrupted(onInterrupt, () => {
      for (const log of logs) log.read(linesMax);
    });
  } finally {
    for (const log of logs) log.close();
  }
}

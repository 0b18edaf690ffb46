import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { printable, printableJsonText } from '../../cli/printable.ts';
import { openPrivateLog, ownTemporaryFolder } from '../../files/privateFile.ts';

export type Log = pino.Logger;

interface OpenedFile {
  readonly path: string;
  readonly descriptor: number;
  /** Why it is not where the original has it. */
  readonly problem: string | undefined;
}

/**
 * Opens `logFile`, or where that is empty `<tmp>/raft<two-digit id>.log`, as the original names it; where another user has put something there, the file of
 * that name in a folder of our own. Throws where that cannot be had either.
 */
function openFile(id: number, logFile: string): OpenedFile {
  if (logFile !== '') return { path: logFile, descriptor: openPrivateLog(logFile), problem: undefined };
  const name = logFileName(id);
  const usual = join(tmpdir(), name);
  try {
    return { path: usual, descriptor: openPrivateLog(usual), problem: undefined };
  } catch (error) {
    const path = join(ownTemporaryFolder(), name);
    return { path, descriptor: openPrivateLog(path), problem: (error as Error).message };
  }
}

export interface OpenedLog {
  readonly log: Log;
  /** Resolves when everything logged so far is in the file. */
  close(): Promise<void>;
}

/** Logs to the server's file as JSON lines, and unless `quiet` to stderr as text. `logFile`: empty for the original's place. */
export function openLog(id: number, quiet: boolean, logFile = ''): OpenedLog {
  const streams: pino.StreamEntry[] = [];
  let close: OpenedLog['close'] = () => Promise.resolve();
  let moved: Omit<OpenedFile, 'descriptor'> | undefined;
  try {
    const { path, descriptor, problem } = openFile(id, logFile);
    if (problem !== undefined) moved = { path, problem };
    const file = createWriteStream(path, { fd: descriptor });
    // A log that cannot be written is no reason to stop serving; it is said once.
    file.once('error', (error) => {
      say(`cannot write ${path}: ${error.message}`);
      file.on('error', () => {});
    });
    streams.push({ stream: { write: (line: string) => void file.write(printableJsonText(line)) } });
    close = () => new Promise((resolve) => file.end(() => resolve()));
  } catch (error) {
    say(`no log file: ${(error as Error).message}`);
  }
  if (!quiet) streams.push({ stream: { write: (line: string) => void process.stderr.write(forPeople(line)) } });
  const options = {
    base: { server: id },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: pino.stdSerializers.errWithCause },
  };
  const log = pino(options, pino.multistream(streams));
  if (moved !== undefined) log.warn({ file: moved.path, reason: moved.problem }, 'this log is not at its usual place');
  if (moved !== undefined && quiet) say(`${moved.problem}; logging to ${moved.path}`);
  return { log, close };
}

/** What becomes of the log is not for the log. Names of files are anybody's. */
function say(text: string): void {
  process.stderr.write(`rkvd: ${printable(text, LINE_LENGTH_MAX)}\n`);
}

/** Of a line for people; the file has the whole. */
const LINE_LENGTH_MAX = 2000;
const HIDDEN = new Set(['level', 'time', 'server', 'msg', 'err']);

interface LoggedError {
  readonly message?: string;
  readonly cause?: LoggedError;
}

/** One JSON line as `18:20:31.123 INFO  1 became leader term=3`. */
function forPeople(line: string): string {
  const record = JSON.parse(line) as Record<string, unknown> & {
    level: number;
    time: string;
    msg: string;
    server: number;
  };
  const level = (pino.levels.labels[record.level] ?? '').toUpperCase().padEnd(5);
  let text = `${record.time.slice(11, 23)} ${level} ${record.server} ${record.msg}`;
  for (const [key, value] of Object.entries(record)) {
    if (!HIDDEN.has(key)) text += ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  }
  for (let error = record.err as LoggedError | undefined; error !== undefined; error = error.cause) {
    // Most of ours say themselves what caused them.
    if (error.message !== undefined && !text.includes(error.message)) text += `: ${error.message}`;
  }
  return `${printable(text, LINE_LENGTH_MAX)}\n`;
}

/** Where a server logs in the temporary folder: `raft<two-digit id>.log`, as the original names it. */
function logFileName(id: number): string {
  return `raft${String(id).padStart(2, '0')}.log`;
}

import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';

export type Log = pino.Logger;

/** `<tmp>/raft<two-digit id>.log`, as the original names it. */
export function logFilePath(id: number): string {
  return join(tmpdir(), `raft${String(id).padStart(2, '0')}.log`);
}

export interface OpenedLog {
  readonly log: Log;
  /** Resolves when everything logged so far is in the file. */
  close(): Promise<void>;
}

/** Logs to the server's file as JSON lines, and unless `quiet` to stderr as text. */
export function openLog(id: number, quiet: boolean): OpenedLog {
  const file = createWriteStream(logFilePath(id), { flags: 'a' });
  const streams: pino.StreamEntry[] = [{ stream: file }];
  if (!quiet) streams.push({ stream: { write: (line: string) => void process.stderr.write(forPeople(line)) } });
  const log = pino({ base: { server: id }, timestamp: pino.stdTimeFunctions.isoTime }, pino.multistream(streams));
  // A log that cannot be written is no reason to stop serving; it is said once.
  file.once('error', (error) => {
    process.stderr.write(`rkvd: cannot write ${logFilePath(id)}: ${error.message}\n`);
    file.on('error', () => {});
  });
  return { log, close: () => new Promise((resolve) => file.end(() => resolve())) };
}

const HIDDEN = new Set(['level', 'time', 'server', 'msg', 'err']);

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
  const error = record.err as { message?: string } | undefined;
  if (error?.message !== undefined) text += `: ${error.message}`;
  return `${text}\n`;
}

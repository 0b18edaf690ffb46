import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CommandOutput } from '../cli/terminal.ts';
import { Tail } from '../files/tail.ts';
import { logFolder } from './clusterPlan.ts';
import { type ClusterEvent, describeEvent, describeExit } from './events.ts';
import { LogFile } from './process/logFile.ts';

/** Of the file that is read, from its end: tens of thousands of events. */
const READ_BYTES_MAX = 8 * 1024 * 1024;

/** One line of the event log; what else it has are the event's own fields. */
const recordSchema = z.looseObject({ time: z.string(), type: z.string(), text: z.string() });

export type EventRecord = z.infer<typeof recordSchema>;

export function eventLogFile(clusterDirectory: string): string {
  return join(logFolder(clusterDirectory), 'events.jsonl');
}

/** What happens to a cluster, kept in its folder from one `up` to the next: a JSON object a line, the oldest given up at last. */
export class EventLog {
  private readonly file: LogFile;

  /** Throws UnusableFileError, or the file system's error. */
  constructor(clusterDirectory: string) {
    this.file = new LogFile(eventLogFile(clusterDirectory));
  }

  /** `nowMs` by the machine's clock: that of rkv-bench's results. */
  write(event: ClusterEvent, nowMs: number): void {
    this.file.write(Buffer.from(`${JSON.stringify(eventRecord(event, nowMs))}\n`));
  }

  close(): void {
    this.file.close();
  }
}

export function eventRecord(event: ClusterEvent, nowMs: number): EventRecord {
  const atMs = 'atMs' in event ? event.atMs : nowMs;
  const { type, ...fields } = event;
  const exit = 'exit' in event ? { exit: describeExit(event.exit) } : {};
  return { time: new Date(atMs).toISOString(), type, text: describeEvent(event), ...fields, ...exit };
}

/** A file of events as it grows, one piece after the other. */
export class EventReader {
  private readonly path: string;
  private tail: Tail | undefined;
  private line = '';

  constructor(path: string) {
    this.path = path;
  }

  /** Those that came since; the first time those that are there. What is no event, such as a line of a later version, is passed over. */
  read(): EventRecord[] {
    if (this.tail !== undefined) return this.records(this.tail.more());
    if (!existsSync(this.path)) return [];
    this.tail = new Tail(this.path);
    return this.records(this.tail.last(READ_BYTES_MAX));
  }

  private records(text: string): EventRecord[] {
    const lines = (this.line + text).split('\n');
    this.line = lines.pop()!;
    return lines.flatMap((line) => parseRecord(line) ?? []);
  }

  close(): void {
    this.tail?.close();
  }
}

function parseRecord(line: string): EventRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

export function printEvents(records: readonly EventRecord[], asJson: boolean, { out, json }: CommandOutput): void {
  for (const record of records) {
    if (asJson) json(record);
    else out(`${record.time} ${record.text}`);
  }
}

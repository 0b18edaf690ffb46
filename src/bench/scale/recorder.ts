import { subscribe } from 'node:diagnostics_channel';
import { createWriteStream, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { SNAPSHOT_CHANNEL, type SnapshotNews } from '../../wire/snapshotChannel.ts';
import { FOLDER_VARIABLE, type RecorderRow, recorderFile } from './recorderRows.ts';

/** How often it is looked whether the thread runs. No pause is known better; each look costs some 15 µs. */
const LOOK_MS = 4;
const ROW_MS = 1000;
const SCHEDSTAT_BYTES_MAX = 128;

/** How long the main thread of this process has been ready to run while others had the cores, ms. */
function waiting(): () => number {
  // The file of the process is that of its main thread; it is read anew from its beginning each time.
  const file = openSync('/proc/self/schedstat', 'r');
  const bytes = Buffer.alloc(SCHEDSTAT_BYTES_MAX);
  return () => {
    const text = bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
    return Number(text.split(' ')[1]) / 1e6;
  };
}

/** Loaded into a server before its program: writes down how long its thread was busy in one piece, what it holds, and its snapshots. */
function record(folder: string, server: number): void {
  const file = createWriteStream(join(folder, recorderFile(server, process.pid)));
  const write = (row: RecorderRow) => void file.write(`${JSON.stringify(row)}\n`);
  const waitedMs = waiting();
  let [lastMs, lastWaitedMs] = [performance.now(), waitedMs()];
  let [pauseMs, ownPauseMs] = [0, 0];
  setInterval(() => {
    const [nowMs, nowWaitedMs] = [performance.now(), waitedMs()];
    const lateMs = nowMs - lastMs - LOOK_MS;
    pauseMs = Math.max(pauseMs, lateMs);
    ownPauseMs = Math.max(ownPauseMs, lateMs - (nowWaitedMs - lastWaitedMs));
    lastMs = nowMs;
    lastWaitedMs = nowWaitedMs;
  }, LOOK_MS).unref();
  setInterval(() => {
    write({ atMs: Date.now(), pauseMs, ownPauseMs, residentBytes: process.memoryUsage.rss() });
    pauseMs = 0;
    ownPauseMs = 0;
  }, ROW_MS).unref();
  subscribe(SNAPSHOT_CHANNEL, (news) => write({ atMs: Date.now(), ...(news as SnapshotNews) }));
}

const folder = process.env[FOLDER_VARIABLE];
const id = process.argv.map((word) => /^-id=(\d+)$/.exec(word)?.[1]).find((found) => found !== undefined);
if (folder !== undefined && id !== undefined) record(folder, Number(id));

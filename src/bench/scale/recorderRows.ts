import type { SnapshotNews } from '../../wire/snapshotChannel.ts';

/** Of the environment of a server that has the recorder: where its file goes. */
export const FOLDER_VARIABLE = 'RKV_SCALE_FOLDER';

/** What one server's process wrote down of itself, a JSON object a line. Times are the machine's clock's, Unix ms. */
export type RecorderRow = PauseRow | SnapshotRow;

/** Of the time since the row before. */
export interface PauseRow {
  readonly atMs: number;
  /** The longest time in which its thread took up nothing new. */
  readonly pauseMs: number;
  /** The same without what the thread waited for a core meanwhile, because others had them all. */
  readonly ownPauseMs: number;
  readonly residentBytes: number;
}

export interface SnapshotRow extends SnapshotNews {
  readonly atMs: number;
}

const FILE = /^server-(\d+)-\d+\.jsonl$/;

export function recorderFile(server: number, pid: number): string {
  return `server-${server}-${pid}.jsonl`;
}

/** Of which server a file is; undefined of others. */
export function serverOf(file: string): number | undefined {
  const id = FILE.exec(file)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** The rows in a file's text; the last line may have been cut short by an end of the process. */
export function rowsOf(text: string): RecorderRow[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as RecorderRow);
}

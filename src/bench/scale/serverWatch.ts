import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { packagePath } from '../../cli/packagePath.ts';
import type { WindowObserver } from '../run/measure.ts';
import { preload } from '../run/preload.ts';
import type { OwnServers, Target } from '../run/target.ts';
import { FOLDER_VARIABLE, type PauseRow, type RecorderRow, rowsOf, serverOf } from './recorderRows.ts';

/** Processes run what is built. */
const RECORDER = packagePath('dist', 'bench', 'scale', 'recorder.js');
const SIZE_MS = 1000;
const POLL_MS = 10;
const REJOIN_MS_MAX = 300_000;
const RESTART_MS_MAX = 120_000;

/** A snapshot of one server's, from its first byte to its last: taken of its own state, or taken up from others. */
export interface SnapshotSpan {
  readonly server: number;
  readonly kind: 'taken' | 'installed';
  readonly index: number;
  /** In the machine's clock, Unix ms. */
  readonly fromMs: number;
  /** Undefined where it was not over by the end. */
  readonly untilMs: number | undefined;
}

/** What servers were like over time. */
export interface ServerTimes {
  readonly id: number;
  readonly rows: readonly PauseRow[];
  /** Of its data, on disk, with the time of each. */
  readonly folder: readonly { readonly atMs: number; readonly bytes: number }[];
}

/** Something that was done to a server, and how long it took until it had all that was there when it began to. */
export interface Return {
  readonly server: number;
  readonly kind: 'rejoin' | 'restart';
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface Watched {
  readonly servers: readonly ServerTimes[];
  readonly snapshots: readonly SnapshotSpan[];
  readonly returns: readonly Return[];
}

export interface WatchPlan {
  /** When a follower comes back without its data, counted from the beginning; undefined: none does. */
  readonly rejoinAtMs: number | undefined;
  /** A follower is restarted from its data when the load is over. */
  readonly restarts: boolean;
}

/** Has the servers of a run write down what they are like, and brings one of them back from nothing, or from its data. */
export class ServerWatch implements WindowObserver {
  private readonly recorderFolder: string;
  private readonly plan: WatchPlan;
  private readonly endPreloading: () => void;
  private readonly sizes = new Map<number, { atMs: number; bytes: number }[]>();
  private readonly returns: Return[] = [];
  private measuring: NodeJS.Timeout | undefined;
  private rejoining: Promise<void> | undefined;
  private cluster: OwnServers | undefined;
  private readonly over = new AbortController();

  /** From here on, until `close`, servers that this process starts write to `recorderFolder`. */
  constructor(recorderFolder: string, plan: WatchPlan) {
    this.recorderFolder = recorderFolder;
    this.plan = plan;
    this.endPreloading = preload(RECORDER, { [FOLDER_VARIABLE]: recorderFolder });
  }

  async begin(_pids: ReadonlyMap<number, number>, { cluster }: Target): Promise<void> {
    this.cluster = cluster!;
    this.measureFolders();
    this.measuring = setInterval(() => this.measureFolders(), SIZE_MS);
    const { rejoinAtMs } = this.plan;
    if (rejoinAtMs === undefined) return;
    this.rejoining = pause(rejoinAtMs, true, { signal: this.over.signal })
      // The run was ended before that.
      .catch(() => false)
      .then((isTime) => (isTime ? this.rejoin() : undefined));
    this.rejoining.catch(() => {});
  }

  /** Rejects where a server did not come back. */
  async end(): Promise<void> {
    this.over.abort();
    await this.rejoining;
    if (this.plan.restarts) await this.restart();
    clearInterval(this.measuring);
    this.measureFolders();
  }

  close(): void {
    this.over.abort();
    clearInterval(this.measuring);
    this.endPreloading();
  }

  /** Once the servers have ended. */
  watched(): Watched {
    const rows = new Map<number, RecorderRow[][]>();
    for (const file of readdirSync(this.recorderFolder)) {
      const id = serverOf(file);
      if (id === undefined) continue;
      const read = rowsOf(readFileSync(join(this.recorderFolder, file), 'utf8'));
      rows.set(id, [...(rows.get(id) ?? []), read]);
    }
    const ids = [...this.sizes.keys()];
    return {
      servers: ids.map((id) => ({
        id,
        rows: (rows.get(id) ?? []).flat().filter(isPause).sort(byTime),
        folder: this.sizes.get(id)!,
      })),
      snapshots: [...rows].flatMap(([id, processes]) => processes.flatMap((each) => snapshotsOf(id, each))),
      returns: this.returns,
    };
  }

  private measureFolders(): void {
    for (const { id, directory } of this.cluster!.plan.servers) {
      const data = join(directory, `rkvd-${id}`);
      const sizes = this.sizes.get(id) ?? [];
      sizes.push({ atMs: Date.now(), bytes: bytesIn(data) + bytesOf(`${data}.promised`) });
      this.sizes.set(id, sizes);
    }
  }

  private async follower(): Promise<number> {
    for (;;) {
      const found = (await this.cluster!.status()).find(({ role }) => role === 'follower');
      if (found !== undefined) return found.id;
      await pause(POLL_MS);
    }
  }

  private async rejoin(): Promise<void> {
    const server = await this.follower();
    await this.comeBack(server, 'rejoin', () => this.cluster!.rejoin(server, { timeoutMs: REJOIN_MS_MAX }));
  }

  private async restart(): Promise<void> {
    const server = await this.follower();
    await this.comeBack(server, 'restart', () => this.cluster!.restart(server));
  }

  private async comeBack(server: number, kind: Return['kind'], begin: () => Promise<void>): Promise<void> {
    const committed = Math.max(...(await this.cluster!.status()).map(({ commitIndex }) => commitIndex ?? 0));
    let fromMs = Date.now();
    await begin();
    // Until then it ended in order.
    if (kind === 'restart') fromMs = Date.now();
    for (const deadlineMs = Date.now() + RESTART_MS_MAX; Date.now() < deadlineMs; ) {
      const report = (await this.cluster!.status()).find(({ id }) => id === server);
      if ((report?.appliedIndex ?? 0) >= committed) {
        this.returns.push({ server, kind, fromMs, untilMs: Date.now() });
        return;
      }
      await pause(POLL_MS);
    }
    throw new ReturnError(`server ${server} did not have entry ${committed} ${RESTART_MS_MAX} ms after its ${kind}`);
  }
}

/** A server did not come back. */
export class ReturnError extends Error {
  override readonly name = 'ReturnError';
}

function isPause(row: RecorderRow): row is PauseRow {
  return 'pauseMs' in row;
}

function byTime(one: PauseRow, other: PauseRow): number {
  return one.atMs - other.atMs;
}

const ENDS = { stored: 'begun', installed: 'installing' } as const;

/** Of one process' rows, in their order. */
export function snapshotsOf(server: number, rows: readonly RecorderRow[]): SnapshotSpan[] {
  const spans: SnapshotSpan[] = [];
  const open = new Map<string, number>();
  for (const row of rows) {
    if (isPause(row)) continue;
    const { what, index, atMs } = row;
    if (what === 'begun' || what === 'installing') {
      open.set(what, spans.length);
      spans.push({
        server,
        kind: what === 'begun' ? 'taken' : 'installed',
        index,
        fromMs: atMs,
        untilMs: undefined,
      });
      continue;
    }
    const at = open.get(ENDS[what]);
    if (at === undefined) continue;
    spans[at] = { ...spans[at]!, untilMs: atMs };
    open.delete(ENDS[what]);
  }
  return spans;
}

/** What the files in a folder take of the disk; files come and go meanwhile. */
function bytesIn(folder: string): number {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  return names.reduce((sum, name) => sum + bytesOf(join(folder, name)), 0);
}

const BLOCK_BYTES = 512;

function bytesOf(path: string): number {
  return BLOCK_BYTES * (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0);
}

import type { RepeatRecord } from '../results/schema.ts';
import type { SecondLatencies } from './secondLatencies.ts';
import type { Return, ServerTimes, SnapshotSpan, Watched } from './serverWatch.ts';

/** What one server was like. Times are ms, counted from when the measurement began. */
export interface ServerFigures {
  readonly id: number;
  /** While it served: not while it came back. */
  readonly pauseMsMax: number;
  /** Without what the thread waited for a core that others had. */
  readonly ownPauseMsMax: number;
  readonly residentBytesMax: number;
  readonly residentBytesLast: number;
  readonly folderBytesMax: number;
  readonly folderBytesLast: number;
  /** About one a second. */
  readonly pauses: readonly { readonly atMs: number; readonly pauseMs: number; readonly ownPauseMs: number }[];
  readonly resident: readonly Bytes[];
  readonly folder: readonly Bytes[];
}

export interface Bytes {
  readonly atMs: number;
  readonly bytes: number;
}

/** A part of the time by itself. */
export interface PartFigures {
  readonly perSecond: number;
  readonly p99Ms: number | null;
  /** The most of any server. */
  readonly residentBytesMax: number;
}

/** What a run at scale came to. */
export interface ScaleFigures {
  readonly perSecond: number;
  readonly dropped: number;
  readonly failed: number;
  /** Of all requests; of those that were answered in seconds in which no server was at a snapshot; of the others. Null where there were none. */
  readonly p99Ms: number | null;
  readonly p99MsWithout: number | null;
  readonly p99MsWith: number | null;
  /** Another server led, or the same one in another term. */
  readonly leaderChanges: number;
  readonly servers: readonly ServerFigures[];
  readonly snapshots: readonly SnapshotSpan[];
  readonly returns: readonly Return[];
  readonly seconds: readonly { readonly second: number; readonly perSecond: number; readonly p99Ms: number }[];
  /** Its first and its last sixth. */
  readonly first: PartFigures;
  readonly last: PartFigures;
}

/** A row is of the time before it. */
const ROW_MS = 1000;
/** Five minutes of half an hour. */
const PARTS = 6;

export function scaleFigures(record: RepeatRecord, latencies: SecondLatencies, watched: Watched): ScaleFigures {
  const startedMs = Date.parse(record.startedAt);
  const lastsMs = record.windowMs;
  const from = (atMs: number) => Math.round(atMs - startedMs);
  const snapshots = watched.snapshots
    .map((span) => ({
      ...span,
      fromMs: from(span.fromMs),
      untilMs: span.untilMs === undefined ? undefined : from(span.untilMs),
    }))
    // A server that comes back late takes its own up after the load.
    .filter(({ untilMs }) => untilMs === undefined || untilMs > 0)
    .sort((one, other) => one.fromMs - other.fromMs);
  const returns = watched.returns.map((each) => ({
    ...each,
    fromMs: from(each.fromMs),
    untilMs: from(each.untilMs),
  }));
  const servers = watched.servers.map((times) => {
    const own = returns.filter(({ server }) => server === times.id);
    return serverFigures(times, own, from, lastsMs);
  });
  const isBusy = busySeconds(snapshots, returns, lastsMs);
  const seconds = record.timeline.map(({ second, writes, reads, p99Us }) => ({
    second,
    perSecond: writes + reads,
    p99Ms: p99Us / 1000,
  }));
  const part = (fromMs: number, untilMs: number): PartFigures => {
    const isMeant = (second: number) => second * 1000 >= fromMs && (second + 1) * 1000 <= untilMs;
    const counted = seconds.filter(({ second }) => isMeant(second));
    const sum = counted.reduce((all, { perSecond }) => all + perSecond, 0);
    const held = servers.flatMap(({ resident }) =>
      resident.filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs).map(({ bytes }) => bytes),
    );
    return {
      perSecond: counted.length === 0 ? 0 : Math.round(sum / counted.length),
      p99Ms: latencies.p99Ms(isMeant) ?? null,
      residentBytesMax: Math.max(0, ...held),
    };
  };
  return {
    perSecond: record.writesPerSecond + record.readsPerSecond,
    dropped: record.dropped,
    failed: record.failed,
    p99Ms: latencies.p99Ms(() => true) ?? null,
    p99MsWithout: latencies.p99Ms((second) => !isBusy(second)) ?? null,
    p99MsWith: latencies.p99Ms(isBusy) ?? null,
    leaderChanges: record.incidents.filter(({ kind }) => kind === 'leader').length,
    servers,
    snapshots,
    returns,
    seconds,
    first: part(0, lastsMs / PARTS),
    last: part(lastsMs - lastsMs / PARTS, lastsMs),
  };
}

function serverFigures(
  { id, rows, folder }: ServerTimes,
  returns: readonly Return[],
  from: (ms: number) => number,
  lastsMs: number,
): ServerFigures {
  // What was before it warmed up, and what came after the load, are in no figure.
  const during = rows
    .map((row) => ({ ...row, atMs: from(row.atMs) }))
    .filter(({ atMs }) => atMs > 0 && atMs <= lastsMs + 1000);
  const sizes = folder.map(({ atMs, bytes }) => ({ atMs: from(atMs), bytes }));
  const resident = during.map(({ atMs, residentBytes }) => ({ atMs, bytes: residentBytes }));
  const most = (values: readonly number[]) => Math.max(0, ...values);
  // Until it is back it serves nobody: it reads its program, and takes up what it is given.
  const serving = during.filter(
    ({ atMs }) => !returns.some(({ fromMs, untilMs }) => atMs >= fromMs && atMs <= untilMs + ROW_MS),
  );
  return {
    id,
    pauseMsMax: most(serving.map(({ pauseMs }) => pauseMs)),
    ownPauseMsMax: most(serving.map(({ ownPauseMs }) => ownPauseMs)),
    residentBytesMax: most(resident.map(({ bytes }) => bytes)),
    residentBytesLast: resident.at(-1)?.bytes ?? 0,
    folderBytesMax: most(sizes.map(({ bytes }) => bytes)),
    folderBytesLast: sizes.at(-1)?.bytes ?? 0,
    pauses: during.map(({ atMs, pauseMs, ownPauseMs }) => ({ atMs, pauseMs, ownPauseMs })),
    resident,
    folder: sizes,
  };
}

/** Whether a second is one in which a server was at a snapshot, or came back from nothing. */
function busySeconds(
  snapshots: readonly SnapshotSpan[],
  returns: readonly Return[],
  lastsMs: number,
): (second: number) => boolean {
  const busy = new Set<number>();
  const spans = [...snapshots, ...returns.filter(({ kind }) => kind === 'rejoin')];
  for (const { fromMs, untilMs = lastsMs } of spans) {
    for (let second = Math.floor(fromMs / 1000); second <= Math.floor(untilMs / 1000); second++) busy.add(second);
  }
  return (second) => busy.has(second);
}

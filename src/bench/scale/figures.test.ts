import { describe, expect, it } from 'vitest';
import { sampleIncident, sampleRepeat, sampleTimeline } from '../testing/sampleRun.ts';
import { scaleChart } from './chart.ts';
import { type ScaleFigures, scaleFigures } from './figures.ts';
import { SCALE_MODES, unmetBounds } from './modes.ts';
import { type RecorderRow, recorderFile, rowsOf, serverOf } from './recorderRows.ts';
import { SecondLatencies } from './secondLatencies.ts';
import { snapshotsOf, type Watched } from './serverWatch.ts';
import { renderScale } from './table.ts';

const SECONDS = 12;
const STARTED = '2030-01-02T03:04:05.000Z';
const startedMs = Date.parse(STARTED);

/** Requests that take 10 ms, and 30 ms in seconds 4 and 5, in which server 2 was at a snapshot. */
function latencies(): SecondLatencies {
  const seconds = new SecondLatencies();
  seconds.started(1000);
  for (let second = 0; second < SECONDS; second++) {
    const endMs = 1000 + second * 1000 + 500;
    for (let i = 0; i < 200; i++) seconds.completed(false, endMs - (second === 4 || second === 5 ? 30 : 10), endMs);
  }
  return seconds;
}

const pauses = (own: number, resident: number): RecorderRow[] =>
  Array.from({ length: SECONDS }, (_, at) => ({
    atMs: startedMs + 1000 * (at + 1),
    pauseMs: 2 * own + at,
    ownPauseMs: own,
    residentBytes: resident + 1e6 * at,
  }));

const watched: Watched = {
  servers: [1, 2].map((id) => ({
    id,
    rows: [
      { atMs: startedMs - 500, pauseMs: 900, ownPauseMs: 900, residentBytes: 9e9 },
      ...pauses(5 * id, 100e6),
    ].filter((row) => 'pauseMs' in row),
    folder: [{ atMs: startedMs + 2000, bytes: 50e6 * id }],
  })),
  snapshots: [
    { server: 2, kind: 'taken', index: 1000, fromMs: startedMs + 4200, untilMs: startedMs + 5100 },
    { server: 1, kind: 'taken', index: 10, fromMs: startedMs - 4200, untilMs: startedMs - 4000 },
  ],
  returns: [{ server: 2, kind: 'restart', fromMs: startedMs + 13_000, untilMs: startedMs + 14_500 }],
};

function figuresOf(changes: Parameters<typeof sampleRepeat>[1] = {}): ScaleFigures {
  const record = sampleRepeat([10_000], {
    startedAt: STARTED,
    windowMs: 1000 * SECONDS,
    writesPerSecond: 200,
    timeline: sampleTimeline(SECONDS),
    ...changes,
  });
  return scaleFigures(record, latencies(), watched);
}

describe('the figures of a run at scale', () => {
  it('keep seconds with a snapshot in progress apart from those without', () => {
    const { p99MsWith, p99MsWithout, snapshots } = figuresOf();
    expect(p99MsWith).toBeCloseTo(30, 0);
    expect(p99MsWithout).toBeCloseTo(10, 0);
    expect(snapshots.map(({ fromMs, untilMs }) => [fromMs, untilMs])).toEqual([[4200, 5100]]);
  });

  it('have of servers what was within the measured time, in its clock', () => {
    const { servers } = figuresOf();
    expect(servers.map(({ pauseMsMax, ownPauseMsMax }) => [pauseMsMax, ownPauseMsMax])).toEqual([
      [21, 5],
      [31, 10],
    ]);
    expect(servers[1]).toMatchObject({ residentBytesMax: 111e6, residentBytesLast: 111e6, folderBytesMax: 100e6 });
    expect(servers[0]!.resident[0]).toEqual({ atMs: 1000, bytes: 100e6 });
  });

  it('leave out pauses of a server that comes back, and of no other', () => {
    const record = sampleRepeat([10_000], { startedAt: STARTED, windowMs: 1000 * SECONDS });
    const returns = [{ server: 2, kind: 'rejoin' as const, fromMs: startedMs + 3500, untilMs: startedMs + 12_500 }];
    const { servers } = scaleFigures(record, latencies(), { ...watched, returns });
    expect(servers.map(({ pauseMsMax }) => pauseMsMax)).toEqual([21, 22]);
  });

  it('have the first sixth of the time beside the last', () => {
    const { first, last } = figuresOf();
    expect(first).toMatchObject({ perSecond: 1001, residentBytesMax: 101e6 });
    expect(last).toMatchObject({ perSecond: 1011, residentBytesMax: 111e6 });
    expect(last.p99Ms).toBeCloseTo(10, 0);
  });

  it('are held against what is asked for', () => {
    const unmet = (name: string, changes?: Parameters<typeof sampleRepeat>[1]) =>
      unmetBounds(SCALE_MODES.find((mode) => mode.name === name)!, figuresOf(changes));
    expect(unmet('keys')).toEqual([
      expect.stringMatching(
        /^p99 with a snapshot in progress, as a multiple of that without: 2\.99 times, at most 2 is/,
      ),
    ]);
    expect(unmet('rewrites')).toEqual([]);
    expect(unmet('steady')).toEqual([]);
    const incidents = [sampleIncident('leader', 'server 2 leads in term 3')];
    expect(unmet('rewrites', { incidents, dropped: 4 })).toEqual([
      'changes of the leader: 1, at most 0 is asked for',
      'requests that failed or were dropped: 4, at most 0 is asked for',
    ]);
    const timeline = sampleTimeline(SECONDS).map((row) => ({ ...row, writes: row.second < 10 ? 1000 : 800 }));
    expect(unmet('steady', { timeline })).toEqual([
      'throughput of the last sixth of the time, beside the first: 25 % worse, at most 10 is asked for',
    ]);
  });

  it('are a row of a table, and a chart that has its colours on light and on dark', () => {
    const figures = figuresOf();
    const table = renderScale([{ engine: 'etcd', figures }], 'markdown');
    expect(table.split('\n').at(-1)).toBe(
      '| etcd | 200 | 0 | 30.1 | 10 | 30.1 | 1 | 0 | 21 31 | 5 10 | 0 | 111 111 | 50 100 | 1.5 |',
    );
    const svg = scaleChart('etcd: a run', figures);
    expect(svg).toMatch(
      /^<svg [^>]*><style>svg\{--ink:#1c1c1c;.*@media \(prefers-color-scheme:dark\)\{svg\{--ink:#e8e8e6/,
    );
    expect(svg).toContain('server 2');
  });
});

describe('what a server writes down of itself', () => {
  it('is read up to a line that was cut short, and says which server it is of', () => {
    expect(rowsOf('{"atMs":1,"what":"begun","index":7}\n{"atMs":2,"wh')).toEqual([
      { atMs: 1, what: 'begun', index: 7 },
    ]);
    expect([recorderFile(3, 4711), 'other.json'].map(serverOf)).toEqual([3, undefined]);
  });

  it('has the spans of its snapshots, also of one that was not over', () => {
    const rows: RecorderRow[] = [
      { atMs: 10, what: 'begun', index: 7 },
      { atMs: 20, what: 'stored', index: 7 },
      { atMs: 30, what: 'installing', index: 9 },
      { atMs: 35, what: 'begun', index: 9 },
      { atMs: 40, what: 'installed', index: 9 },
    ];
    expect(snapshotsOf(1, rows).map(({ kind, fromMs, untilMs }) => [kind, fromMs, untilMs])).toEqual([
      ['taken', 10, 20],
      ['installed', 30, 40],
      ['taken', 35, undefined],
    ]);
  });
});

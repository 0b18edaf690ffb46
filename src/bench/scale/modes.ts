import type { ScaleFigures } from './figures.ts';

/** How large a run is. */
export interface ScaleSize {
  readonly keys: number;
  readonly valueBytes: number;
  /** Inserts a second; undefined: a part of what a closed loop gets. */
  readonly rate: number | undefined;
  readonly timeMs: number;
  readonly warmupMs: number;
  readonly snapshotEntries: number;
}

/** What a figure has to be. */
export interface Bound {
  /** What it is of, in words. */
  readonly what: string;
  readonly unit: string;
  /** Undefined where the run has no such figure. */
  readonly figure: (figures: ScaleFigures) => number | undefined;
  readonly most: number;
}

/** A measurement at scale that is known by its name. */
export interface ScaleMode {
  readonly name: string;
  /** What is done, and what it shows, in one line. */
  readonly description: string;
  readonly size: ScaleSize;
  /** A part of it that shows that all works here, and nothing else. */
  readonly quick: Partial<ScaleSize>;
  /** Of the time, when a follower comes back without its data; undefined: none does. */
  readonly rejoinAt?: number;
  /** A follower is restarted from its data when the load is over. */
  readonly restarts?: true;
  readonly bounds: readonly Bound[];
}

const MB = 1e6;
/** As a part of what a closed loop gets. */
export const SHARE_OF_PEAK = 0.6;

const most = (values: readonly number[]) => Math.max(0, ...values);

const residentMb = (mb: number): Bound => ({
  what: 'memory of a server',
  unit: 'MB',
  figure: ({ servers }) => most(servers.map(({ residentBytesMax }) => residentBytesMax)) / MB,
  most: mb,
});

const NO_LEADER_LOST: Bound = {
  what: 'changes of the leader',
  unit: '',
  figure: ({ leaderChanges }) => leaderChanges,
  most: 0,
};

const NOTHING_LEFT_OUT: Bound = {
  what: 'requests that failed or were dropped',
  unit: '',
  figure: ({ dropped, failed }) => dropped + failed,
  most: 0,
};

/** How far the last part is from the first, in the direction that is worse, %. */
const drift = (what: string, worse: (figures: ScaleFigures) => readonly [number | null, number | null]): Bound => ({
  what: `${what} of the last sixth of the time, beside the first`,
  unit: '% worse',
  figure: (figures) => {
    const [last, first] = worse(figures);
    return last === null || first === null || first === 0 ? undefined : 100 * (last / first - 1);
  },
  most: 10,
});

export const SCALE_MODES: readonly ScaleMode[] = [
  {
    name: 'keys',
    description:
      'inserts over a million keys while snapshots are taken, stored, sent to a server without data, and installed',
    size: {
      keys: 1_000_000,
      valueBytes: 100,
      rate: 20_000,
      timeMs: 120_000,
      warmupMs: 5000,
      snapshotEntries: 400_000,
    },
    quick: { keys: 20_000, rate: 1000, timeMs: 8000, warmupMs: 1000, snapshotEntries: 2000 },
    rejoinAt: 0.6,
    bounds: [
      {
        what: 'longest pause of a server, its own',
        unit: 'ms',
        figure: ({ servers }) => most(servers.map(({ ownPauseMsMax }) => ownPauseMsMax)),
        most: 20,
      },
      {
        what: 'p99 with a snapshot in progress, as a multiple of that without',
        unit: 'times',
        figure: ({ p99MsWith, p99MsWithout }) =>
          p99MsWith === null || p99MsWithout === null ? undefined : p99MsWith / p99MsWithout,
        most: 2,
      },
      NO_LEADER_LOST,
      NOTHING_LEFT_OUT,
      residentMb(250),
    ],
  },
  {
    name: 'rewrites',
    description: 'ten million inserts over ten thousand keys: what a server holds goes by its keys, not by its history',
    size: {
      keys: 10_000,
      valueBytes: 100,
      rate: 20_000,
      timeMs: 500_000,
      warmupMs: 0,
      snapshotEntries: 1_000_000,
    },
    quick: { keys: 100, rate: 1000, timeMs: 5000, snapshotEntries: 2000 },
    restarts: true,
    bounds: [
      residentMb(200),
      {
        what: "a server's data on disk",
        unit: 'MB',
        figure: ({ servers }) => most(servers.map(({ folderBytesLast }) => folderBytesLast)) / MB,
        most: 300,
      },
      {
        what: 'restart of a server from its data until it had all that was committed',
        unit: 's',
        figure: ({ returns }) => {
          const restart = returns.find(({ kind }) => kind === 'restart');
          return restart === undefined ? undefined : (restart.untilMs - restart.fromMs) / 1000;
        },
        most: 3,
      },
      NO_LEADER_LOST,
      NOTHING_LEFT_OUT,
    ],
  },
  {
    name: 'steady',
    description: `half an hour at ${100 * SHARE_OF_PEAK} % of the peak: the last five minutes beside the first`,
    size: {
      keys: 100_000,
      valueBytes: 100,
      rate: undefined,
      timeMs: 1_800_000,
      warmupMs: 10_000,
      snapshotEntries: 200_000,
    },
    quick: { keys: 1000, rate: 1000, timeMs: 12_000, warmupMs: 1000, snapshotEntries: 2000 },
    bounds: [
      drift('throughput', ({ first, last }) => [first.perSecond, last.perSecond]),
      drift('p99', ({ first, last }) => [last.p99Ms, first.p99Ms]),
      drift('memory', ({ first, last }) => [last.residentBytesMax, first.residentBytesMax]),
      NO_LEADER_LOST,
    ],
  },
];

export const SCALE_MODE_NAMES: readonly string[] = SCALE_MODES.map(({ name }) => name);

/** What has to be and is not, in words; and what a run has no figure of. */
export function unmetBounds({ bounds }: ScaleMode, figures: ScaleFigures): string[] {
  return bounds.flatMap(({ what, unit, figure, most: limit }) => {
    const value = figure(figures);
    if (value === undefined) return [`${what}: there is no such figure`];
    if (value <= limit) return [];
    const found = `${rounded(value)} ${unit}`.trimEnd();
    return [`${what}: ${found}, at most ${limit} is asked for`];
  });
}

export function rounded(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
}

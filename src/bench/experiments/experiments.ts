import type { FileStep } from '../../scenarios/file/schema.ts';
import { type BenchRequest, measuresOwn } from '../plan/plan.ts';
import type { Schedule, ScheduleCluster } from '../plan/schedule.ts';
import type { AskedSettings } from '../plan/settingAxes.ts';

/** A story that is told by its name. */
export interface Experiment {
  readonly name: string;
  /** What is done, and what it shows, in one line. */
  readonly description: string;
  /** What it asks for where nobody says otherwise. `isQuick`: the same story in a tenth of the time, under a sixth of the load. */
  readonly ask: (isQuick: boolean) => ExperimentRequest;
}

/** What an experiment asks for of its own servers, and of any. */
export interface ExperimentRequest {
  readonly schedule?: Schedule;
  readonly load: Pick<BenchRequest, 'throughputs' | 'timeMs'>;
  readonly cluster: Pick<BenchRequest, 'servers' | 'settings'>;
}

/**
 * The original's: its times and rates, of 200 clients, on five servers. The ones that it does not have follow its "crash leader". In a quick one
 * three servers have a thousand requests a second.
 */
const QUICK_RATE = 5;
const [SERVERS, QUICK_SERVERS] = [5, 3];
/** In a quick one there is some time for what starts again on a busy machine, s. */
const [LASTS_S, QUICK_LASTS_S] = [60, 16];
/** When the fault comes, s. */
const [FAULT_S, QUICK_FAULT_S] = [35, 4];
/** How long it lasts where that is said, s. */
const [FAULT_LASTS_S, QUICK_FAULT_LASTS_S] = [5, 3];

interface Story {
  readonly steps: (faultS: number, isQuick: boolean) => FileStep[];
  readonly cluster?: ScheduleCluster;
  /** Requests a second of each client. */
  readonly rates?: readonly number[];
  readonly lastsS?: number;
  readonly settings?: (isQuick: boolean) => AskedSettings;
}

const noSettings = (): AskedSettings => new Map();

function story(name: string, description: string, told: Story): Experiment {
  const { steps, cluster = {}, rates = [30], lastsS = LASTS_S, settings = noSettings } = told;
  return {
    name,
    description,
    ask: (isQuick) => ({
      schedule: {
        name,
        ...(isQuick ? { isQuick: true as const } : {}),
        steps: steps(isQuick ? QUICK_FAULT_S : FAULT_S, isQuick),
        cluster: { nodes: isQuick ? QUICK_SERVERS : SERVERS, ...cluster },
        lastsMs: 1000 * (isQuick ? QUICK_LASTS_S : lastsS),
      },
      load: { throughputs: isQuick ? [QUICK_RATE] : rates },
      cluster: { settings: settings(isQuick) },
    }),
  };
}

const at = (seconds: number): string => `${seconds}s`;
const lasting = (isQuick: boolean): string => at(isQuick ? QUICK_FAULT_LASTS_S : FAULT_LASTS_S);

/** Of the original's crash, which its other stories here follow. */
const LARGE_MESSAGES: ScheduleCluster = { settings: { entriespermsg: 1024 } };
const CHECK_QUORUM: ScheduleCluster = { settings: { checkquorum: true } };
/** A fourth server waits to be added. */
const SPARE: ScheduleCluster = { nodes: 4, members: [1, 2, 3] };
const SLOWER_SYNC = '100ms';
const PARTITIONS = { rates: [50], lastsS: 80, cluster: CHECK_QUORUM };

export const EXPERIMENTS: readonly Experiment[] = [
  {
    name: 'latency-vs-throughput',
    description: 'what a request takes as more of them come, up to more than the servers can do',
    ask: (isQuick) => ({
      load: {
        throughputs: isQuick ? [5, 20, 50] : [5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130],
        timeMs: isQuick ? 4000 : 60_000,
      },
      cluster: {
        servers: isQuick ? QUICK_SERVERS : SERVERS,
        settings: new Map([
          ['entriespermsg', isQuick ? ['64'] : ['64', '1024']],
          ['heartbeat', ['2ms']],
        ]),
      },
    }),
  },
  story('crash-leader', "the leader's process is killed, and starts again", {
    steps: (faultS) => [{ at: at(faultS), fault: 'kill', server: 'leader' }],
    cluster: LARGE_MESSAGES,
  }),
  story('crash-follower', "a follower's process is killed, and starts again", {
    steps: (faultS) => [{ at: at(faultS), fault: 'kill', server: 'follower' }],
    cluster: LARGE_MESSAGES,
  }),
  story('partition-leader', 'the leader is cut off from the others for a while', {
    steps: (faultS, isQuick) => [{ at: at(faultS), fault: 'partition', server: 'leader', for: lasting(isQuick) }],
    ...PARTITIONS,
  }),
  story('partition-follower', 'a follower is cut off from the others for a while, and catches up', {
    steps: (faultS, isQuick) => [{ at: at(faultS), fault: 'partition', server: 'follower', for: lasting(isQuick) }],
    ...PARTITIONS,
  }),
  story('replace-leader', 'the leader is removed, a fourth server is added, and the former leader is killed', {
    steps: (faultS, isQuick) => {
      const stepS = isQuick ? 2 : 5;
      return [
        { at: at(faultS), do: 'choose', server: 'leader', as: 'old' },
        { at: at(faultS), do: 'remove', server: 'old' },
        { at: at(faultS + stepS), do: 'add', server: 4 },
        { at: at(faultS + 2 * stepS), fault: 'kill', server: 'old', restart: false },
      ];
    },
    cluster: { ...SPARE, settings: { heartbeat: 2, election: 200 } },
    rates: [5, 30],
  }),
  story('slow-disk', `each sync of the leader's disk takes ${SLOWER_SYNC} longer for a while`, {
    steps: (faultS, isQuick) => [
      { at: at(faultS), fault: 'slow-disk', server: 'leader', by: SLOWER_SYNC, for: lasting(isQuick) },
    ],
  }),
  story('slow-follower', `each sync of a follower's disk takes ${SLOWER_SYNC} longer for a while`, {
    steps: (faultS, isQuick) => [
      { at: at(faultS), fault: 'slow-disk', server: 'follower', by: SLOWER_SYNC, for: lasting(isQuick) },
    ],
  }),
  story('restart-follower', 'a follower is stopped in order and started again', {
    steps: (faultS) => [{ at: at(faultS), do: 'restart', server: 'follower' }],
  }),
  story('add-server', 'a fourth server, which has nothing, is added', {
    steps: (faultS) => [{ at: at(faultS), do: 'add', server: 4 }],
    cluster: SPARE,
  }),
  story(
    'rolling-restart',
    'two followers are restarted, leadership is handed over, and the former leader is restarted',
    {
      steps: (_, isQuick) => {
        const stepS = isQuick ? 3 : 10;
        return [
          { at: at(stepS), do: 'choose', server: 'leader', as: 'first' },
          { at: at(stepS), do: 'restart', server: 'follower', as: 'second' },
          { at: at(2 * stepS), do: 'restart', server: 'not first,second' },
          { at: at(3 * stepS), do: 'transfer' },
          { at: at(3 * stepS + 1), do: 'restart', server: 'first' },
        ];
      },
      cluster: { nodes: 3 },
    },
  ),
  story('snapshot', 'a follower is away until the others have cut their logs, and catches up from a snapshot', {
    steps: (faultS, isQuick) => [
      { at: at(isQuick ? 1 : 10), do: 'stop', server: 'follower', as: 'away' },
      { at: at(isQuick ? faultS + 1 : faultS), do: 'start', server: 'away' },
    ],
    settings: (isQuick) =>
      new Map([
        ['snapshotentries', [isQuick ? '1000' : '20000']],
        ['trailingentries', [isQuick ? '100' : '1000']],
      ]),
  }),
];

export const EXPERIMENT_NAMES: readonly string[] = EXPERIMENTS.map(({ name }) => name);

/** Of a name that is among EXPERIMENT_NAMES. */
export function experimentOf(name: string): Experiment {
  return EXPERIMENTS.find((each) => each.name === name)!;
}

/** The experiment's request with what was asked for in its place. */
export function requestOfExperiment(experiment: Experiment, isQuick: boolean, asked: BenchRequest): BenchRequest {
  const { schedule, load, cluster } = experiment.ask(isQuick);
  // Servers that run already are as they are.
  const own = measuresOwn(asked) ? cluster : {};
  const said = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  const settings = new Map([...(own.settings ?? []), ...(asked.settings ?? [])]);
  return { ...load, ...own, ...(said as unknown as BenchRequest), settings, schedule };
}

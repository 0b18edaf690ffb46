import { printable } from '../../cli/printable.ts';
import { formatDuration } from '../../goflags/goValues.ts';
import { readSchedule } from '../../scenarios/file/read.ts';
import type { FileStep } from '../../scenarios/file/schema.ts';
import type { ScenarioCluster } from '../../scenarios/scenario.ts';
import { durationMs } from '../../yaml/values.ts';

/** What is done to a cluster while a bench drives it: a scenario without its load. */
export interface Schedule {
  readonly name: string;
  /** Undefined where it is an experiment's own. */
  readonly file?: string | undefined;
  /** Of an experiment: its short form. */
  readonly isQuick?: true;
  /** As a scenario's file says them; times count from when the measurement begins. */
  readonly steps: readonly FileStep[];
  /** What its cluster is like where nothing else is asked for. */
  readonly cluster: ScheduleCluster;
  /** How long is measured where nothing else is asked for. */
  readonly lastsMs: number;
}

/** As much of a cluster as a schedule says. */
export interface ScheduleCluster extends Partial<Omit<ScenarioCluster, 'settings'>> {
  readonly settings?: Partial<ScenarioCluster['settings']>;
}

/** There is no such scenario. */
export class NoScenarioError extends Error {
  override readonly name = 'NoScenarioError';
}

/** Throws NoScenarioError, ScenarioError, UnusableFileError or the file system's error. */
export function scheduleOfFile(file: string): Schedule {
  const { scenario, steps } = readScheduleFile(file);
  return { name: scenario.name, file, steps, cluster: scenario.cluster, lastsMs: scenario.lastsMs };
}

/** What keeps a schedule from being run by so many servers for so long. */
export function scheduleProblems({ steps, cluster }: Schedule, servers: number, timeMs: number): string[] {
  const problems: string[] = [];
  if (steps.some((step) => step.do === 'load')) {
    problems.push('--scenario: expected no step that changes the load, which is what --clients and --throughput say');
  }
  const last = steps.at(-1)!.at;
  if (durationMs(last) >= timeMs) {
    problems.push(`--time: expected more than the ${last} at which the last step comes, got ${formatDuration(timeMs)}`);
  }
  const needed = Math.max(
    ...namedServers(steps),
    ...(cluster.members?.length === cluster.nodes ? [] : (cluster.members ?? [])),
  );
  if (servers < needed) problems.push(`--servers: expected at least the ${needed} of the scenario, got ${servers}`);
  return problems;
}

/** Ids that steps say; others take whoever there is. */
function namedServers(steps: readonly FileStep[]): number[] {
  return steps.flatMap(({ server, to, from }) =>
    [server, to, from].flatMap((text) => [...String(text ?? '').matchAll(/(?<![\w-])\d+(?![\w-])/g)].map(Number)),
  );
}

function readScheduleFile(file: string): ReturnType<typeof readSchedule> {
  try {
    return readSchedule(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const why = `--scenario: there is no ${printable(file)}: expected a scenario's file, such as scenarios/leader-killed.yaml`;
    throw new NoScenarioError(why, { cause: error });
  }
}

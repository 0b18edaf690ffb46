import { type Command, Option } from 'commander';
import { StopRequests } from '../../cli/interrupts.ts';
import { printable } from '../../cli/printable.ts';
import { wholeNumberBelow } from '../../cli/runCommander.ts';
import { renderTable } from '../../cli/table.ts';
import type { EngineName } from '../../consensus/engines.ts';
import { readScenario } from '../../scenarios/file/read.ts';
import type { Happening } from '../../scenarios/happenings.ts';
import {
  DISTRIBUTION_ALIGNS,
  DISTRIBUTION_HEAD,
  distributionRows,
  renderMeasurements,
} from '../../scenarios/render.ts';
import { Timeline } from '../../scenarios/timeline.ts';
import { SETTINGS } from '../../settings/table.ts';
import type { ProcessContext } from '../commandProcess.ts';
import { findRunning } from '../findCluster.ts';
import { type PlayResult, playOnOwnCluster, playOnRunning } from './play.ts';

const PLAYS_MAX = 10_000;

interface PlayArguments {
  readonly backend: EngineName;
  readonly plays: number;
  readonly json?: true;
  /** With nothing behind it true: the only one. */
  readonly running?: string | true;
}

/** `play FILE`: a scenario on a cluster of its own. */
export function addPlayCommand(
  program: Command,
  { terminal, onInterrupt }: Omit<ProcessContext, 'progressStream'>,
  exit: (code: number) => void,
): void {
  program
    .command('play')
    .description(
      'play a scenario on a cluster of its own, which is gone afterwards, and print what happened and how long it took; exit code 1 where a step failed or an acknowledged write is gone',
    )
    .argument('<file>', 'scenario, such as scenarios/isolated-leader.yaml')
    .addOption(
      new Option('--backend <engine>', 'engine of the servers')
        .choices(SETTINGS.backend.choices)
        .default(SETTINGS.backend.default),
    )
    .option('--plays <count>', 'how often, each time on a new cluster', wholeNumberBelow(PLAYS_MAX), 1)
    .option('--json', 'print what was measured as JSON, and nothing else on stdout')
    .option('--running [cluster]', 'on a cluster that runs, by its file or its name, which stays')
    .action(async (file: string, { backend, plays, json, running }: PlayArguments) => {
      const scenario = readScenario(file);
      const supervisor = running === undefined ? undefined : findRunning(running === true ? {} : { cluster: running });
      const where = supervisor === undefined ? backend : printable(supervisor.name);
      const requests = new StopRequests();
      const stopListening = onInterrupt(() => requests.ask());
      const say = json === true ? terminal.err : terminal.out;
      const results: PlayResult[] = [];
      try {
        for (let play = 1; play <= plays; play++) {
          say(`${printable(scenario.name)} on ${where}${plays === 1 ? '' : `, ${play} of ${plays}`}`);
          const timeline = new Timeline(say);
          const told = (happening: Happening) => timeline.tell(happening);
          const result =
            supervisor === undefined
              ? await playOnOwnCluster(scenario, { backend, told, stop: requests.stop, hurry: requests.hurry })
              : await playOnRunning(supervisor, scenario, { told, stop: requests.stop });
          results.push(result);
          for (const problem of result.problems) terminal.err(`rkv-cluster: ${printable(problem)}`);
          if (plays === 1) say(`\n${renderMeasurements(result.measurements).join('\n')}`);
        }
      } finally {
        stopListening();
      }
      if (json === true) terminal.json({ scenario: scenario.name, cluster: where, plays: results }, 2);
      else if (plays > 1) terminal.out(renderPlays(results));
      exit(results.some(({ problems }) => problems.length > 0) ? 1 : 0);
    });
}

function renderPlays(results: readonly PlayResult[]): string {
  const rows = distributionRows(results.map(({ measurements }) => measurements));
  return renderTable(DISTRIBUTION_HEAD, rows, DISTRIBUTION_ALIGNS);
}

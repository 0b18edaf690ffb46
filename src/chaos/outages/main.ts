import { Option } from 'commander';
import { processCommand, wholeNumber } from '../../cli/runCommander.ts';
import { renderTable } from '../../cli/table.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { ENGINE_NAMES, type EngineName } from '../../consensus/engines.ts';
import { startCluster } from '../../supervisor/launcher.ts';
import { Writers } from '../writers.ts';
import { OUTAGE_CASES, type OutageCase } from './cases.ts';
import { type Play, playOutage } from './play.ts';

interface Options {
  readonly engine: EngineName | 'all';
  readonly plays: number;
  readonly seconds: number;
}

const options = processCommand('outages')
  .description(
    'Isolates followers and leaders of real clusters of three, with default flags, and stalls disks, while clients write: how long they wait, and what the engine does.',
  )
  .addOption(new Option('--engine <name>').choices([...ENGINE_NAMES, 'all']).default('all'))
  .option('--plays <count>', 'how often each case is played on each engine', wholeNumber, 5)
  .option('--seconds <count>', 'how long each fault lasts', wholeNumber, 6)
  .parse()
  .opts<Options>();

const seconds = (ms: number) => (ms / 1000).toFixed(2);

/** `median (most)` */
function spread(values: readonly number[]): string {
  if (values.length === 0) return '-';
  const sorted = [...values].sort((a, b) => a - b);
  return `${seconds(sorted[Math.floor(sorted.length / 2)]!)} (${seconds(sorted.at(-1)!)})`;
}

function row(engine: EngineName, { name }: OutageCase, plays: readonly Play[]): string[] {
  const terms = plays.map((play) => play.terms);
  const led = plays.flatMap(({ otherLeadsMs }) => otherLeadsMs ?? []);
  return [
    name,
    engine,
    spread(plays.map(({ waitedMs }) => waitedMs)),
    led.length === 0
      ? 'nobody'
      : `${spread(led)}${led.length < plays.length ? `, ${led.length} of ${plays.length}` : ''}`,
    `${Math.min(...terms)} – ${Math.max(...terms)}`,
    [...new Set(plays.map(({ roleAtEnd }) => roleAtEnd))].sort().join(', '),
    spread(plays.map(({ backMs }) => backMs)),
  ];
}

const engines = options.engine === 'all' ? ENGINE_NAMES : [options.engine];
const plays = new Map(engines.map((engine) => [engine, OUTAGE_CASES.map((): Play[] => [])]));
for (const engine of engines) {
  const cluster = await startCluster({ nodes: 3, backend: engine, metrics: false, faults: true }, { name: 'outages' });
  const writers = new Writers(cluster.addresses);
  try {
    for (let round = 1; round <= options.plays; round++) {
      for (const [i, each] of OUTAGE_CASES.entries()) {
        const play = await playOutage(cluster, writers, each, options.seconds * 1000);
        plays.get(engine)![i]!.push(play);
        processTerminal.err(
          `${engine}: ${each.name}, ${round} of ${options.plays}: clients waited ${seconds(play.waitedMs)} s`,
        );
      }
    }
  } finally {
    await writers.close();
    await cluster.stop();
  }
}
const head = [
  'fault',
  'engine',
  'clients waited, s',
  'another led after, s',
  'terms',
  'the hit one in the end',
  'back after, s',
];
const rows = OUTAGE_CASES.flatMap((each, i) => engines.map((engine) => row(engine, each, plays.get(engine)![i]!)));
processTerminal.out(`median (most) of ${options.plays} plays, faults of ${options.seconds} s`);
processTerminal.out(
  renderTable(
    head,
    rows,
    head.map(() => 'left' as const),
  ),
);

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { printableLines } from '../cli/printable.ts';
import { Campaign, type SeedReport } from './campaign.ts';
import { prepare } from './prepare.ts';
import { renderReports } from './table.ts';

const ENGINES = ['gorums', 'etcd', 'hashicorp'];
const PROGRESS_SEEDS = 25;

interface Options {
  readonly engine: string;
  readonly seeds: number;
  readonly first: number;
  readonly clusterEvery: number;
}

const program = new Command('damage')
  .description(
    "Damages one server's data in every way it knows, starts it, and expects all that was promised or a refusal by name.",
  )
  .option('--engine <name>', `${ENGINES.join(', ')} or all`, 'all')
  .option('--seeds <count>', 'how many damages, over all engines', wholeNumber, 300)
  .option('--first <seed>', 'the first of them; 1 seed: --seeds 1', wholeNumber, 1)
  .option('--cluster-every <count>', 'every so many are started as servers, with clients; 0: none', wholeNumber, 21)
  .configureOutput({
    writeOut: (text) => void process.stdout.write(printableLines(text)),
    writeErr: (text) => void process.stderr.write(printableLines(text)),
  })
  .showHelpAfterError();

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('expected a whole number');
  return value;
}

async function runEngine(
  engine: string,
  first: number,
  { seeds, clusterEvery }: { seeds: number; clusterEvery: number },
) {
  const folder = await mkdtemp(join(tmpdir(), `rkv-damage-${engine}-`));
  const reports: SeedReport[] = [];
  try {
    const campaign = new Campaign(await prepare(engine, folder));
    for (let seed = first; seed < first + seeds; seed++) {
      const withCluster = clusterEvery > 0 && seed % clusterEvery === 0;
      const report = await campaign.run(seed, withCluster);
      reports.push(report);
      if (report.outcome === 'failure') {
        console.log(`${engine}: seed ${seed}, ${report.kind}: ${report.what}`);
        console.log(
          `  again: npm run damage -- --engine ${engine} --first ${seed} --seeds 1 --cluster-every ${withCluster ? 1 : 0}`,
        );
      }
      if (reports.length % PROGRESS_SEEDS === 0 || reports.length === seeds) {
        process.stderr.write(`${engine}: ${reports.length} of ${seeds} damages\n`);
      }
    }
    campaign.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return reports;
}

const options = program.parse().opts<Options>();
const engines = options.engine === 'all' ? ENGINES : ENGINES.filter((name) => name === options.engine);
if (engines.length === 0) program.error(`no engine ${options.engine}: expected ${ENGINES.join(', ')} or all`);
const all: SeedReport[] = [];
const seedsEach = Math.ceil(options.seeds / engines.length);
for (const engine of engines) {
  all.push(...(await runEngine(engine, options.first, { seeds: seedsEach, clusterEvery: options.clusterEvery })));
}
console.log(renderReports(all));
if (all.some(({ outcome }) => outcome === 'failure')) process.exitCode = 1;

import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineName } from '../../consensus/engines.ts';
import { Random } from '../../simulator/random.ts';
import { Ledger } from '../ledger.ts';
import { type CycleReport, readAllBack, runCycle, siteIn } from './cycle.ts';
import { SERVERS } from './plan.ts';
import { processesOf } from './remains.ts';

export interface CyclesOptions {
  readonly engine: EngineName;
  readonly cycles: number;
  readonly seed: number;
  /** Servers and clients prove to each other who they are. */
  readonly tls: boolean;
  /** How long faults begin in each. */
  readonly faultsMs: number;
  /** Told of each cycle once it is over. */
  readonly onCycle: (number: number, report: CycleReport) => void;
}

/** What all cycles of an engine came to. */
export interface CyclesReport {
  readonly cycles: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly steps: number;
  /** Acknowledged writes that were there in the end: all of them, where nothing is wrong. */
  readonly found: number;
  /** What is wrong, and where its data are; undefined where all is well. */
  readonly failure: { readonly message: string; readonly folder: string } | undefined;
}

const ELECTION_MS = 300;

/** Runs one cluster again and again on the same data. Nothing of it is left but, where something was wrong, its folder. */
export async function runCycles(options: CyclesOptions): Promise<CyclesReport> {
  const folder = await mkdtemp(join(tmpdir(), 'rkv-cycles-'));
  const ledger = new Ledger();
  const site = siteIn(folder, ledger, options);
  mkdirSync(site.temporary);
  const settings = [
    `backend: ${options.engine}`,
    `nodes: ${SERVERS}`,
    'basePort: 0',
    `election: ${ELECTION_MS}ms`,
    `tls: ${options.tls}`,
  ];
  writeFileSync(site.file, `${settings.join('\n')}\nrestart: {firstDelay: 100ms}\n`);
  const reports: CycleReport[] = [];
  let found = 0;
  let failure: CyclesReport['failure'];
  try {
    for (let number = 1, seen = 0; number <= options.cycles; number++) {
      const random = new Random(options.seed + number - 1).fork(`cycle of ${options.engine}`);
      const from = ledger.count;
      const report = await runCycle(site, number, seen, random);
      seen = from;
      reports.push(report);
      options.onCycle(number, report);
    }
    found = await readAllBack(site);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    failure = { message: `${error.name}: ${error.message}`, folder };
    for (const pid of processesOf(folder)) endIfThere(pid);
  }
  if (failure === undefined) await rm(folder, { recursive: true, force: true });
  const sum = (of: 'unknown' | 'steps') => reports.reduce((total, report) => total + report[of], 0);
  const [unknown, steps] = [sum('unknown'), sum('steps')];
  return { cycles: reports.length, acknowledged: ledger.count, unknown, steps, found, failure };
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_INTERRUPTED, onInterrupt, StopRequests } from '../../cli/interrupts.ts';
import { processCommand } from '../../cli/runCommander.ts';
import { processTerminal } from '../../cli/terminal.ts';
import { makeFolders } from '../../files/folders.ts';
import { programOnPath } from '../../files/programOnPath.ts';
import { machineFacts } from '../facts/machine.ts';
import { gitFacts } from '../facts/packageFacts.ts';
import { addProfileOptions, type ProfileFlags, requestOf } from '../options.ts';
import { PlanError, type PlannedRun, planBench } from '../plan/plan.ts';
import { progressOn } from '../render/progress.ts';
import { keepFunctionsApart } from './cpuRecording.ts';
import { findingsJson } from './findingsJson.ts';
import { type CountedRun, countedRun, type ProfileContext, plainRun, profiledRun } from './profileRun.ts';
import { type Findings, renderFindings } from './renderProfile.ts';
import { StraceError } from './systemCalls.ts';

const HELP = `
Where the microseconds of a request go: three clusters one after the other, each driven as rkv-bench drives it. The first one runs without profiles, of the
second one every server and the bench take a CPU profile of the measured time, of the third one system calls are counted.

  npm run profile -- --backend etcd --clients 200
  npm run profile -- --backend gorums --clients 100 --throughput 50 --payload 1024 --keep profiles
`;
/** The plan's least; one round is all there is. */
const RUNS_MAX = 30;

const program = addProfileOptions(
  processCommand('profile').description('says where the processor time of a request goes, in servers and bench'),
).addHelpText('after', HELP);
program.parse();
const flags = program.opts<ProfileFlags>();

const interrupts = new StopRequests();
onInterrupt(() => interrupts.ask());
const context: ProfileContext = {
  interrupts,
  progress: progressOn(process.stderr.isTTY ? process.stderr : undefined, processTerminal),
};

try {
  const findings = await find(planned());
  if (findings === undefined) process.exitCode = EXIT_INTERRUPTED;
  else await tell(findings);
} catch (error) {
  processTerminal.err(`profile: ${(error as Error).message}`);
  process.exitCode = 1;
}
// Connections of the measured client may be open for a moment more.
process.exit();

function planned(): PlannedRun {
  const { runs } = planBench(requestOf({ ...flags, runsMax: RUNS_MAX }), new Date());
  const [run] = runs;
  if (run === undefined || runs.length > 1)
    throw new PlanError('expected one value for each option: one run is profiled');
  if (run.settings.cluster.kind !== 'own')
    throw new PlanError('expected servers that are started here: others take no profile');
  return run;
}

async function find(run: PlannedRun): Promise<Findings | undefined> {
  const { keep, interval: intervalUs } = flags;
  if (keep !== undefined) makeFolders(keep);
  const isApart = flags.apart === true;
  if (isApart) keepFunctionsApart();
  const plain = flags.compare ? await plainRun(run, context) : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'rkv-profile-'));
  try {
    const profiled = await profiledRun(run, { folder, intervalUs, isApart }, context);
    if (profiled === undefined) return undefined;
    if (keep !== undefined) {
      for (const [name, profile] of profiled.profiles) {
        await writeFile(join(keep, `${name}.cpuprofile`), JSON.stringify(profile));
      }
    }
    const counted = await counting(run);
    return interrupts.stop.aborted ? undefined : { profiled, plain, counted };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function counting(run: PlannedRun): Promise<CountedRun | undefined> {
  if (flags.calls === 0) return undefined;
  const strace = programOnPath('strace');
  if (strace === undefined) {
    processTerminal.err('System calls are not counted: strace is not installed');
    return undefined;
  }
  const { settings } = run;
  const short = { ...run, settings: { ...settings, load: { ...settings.load, timeMs: flags.calls } } };
  try {
    return await countedRun(short, strace, context);
  } catch (error) {
    if (!(error instanceof StraceError)) throw error;
    processTerminal.err(`System calls are not counted: ${error.message}`);
    return undefined;
  }
}

async function tell(findings: Findings): Promise<void> {
  const git = await gitFacts();
  const { cpuModel, cores, node } = machineFacts();
  const facts = `Commit ${git?.commit ?? 'unknown'}${git?.dirty ? ', changed' : ''}; Node.js ${node}; ${cores} × ${cpuModel}`;
  const text = `${renderFindings(findings, flags.markdown === true ? 'markdown' : 'terminal')}\n${facts}`;
  if (flags.json !== true) {
    processTerminal.out(text);
    return;
  }
  processTerminal.err(text);
  processTerminal.json({ git, machine: machineFacts(), ...findingsJson(findings) });
}

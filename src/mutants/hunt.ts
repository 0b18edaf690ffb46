import type { Killer, Passage, Unit } from './killer.ts';
import type { Ending, KillerProcess } from './killerProcess.ts';
import type { Mutant } from './operators.ts';

/** What became of one mutant. */
export interface Outcome {
  readonly key: string;
  /** Undefined: it survived. */
  readonly killer: Killer | undefined;
  /** What the killer said, or how many looked at it and let it pass. */
  readonly how: string;
}

export interface Effort {
  /** Seeds of each engine that may be run against one mutant. */
  readonly seedsMax: number;
  /** What tests may take together, by the time they take without a mutant. */
  readonly testsMsMax: number;
}

/** What is known of a mutant before it is run. */
export interface Lead {
  /** What noticed it the last time. */
  readonly likely?: Killer | undefined;
  /** Every test let it pass. */
  readonly hasPassedTests?: boolean;
}

/** A step of a hunt: a unit, and what it takes without a mutant. */
interface Step {
  readonly unit: Unit;
  readonly ms: number;
  readonly calls: number;
}

/** Tests up to this long are run together with the others of their file. */
const SHORT_MS = 300;
/** More than this times the usual work is an endless loop, or as good as one. */
const CALLS_FACTOR = 20;
const CALLS_MIN = 1_000_000;
const TIME_FACTOR = 40;
const TIMEOUT_MIN_MS = 60_000;
/** What comes to an end without a mutant does so within this, and so many times what it usually takes, or the machine is too busy to tell. */
const PATIENCE_MS = 5_000;
const PATIENCE_FACTOR = 3;
/** How it is said of what does not come to an end. */
export const TIME_OUT = 'time-out';

/** Runs mutants against what passes their place, cheapest first, until something notices. */
export class Hunt {
  private readonly passagesOf: ReadonlyMap<number, readonly Passage[]>;
  private readonly effort: Effort;

  constructor(passages: readonly Passage[], effort: Effort) {
    const passagesOf = new Map<number, Passage[]>();
    for (const passage of passages) {
      for (const id of passage.reached) {
        const known = passagesOf.get(id);
        if (known === undefined) passagesOf.set(id, [passage]);
        else known.push(passage);
      }
    }
    this.passagesOf = passagesOf;
    this.effort = effort;
  }

  async run(id: number, { key, file }: Mutant, worker: KillerProcess, lead: Lead = {}): Promise<Outcome> {
    const passages = this.passagesOf.get(id) ?? [];
    const steps = this.steps(passages, file, lead.likely);
    for (const step of steps) {
      if (lead.hasPassedTests && step.unit.kind === 'file') continue;
      const found = await this.judge(id, step, worker);
      if (found !== undefined) return { key, ...found };
    }
    const seeds = steps.filter(({ unit }) => unit.kind === 'seed').length;
    const tests = passages.filter(({ killer }) => killer.kind === 'test').length;
    const how = passages.length === 0 ? 'nothing passes it' : `${tests} tests and ${seeds} seeds passed it`;
    return { key, killer: undefined, how };
  }

  /** `mutated` is the file that the mutant is in: what tests it alone is asked first, whatever that takes. */
  private steps(passages: readonly Passage[], mutated: string, likely: Killer | undefined): Step[] {
    const stem = mutated.replace(/ts$/, '');
    const isOwn = ({ killer }: Passage) => killer.kind === 'test' && killer.file.startsWith(stem);
    const sorted = passages.filter((each) => !isOwn(each)).sort((a, b) => a.ms - b.ms);
    const own = passages.filter(isOwn);
    const short = new Map<string, Passage[]>();
    const long: Step[] = [];
    const seeds: Step[] = [];
    const seedsOf = new Map<string, number>();
    let testsMs = 0;
    for (const passage of sorted) {
      const { killer, ms, calls } = passage;
      if (killer.kind === 'seed') {
        const count = seedsOf.get(killer.engine) ?? 0;
        seedsOf.set(killer.engine, count + 1);
        if (count < this.effort.seedsMax) seeds.push({ unit: killer, ms, calls });
        continue;
      }
      testsMs += ms;
      if (testsMs > this.effort.testsMsMax) continue;
      if (ms > SHORT_MS) long.push({ unit: unitOf(killer), ms, calls });
      else if (short.has(killer.file)) short.get(killer.file)!.push(passage);
      else short.set(killer.file, [passage]);
    }
    const files = [...short].map(([file, tests]) => stepOf(file, tests));
    files.sort((a, b) => a.ms - b.ms);
    const ownFiles = new Set(own.map(({ killer }) => (killer.kind === 'test' ? killer.file : '')));
    const ownSteps = [...ownFiles].map((file) =>
      stepOf(
        file,
        own.filter(({ killer }) => killer.kind === 'test' && killer.file === file),
      ),
    );
    const first = passages.filter(({ killer }) => likely !== undefined && isSame(killer, likely));
    const again = first.map(({ killer, ms, calls }): Step => ({ unit: unitOf(killer), ms, calls }));
    return [...again, ...ownSteps, ...files, ...seeds, ...long];
  }

  /**
   * A kill counts only where the same killer is content without the mutant, in the process that it was found in or in a new one; and one
   * that did not come to an end, where it does so soon without the mutant: on a busy machine nothing does.
   */
  private async judge(
    id: number,
    step: Step,
    worker: KillerProcess,
  ): Promise<Pick<Outcome, 'killer' | 'how'> | undefined> {
    for (let isNew = false; ; isNew = true) {
      const ending = await obey(step, id, worker);
      if (ending === 'process ended') return { killer: killerOf(step.unit), how: ending };
      const found = ending === TIME_OUT ? { by: killerOf(step.unit), message: TIME_OUT } : ending.killed;
      if (found === undefined) return undefined;
      const { by, message } = found;
      const alone: Step = { ...step, unit: by.kind === 'test' && by.name.startsWith('(') ? step.unit : unitOf(by) };
      const killed = { killer: by, how: message.startsWith('Test timed out') ? TIME_OUT : firstLine(message) };
      const beganMs = performance.now();
      if (isContent(await obey(ending === TIME_OUT ? step : alone, undefined, worker))) {
        const isBusy = performance.now() - beganMs > Math.max(PATIENCE_MS, PATIENCE_FACTOR * step.ms);
        return killed.how === TIME_OUT && isBusy ? undefined : killed;
      }
      // An earlier mutant spoilt this process; or, where it is a new one, this mutant did.
      worker.close();
      if (isNew && isContent(await obey(alone, undefined, worker))) return killed;
    }
  }
}

/** These tests of a file together. */
function stepOf(file: string, tests: readonly Passage[]): Step {
  const names = tests.map(({ killer }) => (killer.kind === 'test' ? killer.name : ''));
  return { unit: { kind: 'file', file, names }, ms: sum(tests, 'ms'), calls: sum(tests, 'calls') };
}

function obey({ unit, ms, calls }: Step, mutant: number | undefined, worker: KillerProcess): Promise<Ending> {
  const callsMax = Math.max(CALLS_MIN, CALLS_FACTOR * calls);
  return worker.obey({ unit, mutant, callsMax, mutants: 0 }, Math.max(TIMEOUT_MIN_MS, TIME_FACTOR * ms));
}

function isContent(ending: Ending): boolean {
  return typeof ending !== 'string' && ending.killed === undefined;
}

function unitOf(killer: Killer): Unit {
  return killer.kind === 'seed' ? killer : { kind: 'file', file: killer.file, names: [killer.name] };
}

function killerOf(unit: Unit): Killer {
  return unit.kind === 'seed' ? unit : { kind: 'test', file: unit.file, name: unit.names?.[0] ?? '' };
}

function isSame(a: Killer, b: Killer): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function sum(passages: readonly Passage[], of: 'ms' | 'calls'): number {
  return passages.reduce((total, passage) => total + passage[of], 0);
}

function firstLine(text: string): string {
  return text.split('\n')[0]!.slice(0, 200);
}

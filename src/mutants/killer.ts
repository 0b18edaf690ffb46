import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { simulatedEngine } from '../simulator/engines.ts';
import { runSeed } from '../simulator/world.ts';
import { activate, callsMade, noteReached, takeReached } from './active.ts';
import { runTestFile } from './testRunner.ts';

/** What can find a mutant out: one test, or one seed of an engine. */
export type Killer =
  | { readonly kind: 'test'; readonly file: string; readonly name: string }
  | { readonly kind: 'seed'; readonly engine: string; readonly seed: number };

/** What a killer costs and which mutants' places it passes, when nothing is mutated. */
export interface Passage {
  readonly killer: Killer;
  readonly ms: number;
  readonly calls: number;
  readonly reached: readonly number[];
}

/** A unit of work of a killer process: the tests of a file, or a seed. */
export type Unit =
  | { readonly kind: 'file'; readonly file: string; readonly names?: readonly string[] }
  | { readonly kind: 'seed'; readonly engine: string; readonly seed: number };

export interface Order {
  readonly unit: Unit;
  /** Undefined: nothing is mutated. */
  readonly mutant: number | undefined;
  /** Mutated places that may be passed, by the unit, before it counts as an endless loop. */
  readonly callsMax: number;
  /** Above 0: note which of so many places are passed. */
  readonly mutants: number;
}

export interface Answer {
  readonly passages: readonly Passage[];
  readonly killed: { readonly by: Killer; readonly message: string } | undefined;
}

/** What a test that waits may take. A busy machine must not look like a mistake. */
const BASELINE_TIMEOUT_MS = 240_000;
const MUTANT_TIMEOUT_MS = 20_000;

// Equal inputs every time: what is reached once is reached again.
fc.configureGlobal({ seed: 1 });

async function obey({ unit, mutant, callsMax, mutants }: Order): Promise<Answer> {
  noteReached(mutants);
  const passages: Passage[] = [];
  // What is passed outside of tests, all tests of the file depend on.
  const shared = new Set<number>();
  let killed: Answer['killed'];
  let beganMs = performance.now();
  const begin = () => {
    activate(mutant, callsMax);
    beganMs = performance.now();
  };
  const end = (killer: Killer, failure: string | undefined) => {
    const ms = performance.now() - beganMs;
    if (mutants > 0) passages.push({ killer, ms, calls: callsMade(), reached: takeReached() });
    if (failure !== undefined) killed ??= { by: killer, message: failure };
    begin();
  };
  begin();
  if (unit.kind === 'seed') {
    const { violation } = runSeed(simulatedEngine(unit.engine), unit.seed);
    end(unit, violation === undefined ? undefined : `${violation.invariant}: ${violation.message}`);
  } else {
    const { file, names } = unit;
    const wanted = names === undefined ? undefined : new Set(names);
    const path = fileURLToPath(new URL(`../${file.replace(/\.ts$/, '.js')}`, import.meta.url));
    const timeoutMs = mutant === undefined ? BASELINE_TIMEOUT_MS : MUTANT_TIMEOUT_MS;
    const outside = await runTestFile(path, timeoutMs, {
      isWanted: (name) => {
        for (const id of takeReached()) shared.add(id);
        return killed === undefined && wanted?.has(name) !== false;
      },
      finished: ({ name, isPassed, message }) => end({ kind: 'test', file, name }, isPassed ? undefined : message),
    });
    if (outside !== undefined) killed ??= { by: { kind: 'test', file, name: '(outside of tests)' }, message: outside };
  }
  activate(undefined);
  noteReached(0);
  const withShared = passages.map((passage) => ({
    ...passage,
    reached: [...new Set([...shared, ...passage.reached])],
  }));
  return { passages: withShared, killed };
}

process.on('message', (order: Order) => {
  void obey(order).then(
    (answer) => process.send!(answer),
    (error: unknown) => {
      activate(undefined);
      process.send!({ passages: [], killed: { by: order.unit, message: String(error) } });
    },
  );
});
// What a mutant leaves behind must not end the process where no test waits for it.
process.on('unhandledRejection', () => {});
process.on('uncaughtException', () => {});
process.on('disconnect', () => process.exit());
process.send!('ready');

import { describe, expect, it } from 'vitest';
import { simulatedEngine } from '../engines.ts';
import { MUTANTS, type Mutant } from '../mutants/mutants.ts';
import { type RunReport, runSeed } from '../world.ts';

const TIMEOUT_MS = 240_000;

/** The first seed, counted from 1, in which the mutant is caught. */
function catchMutant({ mutation, adjust, seedsMax }: Mutant, engine: string): RunReport | undefined {
  const simulated = simulatedEngine(engine);
  for (let seed = 1; seed <= seedsMax; seed++) {
    const options = { mutation: mutation(engine), ...(adjust === undefined ? {} : { adjust }) };
    const report = runSeed(simulated, seed, options);
    if (report.violation !== undefined) return report;
  }
  return undefined;
}

/** What the simulator says of the same seed without the mistake: nothing, or it was not the mistake that was caught. */
function withoutMistake({ adjust }: Mutant, engine: string, seed: number): RunReport {
  return runSeed(simulatedEngine(engine), seed, adjust === undefined ? {} : { adjust });
}

/** In the gate each mistake is made in one of the engines, in turn, and with `RKV_TEST_ENGINES=all` in all that it can be made in. */
function isMade({ engines }: Mutant, at: number, engine: string): boolean {
  return process.env.RKV_TEST_ENGINES === 'all' ? engines.includes(engine) : engines[at % engines.length] === engine;
}

export function describeMutants(engine: string): void {
  describe(`mistakes made in the ${engine} engine on purpose`, () => {
    it.each(MUTANTS.filter((mutant, at) => isMade(mutant, at, engine)))(
      '$name: caught within $seedsMax seeds',
      (mutant) => {
        const caught = catchMutant(mutant, engine);
        expect(caught, `not caught within ${mutant.seedsMax} seeds`).toBeDefined();
        expect(mutant.invariants, caught!.violation!.message).toContain(caught!.violation!.invariant);
        expect(withoutMistake(mutant, engine, caught!.seed).violation).toBeUndefined();
      },
      TIMEOUT_MS,
    );

    it('are at least twelve', () => {
      expect(MUTANTS.filter(({ engines }) => engines.includes(engine)).length).toBeGreaterThanOrEqual(12);
    });
  });
}

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

export function describeMutants(engine: string): void {
  describe(`mistakes made in the ${engine} engine on purpose`, () => {
    const mutants = MUTANTS.filter((mutant) => mutant.engines.includes(engine));
    it.each(mutants)(
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
      expect(mutants.length).toBeGreaterThanOrEqual(12);
    });
  });
}

import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { USUAL_CONDITIONS } from '../../scenarios/conditions.ts';
import { readScenario } from '../../scenarios/file/read.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { SIMULATED_ENGINES, simulatedEngine } from '../engines.ts';
import { MUTANTS, type Mutant } from '../mutants/mutants.ts';
import { type RunOptions, type RunReport, runSeed } from '../world.ts';

const SEEDS = 3;
const ENGINES = Object.keys(SIMULATED_ENGINES);
const LIBRARY = readdirSync('scenarios').map((name) => name.replace('.yaml', ''));

const scenarioOf = (name: string) => readScenario(`scenarios/${name}.yaml`);

function play(engine: string, scenario: Scenario, seed: number, more: RunOptions = {}): RunReport {
  const run = { scenario, conditions: USUAL_CONDITIONS };
  return runSeed(simulatedEngine(engine), seed, { ...more, play: run });
}

function mutant(called: string): Mutant {
  return MUTANTS.find(({ name }) => name === called)!;
}

describe.each(ENGINES)('%s', (engine) => {
  it.each(LIBRARY)('goes through %s, and breaks no rule', (name) => {
    const scenario = scenarioOf(name);
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violation, measurements, operations } = play(engine, scenario, seed);
      expect(violation).toBeUndefined();
      expect(measurements!.firstWriteMs).toBeGreaterThan(0);
      expect(operations).toBeGreaterThan(scenario.load.clients * 20);
    }
  });

  it('plays a seed in the same way twice, and another one otherwise', () => {
    const scenario = scenarioOf('leader-killed');
    const [first, second, other] = [7, 7, 8].map((seed) => play(engine, scenario, seed));
    expect(second).toEqual(first);
    expect(other!.traceHash).not.toBe(first!.traceHash);
  });

  it('replaces a leader that is alone after an election timeout, and before three', () => {
    const scenario = scenarioOf('isolated-leader');
    const { electionMs } = scenario.cluster;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { successorMs, firstWriteMs, catchUpMs, roleAtEnd } = play(engine, scenario, seed).measurements!;
      expect(successorMs).toBeGreaterThan(0.9 * electionMs);
      expect(successorMs).toBeLessThan(3 * electionMs);
      expect(firstWriteMs).toBeGreaterThanOrEqual(successorMs! - 50);
      expect(roleAtEnd).toBe('leader without a quorum');
      expect(catchUpMs).toBeLessThan(electionMs);
    }
  });

  it('shows a leader that never falls silent where it sends and does not hear: nobody is served until it hears again', () => {
    const { mutation } = mutant('a leader that is not answered sends heartbeats for ever');
    const scenario = scenarioOf('deaf-leader');
    const right = play(engine, scenario, 1).measurements!;
    const wrong = play(engine, scenario, 1, { mutation: mutation(engine) }).measurements!;
    expect(right.gapMs).toBeLessThan(3 * scenario.cluster.electionMs);
    expect(wrong.gapMs).toBeGreaterThan(4900);
  });

  it('is held to all rules meanwhile', () => {
    const { mutation, invariants } = mutant('a command is acknowledged and not applied');
    const { violation } = play(engine, scenarioOf('isolated-leader'), 1, { mutation: mutation(engine) });
    expect(invariants).toContain(violation?.invariant);
  });
});

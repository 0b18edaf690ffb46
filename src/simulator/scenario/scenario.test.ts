import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { USUAL_CONDITIONS } from '../../scenarios/conditions.ts';
import { parseScenario } from '../../scenarios/file/parse.ts';
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

/** What a server brings about itself, and how long some client waits at least when it does, ms. */
const FAULTS: readonly (readonly [fault: string, waitMs: number])[] = [
  ['partition, server: leader', 1000],
  ['delay, server: leader, by: 100ms', 200],
  ['partition, server: leader, to: clients', 1900],
  ['delay, server: leader, to: clients, by: 100ms', 100],
  ['slow-disk, server: all, by: 100ms', 100],
  ['stalled-disk, server: all', 2900],
  ['full-disk, server: leader', 1000],
];

function storyOf(fault: string): Scenario {
  const steps = `steps: [{at: 1s, fault: ${fault}, for: 3s}]`;
  return parseScenario(`name: one fault\norigin: a test\ndescription: one fault\n${steps}\nlasts: 5s\n`, 'a test');
}

function mutant(called: string): Mutant {
  return MUTANTS.find(({ name }) => name === called)!;
}

describe.each(ENGINES)('%s', (engine) => {
  it.each(LIBRARY)('goes through %s, and breaks no rule', (name) => {
    const scenario = scenarioOf(name);
    const { violation, measurements, operations } = play(engine, scenario, 1);
    expect(violation).toBeUndefined();
    expect(measurements!.firstWriteMs).toBeGreaterThan(0);
    expect(operations).toBeGreaterThan(scenario.load.clients * 20);
  });

  it('is hit by each fault that a server brings about itself, also one that is started meanwhile, and breaks no rule', () => {
    const [restart] = storyOf('kill, server: leader').steps;
    for (const [fault, waitMs] of FAULTS) {
      const scenario = storyOf(fault);
      const { violation, measurements } = play(engine, scenario, 1);
      expect(violation).toBeUndefined();
      expect(measurements!.waitMs, fault).toBeGreaterThan(waitMs);
      const steps = [...scenario.steps, { ...restart!, atMs: 2000 }];
      expect(play(engine, { ...scenario, steps }, 1).violation).toBeUndefined();
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
    const { election: electionMs } = scenario.cluster.settings;
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
    expect(right.gapMs).toBeLessThan(3 * scenario.cluster.settings.election);
    expect(wrong.gapMs).toBeGreaterThan(4900);
  });

  it('is held to all rules meanwhile', () => {
    const { mutation, invariants } = mutant('a command is acknowledged and not applied');
    const { violation } = play(engine, scenarioOf('isolated-leader'), 1, { mutation: mutation(engine) });
    expect(invariants).toContain(violation?.invariant);
  });
});

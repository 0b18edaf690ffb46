import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ENGINE_NAMES, ENGINES, loadEngines } from '../src/consensus/engines.ts';

it('the engines have the names for themselves that everybody has for them, which are those of their folders', async () => {
  for (const [name, { kind }] of Object.entries(await loadEngines(ENGINES))) expect(kind.name).toBe(name);
});

it.each(ENGINE_NAMES)('the folder of %s runs it through the suite and the simulator', (name) => {
  for (const test of ['engine.test.ts', 'simulation.test.ts']) {
    expect(existsSync(`src/consensus/${name}/${test}`), test).toBe(true);
  }
});

import { expect, it } from 'vitest';
import { ENGINES } from '../src/consensus/engines.ts';
import { SIMULATED_ENGINES } from '../src/simulator/engines.ts';
import { ENGINE_NAMES } from '../src/wire/engineNames.ts';

it('the engines have the same names for servers, for the simulator, for themselves and for everybody else', () => {
  expect(Object.keys(ENGINES)).toEqual(ENGINE_NAMES);
  expect(Object.keys(SIMULATED_ENGINES)).toEqual(ENGINE_NAMES);
  expect(Object.values(ENGINES).map(({ kind }) => kind.name)).toEqual(ENGINE_NAMES);
});

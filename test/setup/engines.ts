import { ENGINE_NAMES, type EngineName } from '../../src/consensus/engines.ts';

/**
 * The engines to try a rule with that is not an engine's but the host's, the supervisor's or a command's: the gate tries one,
 * `RKV_TEST_ENGINES=all` each.
 */
export function enginesOfHost(gate: EngineName): readonly EngineName[] {
  return process.env.RKV_TEST_ENGINES === 'all' ? ENGINE_NAMES : [gate];
}

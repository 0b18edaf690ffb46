import type { FlagSpec } from '../../goflags/goFlags.ts';
import { SETTINGS, type SettingName } from '../../settings/table.ts';
import { settingProblem } from '../../settings/values.ts';

/**
 * The flags of rkvd that a bench varies and that have no option of its own making: each is one here too, with rkvd's name, kind, bounds and
 * words. The rest of rkvd's flags say who a server is, where it writes or how it starts, which is the bench's to say.
 */
export const FLAG_AXES = [
  'catchupmultiplier',
  'cache',
  'maxgrpc',
  'maxvalue',
  'clientmemory',
  'maxconnections',
  'ordergorums',
  'snapshotentries',
  'trailingentries',
] as const satisfies readonly SettingName[];

export function flagSpec(name: string): FlagSpec {
  return SETTINGS[name as SettingName];
}

/** What rkvd would say to the values, before anything is started. */
export function flagProblems(flags: ReadonlyMap<string, readonly string[]>): string[] {
  return [...flags].flatMap(([name, values]) =>
    values.flatMap((value) => {
      const problem = settingProblem(name as SettingName, value);
      return problem === undefined ? [] : [`--${name}: ${problem}`];
    }),
  );
}

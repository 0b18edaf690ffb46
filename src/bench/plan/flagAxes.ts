import { type FlagSpec, parseFlags, UsageError } from '../../goflags/goFlags.ts';
import { RKVD_FLAGS } from '../../server/flags.ts';

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
] as const satisfies readonly (keyof typeof RKVD_FLAGS)[];

export function flagSpec(name: string): FlagSpec {
  return RKVD_FLAGS[name as keyof typeof RKVD_FLAGS];
}

/** What rkvd would say to the values, before anything is started. */
export function flagProblems(flags: ReadonlyMap<string, readonly string[]>): string[] {
  return [...flags].flatMap(([name, values]) =>
    values.flatMap((value) => {
      try {
        parseFlags({ [name]: flagSpec(name) }, [`-${name}=${value}`]);
        return [];
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        return [`--${name}: rkvd refuses it (${error.message})`];
      }
    }),
  );
}

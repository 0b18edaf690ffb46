import { z } from 'zod';
import { SCHEMA_VERSION } from './schema.ts';

/** As much of version 1 as became something else. */
const versionOne = z.looseObject({ repeats: z.array(z.looseObject({ incidents: z.array(z.string()) })) });

/** A run of an older version as this one would have written it; what cannot be one is left to whoever checks it. */
export function upgraded(value: unknown, version: number): unknown {
  if (version !== 1) return value;
  const run = versionOne.safeParse(value);
  if (!run.success) return value;
  const repeats = run.data.repeats.map((repeat) => ({
    ...repeat,
    // They were told in words alone.
    incidents: repeat.incidents.map((what) => ({ kind: 'notice', atMs: null, untilMs: null, server: null, what })),
  }));
  return { ...run.data, schemaVersion: SCHEMA_VERSION, repeats };
}

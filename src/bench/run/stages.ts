import type { RkvClient } from '../../client/rkvClient.ts';
import type { StagesRecord } from '../results/schema.ts';

/** What the servers may look longer than the load is planned to last: requests come to their end after it. */
const SPARE_MS = 60_000;
const LOOK_MS_MAX = 3_600_000;
const TIMEOUT_MS = 2000;

/** Has the servers look where their time goes, from now on. Those that cannot are left alone. Does not reject. */
export async function beginStages(client: RkvClient, durationMs: number): Promise<void> {
  await client.measureStages(Math.min(LOOK_MS_MAX, durationMs + SPARE_MS), { timeoutMs: TIMEOUT_MS });
}

/** What they saw since, by their ids; nothing of those that were started anew meanwhile, or cannot look. Does not reject. */
export async function endStages(client: RkvClient): Promise<ReadonlyMap<number, StagesRecord>> {
  const seen = new Map<number, StagesRecord>();
  for (const report of await client.measureStages(0, { timeoutMs: TIMEOUT_MS })) {
    if (!('stages' in report) || report.stages.seconds === 0) continue;
    const { id, spreads, ...rest } = report.stages;
    seen.set(id, {
      ...rest,
      spreads: Object.fromEntries(spreads.map(({ name, ...each }) => [name, each])),
    });
  }
  return seen;
}

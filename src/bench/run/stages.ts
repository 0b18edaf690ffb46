import type { RkvClient } from '../../client/rkvClient.ts';
import type { StagesRecord } from '../results/schema.ts';

/** What servers saw since `beginStages`, by their ids; nothing of those that were started anew meanwhile, or cannot look. Does not reject. */
export async function endStages(client: RkvClient): Promise<ReadonlyMap<number, StagesRecord>> {
  const seen = new Map<number, StagesRecord>();
  for (const report of await client.measureStages(0)) {
    if (!('stages' in report) || report.stages.seconds === 0) continue;
    const { id, spreads, ...rest } = report.stages;
    seen.set(id, {
      ...rest,
      spreads: Object.fromEntries(spreads.map(({ name, ...each }) => [name, each])),
    });
  }
  return seen;
}

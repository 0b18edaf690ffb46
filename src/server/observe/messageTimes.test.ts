import { describe, expect, it } from 'vitest';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { EngineCluster } from '../../consensus/testing/engineCluster.ts';
import { handlingTimes } from './messageTimes.ts';
import { ServerMetrics } from './metrics.ts';

const SUMMARIES = [
  'handle_append_entries_request',
  'handle_append_entries_response',
  'handle_request_vote_request',
  'handle_request_vote_response',
];

describe.each(Object.entries(await loadEngines(ENGINES)))('the messages of the %s engine', (_name, engine) => {
  it('are timed by what they are about: with etcd, whose types are numbers, all four summaries stayed empty', async () => {
    const metrics = new ServerMetrics();
    const timed = handlingTimes(metrics, engine);
    const cluster = new EngineCluster(engine.kind, [1, 2, 3]);
    cluster.loses = (_from, _to, message) => {
      timed(message, 1000);
      return false;
    };
    const leader = cluster.elect();
    cluster.propose(leader.id, 'a', 'b');
    cluster.run(cluster.settings.electionTimeoutMs);
    expect(leader.commands()).toEqual(['a', 'b']);
    const text = await metrics.registry.metrics();
    const counts = SUMMARIES.map((name) =>
      Number(new RegExp(`^raft_server_${name}_count(?:\\{.*\\})? (\\d+)`, 'm').exec(text)?.[1]),
    );
    for (const count of counts) expect(count).toBeGreaterThan(1);
  });

  it('of other subjects are not', async () => {
    const metrics = new ServerMetrics();
    handlingTimes(metrics, engine)({ type: engine.takeOverType }, 1000);
    const text = await metrics.registry.metrics();
    for (const name of SUMMARIES)
      expect(text).not.toMatch(new RegExp(`^raft_server_${name}_count(?:\\{.*\\})? [1-9]`, 'm'));
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ENGINE_NAMES } from '../src/consensus/engines.ts';
import type { ServerReport } from '../src/supervisor/cluster.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

const ELECTION_MS = 400;

let cluster: RunningCluster | undefined;
let client: RkvClient | undefined;

afterEach(async () => {
  client?.close();
  await cluster?.stop();
});

/** Asks the servers every 20 ms until `holds`, for at most `limitMs`; then fails and says how they were. */
async function until(
  what: string,
  limitMs: number,
  holds: (servers: readonly ServerReport[]) => boolean,
): Promise<number> {
  const startMs = performance.now();
  let servers: readonly ServerReport[] = [];
  while (performance.now() - startMs < limitMs) {
    servers = await cluster!.status();
    if (holds(servers)) return performance.now() - startMs;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: not within ${limitMs} ms: ${JSON.stringify(servers)}`);
}

describe.each(ENGINE_NAMES)('real processes on %s', (backend) => {
  it('survives the loss of its leader, grows by a server and loses its leader on request', async () => {
    cluster = await startCluster({
      backend,
      nodes: 4,
      cluster: [1, 2, 3],
      election: `${ELECTION_MS}ms`,
      heartbeat: '20ms',
      metrics: false,
    });
    const { servers } = cluster.plan;
    client = new RkvClient({ addresses: servers.map(({ address }) => address) });
    const session = await client.openSession();
    await session.insert('a', '1');
    expect(await client.lookup('a')).toBe('1');
    expect(await client.lookup('missing')).toBeUndefined();

    // kill -9 the leader: another one serves, the killed one comes back and catches up.
    const killed = await cluster.waitForLeader({ timeoutMs: 20_000 });
    cluster.kill(killed, 'SIGKILL');
    for (let i = 0; i < 50; i++) await session.insert(`k${i}`, String(i));
    expect(await client.lookup('a')).toBe('1');
    await until('the killed server is back', 20_000, (reports) => {
      const back = reports[killed - 1]!;
      const leader = reports.find((report) => report.role === 'leader');
      return leader !== undefined && back.role === 'follower' && (back.appliedIndex ?? 0) >= (leader.commitIndex ?? 0);
    });

    // A fourth server is added and catches up.
    await client.reconfigure({ change: 'add', serverId: 4, waitForLeadership: false });
    await until('server 4 is a voter and caught up', 20_000, (reports) => {
      const leader = reports.find((report) => report.role === 'leader');
      const added = reports[3]!;
      return leader?.voters?.includes(4) === true && (added.appliedIndex ?? 0) >= (leader.commitIndex ?? 0);
    });

    // The leader is removed, and the others go on.
    const removed = await cluster.waitForLeader({ timeoutMs: 20_000 });
    await client.reconfigure({ change: 'remove', serverId: removed, waitForLeadership: false });
    await session.insert('b', '2');
    expect(await client.lookup('a')).toBe('1');
    expect(await client.lookup('b')).toBe('2');
    expect(await client.lookup('k49')).toBe('49');
    await until('the removed server is out', 20_000, (reports) => {
      const leader = reports.find((report) => report.role === 'leader');
      return leader !== undefined && leader.id !== removed && !leader.voters!.includes(removed);
    });
  }, 90_000);
});

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { enginesOfHost } from './setup/engines.ts';

const ELECTION_MS = 800;
const RKVCTL = fileURLToPath(new URL('../bin/rkvctl', import.meta.url));

let cluster: RunningCluster | undefined;
let client: RkvClient | undefined;

afterEach(async () => {
  client?.close();
  await cluster?.stop();
});

/** `text` is what it printed on stdout where it succeeded, on stderr otherwise. */
function rkvctl(...args: string[]): { code: number | null; text: string } {
  const addresses = cluster!.plan.servers.map(({ address }) => address).join(',');
  const { status, stdout, stderr } = spawnSync(RKVCTL, ['-cluster', addresses, ...args], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { code: status, text: status === 0 ? stdout : stderr };
}

/** Waits until server `id` says anything about itself. */
async function answers(id: number): Promise<void> {
  const { address } = cluster!.plan.servers[id - 1]!;
  for (let tries = 0; tries < 500; tries++) {
    const status = await client!.status(address).catch(() => undefined);
    if (status !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`server ${id} does not answer`);
}

describe.each(enginesOfHost('gorums'))('members of %s that do not run', (backend) => {
  it('are not added, do not lead, and do not stop the others', async () => {
    cluster = await startCluster({
      backend,
      nodes: 3,
      cluster: [1],
      election: `${ELECTION_MS}ms`,
      heartbeat: '20ms',
      metrics: false,
    });
    for (const id of [2, 3]) cluster.kill(id, 'SIGKILL', { restart: false });
    client = new RkvClient({ addresses: cluster.plan.servers.map(({ address }) => address) });
    const session = await client.openSession();
    await session.insert('a', '1');

    expect(rkvctl('-add', '2')).toMatchObject({
      code: 1,
      text: expect.stringMatching(/(^|\n)cannot add server 2: server 2 does not answer\n$/),
    });
    await session.insert('b', '2');
    await cluster.restart(1);
    await session.insert('c', '3');

    // The same request, once they run.
    for (const id of [2, 3]) {
      await cluster.restart(id);
      await answers(id);
      expect(rkvctl('-add', String(id))).toEqual({ code: 0, text: `server ${id} added\n` });
    }
    await session.insert('d', '4');

    const leader = await cluster.waitForLeader({ timeoutMs: 20_000 });
    const [gone, alive] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
    cluster.kill(gone, 'SIGKILL', { restart: false });
    expect(rkvctl('-remove', String(alive))).toMatchObject({
      code: 1,
      text: expect.stringContaining(
        `cannot remove server ${alive}: too few would be left to commit anything (server ${gone} does not answer)`,
      ),
    });
    expect(rkvctl('transfer', String(gone))).toEqual({
      code: 1,
      text: `leadership was not transferred to server ${gone}: server ${gone} does not answer\n`,
    });
    expect(rkvctl('transfer', '9').text).toContain('server 9 is not a voter');
    await session.insert('e', '5');
    expect(rkvctl('transfer')).toEqual({ code: 0, text: `${alive}\n` });
    await session.insert('f', '6');
    expect(rkvctl('-remove', String(gone))).toEqual({ code: 0, text: `server ${gone} removed\n` });
    expect(await client.lookup('f')).toBe('6');
  }, 120_000);
});

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program, runProgram } from '../src/chaos/cycles/programs.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { askSupervisor } from '../src/supervisor/control/client.ts';
import { controlPath } from '../src/supervisor/control/stateFile.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';
import type { ClusterStatus } from '../src/supervisor/up.ts';
import { enginesOfHost } from './setup/engines.ts';

/** For what takes as long as a loaded machine lets it. */
const BUSY_MS = 600_000;

let folder: string;
let directory: string;
let place: { readonly folder: string; readonly environment: Record<string, string> };
let running: Program | undefined;
let blocker: Server | undefined;

ownFolder('operator', (made) => {
  folder = made;
});
beforeEach(() => {
  const environment = { TMPDIR: join(folder, 'tmp') };
  mkdirSync(environment.TMPDIR);
  place = { folder, environment };
  directory = join(folder, 'rkv-data', 'three');
});
afterEach(async () => {
  blocker?.close();
  blocker = undefined;
  running?.kill('SIGKILL');
  await running?.ended;
  running = undefined;
});

function write(backend: string, more = ''): void {
  writeFileSync(
    join(folder, 'three.yaml'),
    `${more}backend: ${backend}\nnodes: 3\nbasePort: 0\nelection: 400ms\nmetricsBasePort: 0\n`,
  );
}

async function up(): Promise<void> {
  running = new Program('rkv-cluster', ['up', 'three.yaml'], place);
  if (!(await running.bringsUp(directory))) throw new Error(`it did not come up:\n${running.out}${running.err}`);
}

async function down(): Promise<void> {
  expect(await command('down')).toMatchObject({ code: 0 });
  await running!.ended;
}

const command = (...args: string[]) => runProgram('rkv-cluster', args, place);

/** As `status --json` has it. */
async function status(): Promise<ClusterStatus['servers']> {
  const answer = await askSupervisor(controlPath(directory), { command: 'status' }, 10_000);
  return (answer as ClusterStatus).servers;
}

async function asClient<T>(work: (client: RkvClient) => Promise<T>): Promise<T> {
  const client = new RkvClient({ addresses: (await status()).map(({ address }) => address), timeoutMs: 60_000 });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const put = (key: string, value: string) =>
  asClient(async (client) => (await client.openSession()).insert(key, value, { timeoutMs: 60_000 }));
const get = (key: string) => asClient((client) => client.lookup(key));

const leaderOf = (servers: ClusterStatus['servers']) => servers.find(({ role }) => role === 'leader');

describe('an operator', () => {
  it(
    'stops servers without costing the leader, adds one and removes one, and finds them so at the next start',
    async () => {
      write('hashicorp');
      await up();
      await put('a', '1');
      const first = leaderOf(await status())!;
      expect(await command('stop', String(first.id))).toMatchObject({ code: 0, out: `server ${first.id} stopped\n` });
      expect(running!.out).toMatch(new RegExp(`server ${first.id} handed leadership over to server \\d`));
      expect(leaderOf(await status())).toBeDefined();
      expect(await command('start', String(first.id))).toMatchObject({ code: 0 });

      expect(await command('add', '4')).toMatchObject({
        code: 0,
        out: 'server 4 added\n',
        err: expect.stringMatching(/^server 4 is being added\n[\s\S]*server 4 started/),
      });
      expect(await command('add', '6')).toMatchObject({ code: 1, err: expect.stringContaining('or 5 for one more') });
      expect(leaderOf(await status())!.voters).toEqual([1, 2, 3, 4]);
      await put('b', '2');
      expect(await command('transfer', '1')).toMatchObject({ code: 0, out: 'server 1 leads\n' });
      expect(await command('remove', '1')).toMatchObject({ code: 0, out: 'server 1 removed\n' });
      expect((await command('status')).out).toMatch(/│ {2}1 │ +- │ [\d.:]+ +│ removed +│/);
      expect((await command('start', '1')).err).toBe(
        'rkv-cluster: server 1 was removed: `rkv-cluster add 1` brings it back\n',
      );

      await down();
      expect(running!.out).toMatch(/handed leadership over to server \d\n[\s\S]*stopping\n/);
      await up();
      const servers = await status();
      expect(servers.map(({ membership, pid }) => [membership, typeof pid])).toEqual([
        ['removed', 'undefined'],
        ['member', 'number'],
        ['member', 'number'],
        ['member', 'number'],
      ]);
      expect(leaderOf(servers)!.voters).toEqual([2, 3, 4]);
      expect(await get('b')).toBe('2');
      expect(await command('add', '1')).toMatchObject({ code: 0 });
      expect(leaderOf(await status())!.voters).toEqual([1, 2, 3, 4]);
      await down();
    },
    BUSY_MS,
  );
});

describe.each(enginesOfHost('gorums'))('an operator of %s', (backend) => {
  it(
    'adds a server of the file that is no member yet, stops the leader, which hands over, and removes one',
    async () => {
      write(backend, 'cluster: [1, 2]\n');
      await up();
      expect(leaderOf(await status())!.voters).toEqual([1, 2]);
      expect(await command('add', '3')).toMatchObject({ code: 0, out: 'server 3 added\n' });
      expect(running!.out).not.toContain('from its data');
      const { id, voters } = leaderOf(await status())!;
      expect(voters).toEqual([1, 2, 3]);
      expect(await command('stop', String(id))).toMatchObject({ code: 0 });
      expect(running!.out).toMatch(new RegExp(`server ${id} handed leadership over to server \\d`));
      expect(await command('remove', String(id))).toMatchObject({ code: 0 });
      expect(leaderOf(await status())!.voters).toEqual([1, 2, 3].filter((each) => each !== id));
      await put('a', '1');
      await down();
    },
    BUSY_MS,
  );
});

describe('an addition that fails in the middle', () => {
  it(
    'shows in the status, and a second try mends it; so does giving it up',
    async () => {
      write('etcd');
      await up();
      const [taken] = await takeFreePorts(1);
      blocker = createServer().listen(taken, '127.0.0.1');
      const failed = await command('add', '4', '--address', `:${taken}`);
      expect(failed).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^rkv-cluster: server 4 ended: exit code 1\n/m),
      });
      expect((await command('status')).out).toMatch(new RegExp(`│ {2}4 │ .*:${taken} +│ .*, being added`));
      // The supervisor's end changes nothing of that.
      running!.kill('SIGKILL');
      await running!.ended;
      blocker.close();
      await up();
      expect((await status())[3]).toMatchObject({ membership: 'joining', address: `127.0.0.1:${taken}` });
      expect(await command('add', '4')).toMatchObject({ code: 0, out: 'server 4 added\n' });
      expect(leaderOf(await status())!.voters).toEqual([1, 2, 3, 4]);

      expect(await command('remove', '4')).toMatchObject({ code: 0 });
      const [other] = await takeFreePorts(1);
      expect(await command('add', '4', '--address', `:${other}`)).toMatchObject({ code: 0 });
      const { address, metricsAddress: addedMetrics } = (await status())[3]!;
      expect(address).toBe(`127.0.0.1:${other}`);
      expect(leaderOf(await status())!.voters).toEqual([1, 2, 3, 4]);
      await down();
      const kept = JSON.parse(readFileSync(join(folder, 'rkv-data', 'three', 'cluster.json'), 'utf8'));
      expect(kept.servers).toHaveLength(4);
      expect(Object.keys(kept.metricsPorts)).toEqual(['1', '2', '3', '4']);
      expect(new Set(Object.values(kept.metricsPorts)).size).toBe(4);
      expect(addedMetrics).toContain(`:${kept.metricsPorts[4]}/`);
    },
    BUSY_MS,
  );

  it(
    'and a removal that is refused leaves everything as it was',
    async () => {
      write('gorums');
      await up();
      const { id } = leaderOf(await status())!;
      const [gone, alive] = [1, 2, 3].filter((each) => each !== id) as [number, number];
      await command('stop', String(gone));
      const refused = await command('remove', String(alive));
      expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('too few would be left') });
      expect((await status())[alive - 1]).toMatchObject({ membership: 'member', state: 'running' });
      expect(await command('remove', String(gone))).toMatchObject({ code: 0 });
      expect(leaderOf(await status())!.voters).toEqual([1, 2, 3].filter((each) => each !== gone));
      await down();
    },
    BUSY_MS,
  );
});

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Program } from '../src/chaos/cycles/programs.ts';
import type { ClientSession } from '../src/client/clientSession.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import type { FaultRequest, RequestedFault } from '../src/faults/requests/faultRequest.ts';
import type { LinkTrouble } from '../src/faults/serverFault.ts';
import { openChannel, STATUS_CHANNEL_OPTIONS } from '../src/net/endpoints/channels.ts';
import { NO_SECURITY } from '../src/net/endpoints/security.ts';
import { type ClusterEvent, describeEvent } from '../src/supervisor/events.ts';
import { FaultError, LEASE_MS } from '../src/supervisor/faults/clusterFaults.ts';
import { FaultRefusedError } from '../src/supervisor/faults/faultClient.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';
import type { ClusterStatus } from '../src/supervisor/up.ts';
import { AdminClient, type ListFaultsResponse } from '../src/wire/generated/admin.ts';
import { ExitCode } from '../src/wire/supervision.ts';

const ELECTION_MS = 400;
/** For what takes as long as a loaded machine lets it. */
const BUSY_MS = 120_000;
const PATIENCE = { timeout: 20_000, interval: 20 };

/** What a server says of its own faults; undefined where it does not answer. */
async function faultsOf(address: string): Promise<ListFaultsResponse['faults'] | undefined> {
  const client = openChannel(AdminClient, address, STATUS_CHANNEL_OPTIONS, NO_SECURITY);
  try {
    return await new Promise((resolve) => {
      client.listFaults({}, (error, answer) => resolve(error === null ? answer.faults : undefined));
    });
  } finally {
    client.close();
  }
}

describe('faults on purpose, on three real servers', () => {
  let cluster: RunningCluster;
  let client: RkvClient;
  let session: ClientSession;
  const events: ClusterEvent[] = [];
  let written = 0;

  beforeAll(async () => {
    cluster = await startCluster(
      {
        nodes: 3,
        backend: 'etcd',
        election: `${ELECTION_MS}ms`,
        metrics: false,
        faults: true,
        restart: { firstDelay: '200ms' },
      },
      { onEvent: (event) => events.push(event) },
    );
    client = new RkvClient({ addresses: cluster.addresses });
    session = await client.openSession();
    await write();
  }, BUSY_MS);
  afterAll(async () => {
    client?.close();
    await cluster?.stop();
  });
  beforeEach(() => events.splice(0));
  afterEach(async () => {
    await cluster.faults.heal();
    for (const address of cluster.addresses) await expect.poll(() => faultsOf(address), PATIENCE).toEqual([]);
    await allAlike();
  });

  /** Resolves with how long it took, ms. */
  async function write(value = 'v'): Promise<number> {
    const beganMs = performance.now();
    await session.insert(`k${++written}`, value);
    return performance.now() - beganMs;
  }

  const report = async (id: number) => (await cluster.status())[id - 1]!;

  /** All are there again, and have all that was written. */
  async function allAlike(): Promise<void> {
    await write();
    const commitIndex = Math.max(...(await cluster.status()).map((each) => each.commitIndex ?? 0));
    for (const { id } of cluster.plan.servers) {
      await expect.poll(async () => (await report(id)).appliedIndex ?? 0, PATIENCE).toBeGreaterThanOrEqual(commitIndex);
    }
  }

  const begin = (what: RequestedFault, forMs?: number) =>
    cluster.faults.begin({ what, ...(forMs === undefined ? {} : { forMs }) } satisfies FaultRequest);
  const leader = () => cluster.waitForLeader({ timeoutMs: PATIENCE.timeout });
  async function follower(): Promise<number> {
    const leads = await leader();
    return cluster.plan.servers.find(({ id }) => id !== leads)!.id;
  }
  const links = { to: true, from: true } as const;
  const partition = (targets: string, ways: { to: boolean; from: boolean } = links): RequestedFault => ({
    kind: 'link',
    targets,
    ...ways,
    trouble: { kind: 'cut' },
  });

  it(
    'a partition of the leader: the others serve, and it follows when its time is over',
    async () => {
      const isolated = await leader();
      const fault = (await begin(partition('leader'), 3 * ELECTION_MS))!;
      expect(fault).toMatchObject({ kind: 'link', servers: [isolated] });
      expect(Date.parse(fault.endsAt!) - Date.parse(fault.startedAt)).toBe(3 * ELECTION_MS);
      expect(cluster.faults.list()).toEqual([fault]);
      await write();
      expect(await cluster.waitForLeader({ timeoutMs: PATIENCE.timeout })).not.toBe(isolated);
      await expect.poll(() => events.some(({ type }) => type === 'fault-ended'), PATIENCE).toBe(true);
      expect(cluster.faults.list()).toEqual([]);
      await expect.poll(async () => (await report(isolated)).role, PATIENCE).toBe('follower');
      const told = events.map(describeEvent);
      const what = `partition between server ${isolated} and the others`;
      expect(told).toContain(`fault ${fault.id} began: ${what}, for 1.2s`);
      expect(told).toContain(`fault ${fault.id} ended: ${what} (its time was over)`);
      const [began, ended] = events.filter((event) => 'atMs' in event);
      expect(began!.atMs).toBe(Date.parse(fault.startedAt));
      expect(ended!.atMs - began!.atMs).toBeGreaterThanOrEqual(3 * ELECTION_MS - 2);
    },
    BUSY_MS,
  );

  it(
    'a leader that sends and hears nothing: another one leads',
    async () => {
      const deaf = await leader();
      await begin(partition('leader', { to: false, from: true }));
      await write();
      expect(await cluster.waitForLeader({ timeoutMs: 20_000 })).not.toBe(deaf);
    },
    BUSY_MS,
  );

  it(
    'groups, of which the larger one serves; a server that is started again is as much apart as before',
    async () => {
      const alone = await follower();
      const others = [1, 2, 3].filter((id) => id !== alone);
      await begin({ kind: 'groups', groups: [[alone], others] });
      await write();
      const { pid } = await report(alone);
      cluster.kill(alone);
      await expect
        .poll(
          async () =>
            [undefined, pid].includes((await report(alone)).pid) || (await faultsOf(cluster.addresses[alone - 1]!)),
          PATIENCE,
        )
        .toMatchObject([{ fault: { kind: 'link', link: { peers: others, trouble: 'cut', to: true, from: true } } }]);
      const { commitIndex } = await report(others[0]!);
      await write();
      expect((await report(alone)).appliedIndex).toBeLessThan(commitIndex! + 1);
    },
    BUSY_MS,
  );

  it(
    'loss, delay, bandwidth and slow disks take what they were said to take',
    async () => {
      await begin({
        kind: 'link',
        targets: 'all',
        ...links,
        trouble: { kind: 'delay', shape: { kind: 'fixed', us: 40_000 } },
      });
      expect(await write()).toBeGreaterThanOrEqual(79);
      await cluster.faults.heal();
      await begin({
        kind: 'link',
        targets: 'leader',
        ...links,
        trouble: { kind: 'bandwidth', bytesPerSecond: 50_000 },
      });
      expect(await write('v'.repeat(10_000))).toBeGreaterThanOrEqual(190);
      await cluster.faults.heal();
      await begin({ kind: 'slow-disk', targets: 'all', syncAddedUs: 80_000 });
      expect(await write()).toBeGreaterThanOrEqual(79);
      await cluster.faults.heal();
      const lossy = await follower();
      await begin({
        kind: 'link',
        targets: String(lossy),
        to: false,
        from: true,
        trouble: { kind: 'loss', chance: 1 },
      });
      const before = (await report(lossy)).appliedIndex!;
      for (let i = 0; i < 5; i++) await write();
      expect((await report(lossy)).appliedIndex).toBeLessThan(before + 5);
    },
    BUSY_MS,
  );

  const clients = (trouble: LinkTrouble, ways: { to: boolean; from: boolean } = links): RequestedFault => ({
    kind: 'client-link',
    targets: 'all',
    ...ways,
    trouble,
  });

  it.each([
    ['both ways', links],
    ['only what they send', { to: false, from: true }],
    ['only what they get', { to: true, from: false }],
  ])(
    'clients that are cut off, %s: the servers go on, and so do the clients when that is over',
    async (_, ways) => {
      const leads = await leader();
      const { term } = await report(leads);
      await begin(clients({ kind: 'cut' }, ways), 3 * ELECTION_MS);
      expect(await write()).toBeGreaterThan(2 * ELECTION_MS);
      expect(await report(leads)).toMatchObject({ role: 'leader', term });
    },
    BUSY_MS,
  );

  it(
    'a slow way to clients, and a thin one',
    async () => {
      await begin(clients({ kind: 'delay', shape: { kind: 'fixed', us: 60_000 } }));
      expect(await write()).toBeGreaterThanOrEqual(119);
      await cluster.faults.heal();
      await begin(clients({ kind: 'bandwidth', bytesPerSecond: 50_000 }, { to: false, from: true }));
      expect(await write('v'.repeat(10_000))).toBeGreaterThanOrEqual(199);
    },
    BUSY_MS,
  );

  it(
    'lost requests and answers: what was acknowledged is there',
    async () => {
      await begin(clients({ kind: 'loss', chance: 0.2 }));
      for (let i = 0; i < 20; i++) await write(`value ${i}`);
      await cluster.faults.heal();
      for (let i = 0; i < 20; i++) expect(await client.lookup(`k${written - 19 + i}`)).toBe(`value ${i}`);
    },
    BUSY_MS,
  );

  it(
    'stalled disks of all but the leader: nothing is acknowledged until they are well',
    async () => {
      await begin({ kind: 'stalled-disk', targets: 'followers' });
      let isDone = false;
      const writing = write().then(() => {
        isDone = true;
      });
      await new Promise((done) => setTimeout(done, 2 * ELECTION_MS));
      expect(isDone).toBe(false);
      await cluster.faults.heal();
      await writing;
    },
    BUSY_MS,
  );

  it(
    'a full disk ends its server as a real one does, and keeps it from starting while it is full',
    async () => {
      const full = await follower();
      await begin({ kind: 'full-disk', targets: String(full) });
      await write();
      const crashes = () => events.filter(({ type }) => type === 'crashed');
      await expect.poll(() => crashes().length, PATIENCE).toBeGreaterThanOrEqual(2);
      expect(crashes()).toEqual(
        crashes().map(() => expect.objectContaining({ id: full, exit: { code: ExitCode.DiskFull, signal: null } })),
      );
      const log = cluster.logs(full).join('\n');
      expect(log).toMatch(/storage failed.*ENOSPC: no space left on device/);
      expect(log).toMatch(/cannot start.*ENOSPC: no space left on device/s);
      await write();
    },
    BUSY_MS,
  );

  it(
    'a clock that runs fast lets its server stand for election; the others, which hear the leader, do not vote for it',
    async () => {
      const leads = await leader();
      const fast = await follower();
      await begin({ kind: 'clock', targets: String(fast), rate: 100 });
      await expect.poll(async () => (await report(fast)).role, PATIENCE).toBe('pre-candidate');
      await write();
      expect(await cluster.waitForLeader({ timeoutMs: 20_000 })).toBe(leads);
    },
    BUSY_MS,
  );

  it(
    'a pause, and a kill after which the server stays down for as long as was said',
    async () => {
      const victim = await follower();
      await begin({ kind: 'pause', targets: String(victim) }, 500);
      expect((await report(victim)).state).toBe('paused');
      await write();
      await expect.poll(async () => (await report(victim)).state, PATIENCE).toBe('running');
      await begin({ kind: 'kill', targets: String(victim), signal: 'SIGKILL', restart: true }, 500);
      await expect.poll(async () => (await report(victim)).state, PATIENCE).toBe('stopped');
      await write();
      await expect.poll(async () => (await report(victim)).state, PATIENCE).toBe('running');
    },
    BUSY_MS,
  );

  it(
    'a kill after which the server was to stay down was in no list, and nothing but a start of that server undid it',
    async () => {
      const victim = await follower();
      const kill = { kind: 'kill', targets: String(victim), signal: 'SIGKILL', restart: false } as const;
      const down = `server ${victim} down (SIGKILL)`;
      await begin(kill);
      await expect.poll(async () => (await report(victim)).state, PATIENCE).toBe('stopped');
      expect(cluster.faults.list()).toMatchObject([{ kind: 'kill', what: down, servers: [victim], endsAt: null }]);
      expect(await cluster.faults.heal()).toMatchObject([{ what: down }]);
      await expect.poll(async () => (await report(victim)).state, PATIENCE).toBe('running');
      expect(cluster.faults.list()).toEqual([]);

      // Somebody else may start it, and one that ends in order, which it does once it serves, does not start by itself either.
      await allAlike();
      await begin({ ...kill, signal: 'SIGTERM', restart: true });
      await expect.poll(async () => (await report(victim)).state, PATIENCE).toBe('stopped');
      expect(cluster.faults.list()).toHaveLength(1);
      cluster.startServer(victim);
      expect(cluster.faults.list()).toEqual([]);
      expect(events.filter(({ type }) => type === 'fault-ended')).toMatchObject([
        { why: 'healed' },
        { why: 'started' },
      ]);
    },
    BUSY_MS,
  );

  it('what makes no sense is refused by name, and nothing is in force then', async () => {
    const refused: [RequestedFault, string, new (message: string) => Error][] = [
      [partition('4'), 'no server 4: expected one of 1, 2, 3', FaultError],
      [{ kind: 'groups', groups: [[1], [2, 1]] }, 'server 1 is in two groups', FaultError],
      [{ ...partition('1'), peers: '1' } as RequestedFault, 'this fault hits nothing', FaultError],
      [{ kind: 'clock', targets: '1', rate: 1000 }, 'server 1 refuses the fault: rate of the clock', FaultRefusedError],
    ];
    for (const [what, message, kind] of refused) {
      await expect(begin(what)).rejects.toThrow(message);
      await expect(begin(what)).rejects.toThrow(kind);
    }
    expect([cluster.faults.list(), events]).toEqual([[], []]);
  });
});

it(
  'a server that was started without -faults refuses them by name',
  async () => {
    const plain = await startCluster({ nodes: 1, metrics: false });
    onTestFinished(() => plain.stop());
    await expect(plain.faults.begin({ what: { kind: 'stalled-disk', targets: 'all' } })).rejects.toThrow(
      /^server 1 takes no faults: it was started without -faults/,
    );
    expect(plain.faults.list()).toEqual([]);
  },
  BUSY_MS,
);

describe('the faults of a supervisor', () => {
  const bin = (name: string) => fileURLToPath(new URL(`../bin/${name}`, import.meta.url));
  let folder: string;
  let file: string;
  let addresses: string[];
  let supervisor: Program | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rkv-faults-'));
    file = join(folder, 'three.yaml');
    const ports = await takeFreePorts(3);
    addresses = ports.map((port) => `127.0.0.1:${port}`);
    const servers = ports.map((port) => `{port: ${port}}`).join(', ');
    writeFileSync(
      file,
      `servers: [${servers}]\nmetrics: false\nelection: ${ELECTION_MS}ms\ndatadir: ${join(folder, 'data')}\n`,
    );
  });
  afterEach(async () => {
    supervisor?.kill('SIGKILL');
    await supervisor?.ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
  });

  async function up(): Promise<void> {
    supervisor = new Program('rkv-cluster', ['up', file], { folder });
    if (!(await supervisor.bringsUp(join(folder, 'data')))) throw new Error(`it did not come up:\n${supervisor.err}`);
  }

  function cli(...args: string[]): string {
    const { stdout, stderr, status } = spawnSync(bin('rkv-cluster'), args, { encoding: 'utf8', timeout: 20_000 });
    if (status !== 0) throw new Error(`rkv-cluster ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`);
    return stdout;
  }

  it(
    'are over soon after it says no more, and gone when it comes back from being killed',
    async () => {
      await up();
      cli('fault', 'partition', '1,2/3', file);
      cli('fault', 'slow-disk', 'all', '--by', '1ms', '--for', '60s', file);
      await new Promise((done) => setTimeout(done, LEASE_MS + 500));
      for (const address of addresses) expect(await faultsOf(address)).toHaveLength(2);
      // It lives, and with it its servers, but keeps nothing up.
      supervisor!.kill('SIGSTOP');
      const stoppedMs = performance.now();
      for (const address of addresses) await expect.poll(() => faultsOf(address), PATIENCE).toEqual([]);
      expect(performance.now() - stoppedMs).toBeLessThan(LEASE_MS + 3000);
      supervisor!.kill('SIGCONT');
      for (const address of addresses) await expect.poll(() => faultsOf(address), PATIENCE).toHaveLength(2);

      supervisor!.kill('SIGKILL');
      for (const address of addresses) await expect.poll(() => faultsOf(address), PATIENCE).toBeUndefined();
      await up();
      expect((JSON.parse(cli('status', '--json', file)) as ClusterStatus).faults).toEqual([]);
      for (const address of addresses) expect(await faultsOf(address)).toEqual([]);
      cli('fault', 'stalled-disk', 'all', file);
      cli('down', file);
      const { out } = await supervisor!.ended;
      // A disk that stalled still would have kept the servers from closing their stores.
      expect(out.match(/ended: exit code 0/g)).toHaveLength(3);
    },
    BUSY_MS,
  );
});

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { printableJson, printableWhole } from '../../cli/printable.ts';
import { ServerUnreachableError } from '../errors.ts';
import { LatencyRecorder } from '../load/latencyRecorder.ts';
import { TestCluster } from '../testing/testCluster.ts';
import { waitingText } from './membershipCommand.ts';
import { ClientMetrics, serveMetrics } from './metrics.ts';
import { run } from './run.ts';
import { noServerAnswers } from './statusCommands.ts';

const cleanUps: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function setUp() {
  const cluster = await TestCluster.start(3);
  cleanUps.push(() => cluster.stop());
  const folder = await mkdtemp(join(tmpdir(), 'rkvctl-'));
  cleanUps.push(() => rm(folder, { recursive: true }));
  const rkvctl = async (line: string, options: { interactive?: boolean; signal?: AbortSignal } = {}) => {
    let out = '';
    let err = '';
    const terminal = {
      out: (text: string) => {
        out += `${text}\n`;
      },
      err: (text: string) => {
        err += `${text}\n`;
      },
      json: (value: unknown, indent?: number) => {
        out += `${printableJson(value, indent)}\n`;
      },
      value: (text: string) => {
        out += `${options.interactive === true ? printableWhole(text) : text}\n`;
      },
      raw: (text: string) => {
        out += text;
      },
      outInteractive: options.interactive ?? false,
      interactive: options.interactive ?? false,
    };
    const signal = options.signal ?? new AbortController().signal;
    const argv = ['-cluster', cluster.addresses.join(','), ...line.split(' ')];
    const code = await run(argv, { terminal, signal, folder });
    return { code, out, err };
  };
  return { cluster, folder, rkvctl };
}

describe('rkvctl', () => {
  it('puts and gets', async () => {
    const { rkvctl } = await setUp();
    expect(await rkvctl('put a 1')).toEqual({ code: 0, out: 'ok\n', err: '' });
    expect(await rkvctl('get a')).toEqual({ code: 0, out: '1\n', err: '' });
    expect(await rkvctl('get a --rpc unary')).toEqual({ code: 0, out: '1\n', err: '' });
    expect(await rkvctl('get b')).toEqual({ code: 2, out: '(none)\n', err: '' });
    expect(await rkvctl('get b', { interactive: true })).toEqual({ code: 2, out: '(none)\n', err: 'no such key\n' });
    expect(await rkvctl('get -raw b')).toEqual({ code: 2, out: '', err: '' });
  });

  it('hands a value over as it is, and to a terminal as one that does nothing to it', async () => {
    const { rkvctl } = await setUp();
    const value = '\x1b[31mx\n\u202ey';
    expect(await rkvctl(`put a ${value}`)).toMatchObject({ code: 0 });
    expect(await rkvctl('get a')).toEqual({ code: 0, out: `${value}\n`, err: '' });
    expect(await rkvctl('get -raw a')).toEqual({ code: 0, out: value, err: '' });
    expect(await rkvctl('get a', { interactive: true })).toEqual({
      code: 0,
      out: '\\x1b[31mx\\n\\u202ey\n',
      err: '',
    });
  });

  it('prints what servers say of themselves without what it would do to a terminal', async () => {
    const { cluster, rkvctl } = await setUp();
    cluster.role = '\x1b]0;owned\x07leader\n';
    cluster.backend = `\u009b31m${'x'.repeat(1_000_000)}`;
    const { out } = await rkvctl('status');
    expect(out).toContain('\\x1b]0;owned\\x07leader\\n');
    expect(out).toContain('\\x9b31mxxx');
    expect(out).not.toMatch(/(?!\n)\p{Cc}/u);
    expect(out.length).toBeLessThan(5000);
  });

  it('tells what every server goes by, and where they differ', async () => {
    const { cluster, rkvctl } = await setUp();
    for (const id of [1, 2, 3]) cluster.settings.set(id, { batch: 'true', cacheEntries: id === 2 ? '5' : '7' });
    const { code, out } = await rkvctl('settings');
    expect(code).toBe(0);
    expect(out).toMatch(/batch +│ true +│ all/);
    expect(out).toMatch(/cacheEntries +│ 7 +│ 1, 3/);
    expect(out).toMatch(/cacheEntries +│ 5 +│ 2/);
    cluster.servers[1]!.stop();
    const without = await rkvctl('settings');
    expect(without.code).toBe(1);
    expect(without.out).toMatch(/cacheEntries +│ 7 +│ all/);
    expect(without.out).toContain(`${cluster.addresses[1]} does not say`);
  });

  it('tells who is connected to each server, and what others than those take together', async () => {
    const { cluster, rkvctl } = await setUp();
    expect(await rkvctl('clients')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('for operators') });
    const figures = { connections: 2, sessions: 1, pending: 7, heldBytes: 4096, refusals: 5 };
    cluster.connected = [{ address: '10.0.0.1', role: 'client', name: 'al\x1b[2Jice', ...figures }];
    const { code, out } = await rkvctl('clients');
    expect(code).toBe(0);
    expect(out).toMatch(/1 +│ 10\.0\.0\.1 +│ client │ al\\x1b\[2Jice │ +2 │ +1 │ +7 │ +4096 │ +5 │/);
    expect(out).toMatch(/3 +│ 3 others +│ - +│ - +│ +4 │/);
    const told = JSON.parse((await rkvctl('clients -json')).out) as unknown[];
    expect(told).toHaveLength(3);
    expect(told[1]).toMatchObject({
      server: 2,
      clients: [{ address: '10.0.0.1', name: 'al\x1b[2Jice', ...figures }],
      others: { count: 3, connections: 4 },
    });
  });

  it('has every server look where its time goes, and prints what they say', async () => {
    const { cluster, rkvctl } = await setUp();
    const spread = { name: 'quorum', unit: 'us', count: 7, mean: 1500, p50: 1234, p90: 2000, p99: 3000, max: 4000 };
    const sizes = { ...spread, name: 'entries-per-sync\x1b[2J', unit: 'entries' };
    cluster.stages.told = { seconds: 1.04, loopUtilization: 0.25, collectionShare: 0.01, spreads: [spread, sizes] };
    const { code, out } = await rkvctl('stages 1');
    expect(code).toBe(0);
    expect(cluster.stages.asked).toEqual([61_000, 61_000, 61_000, 0, 0, 0]);
    expect(out.match(/quorum +│ ms +│ +7 │ +1.500 │ +1.234 │ +2.000 │ +3.000 │ +4.000/g)).toHaveLength(3);
    expect(out).toMatch(/entries-per-sync\\x1b\[2J +│ entries +│ +7 │ +1500.0 /);
    expect(out).toContain(`${cluster.addresses[2]}: busy 25.0 % of 1.0 s, and collected garbage 1.0 % of it`);
    cluster.stages.failure = { code: status.UNIMPLEMENTED, details: 'unknown method' };
    const without = await rkvctl('stages');
    expect(without.code).toBe(1);
    expect(without.err.split('\n')).toHaveLength(4);
    for (const bad of ['0', '1.5', '3001', 'x'])
      expect((await rkvctl(`stages ${bad}`)).err).toContain(`bad time "${bad}"`);
  });

  it('tells a stored (none) from a key that is not there', async () => {
    const { rkvctl } = await setUp();
    await rkvctl('put n (none)');
    for (const rpc of ['stream', 'unary']) {
      expect(await rkvctl(`get n -rpc ${rpc}`)).toEqual({ code: 0, out: '(none)\n', err: '' });
      expect(await rkvctl(`get m -rpc ${rpc}`)).toEqual({ code: 2, out: '(none)\n', err: '' });
    }
  });

  it('tells who leads, who is there and hands leadership over', async () => {
    const { cluster, rkvctl } = await setUp();
    expect(await rkvctl('leader')).toEqual({ code: 0, out: '1\n', err: '' });
    expect(await rkvctl('transfer 3')).toEqual({ code: 0, out: '3\n', err: '' });
    cluster.servers[0]!.stop();
    const { code, out } = await rkvctl('status');
    expect(code).toBe(3);
    expect(out).toMatch(/3 .*leader/);
    expect(out).toContain('connection refused');
    expect(out).toMatch(/\nnot all take part: server 1\n$/);
    cluster.leader = 0;
    const leaderless = await rkvctl('status');
    expect(leaderless.code).toBe(1);
    expect(leaderless.out).toMatch(/\nno leader\n$/);
    expect(await rkvctl('leader')).toMatchObject({ code: 1, out: 'no leader\n' });
  });

  it('tells what servers speak to each other, where they say so', async () => {
    const { cluster, rkvctl } = await setUp();
    const about = (newestVersion: number) => ({
      oldestVersion: 6,
      newestVersion,
      clusterVersion: 0,
      links: [],
      originals: [] as number[],
      outOfReach: [] as number[],
    });
    expect((await rkvctl('status')).out).not.toContain('peer protocol');
    cluster.protocol.set(2, about(6));
    expect((await rkvctl('status')).out).toMatch(/\npeer protocol spoken: server 2 6\n$/);
    const links = [
      { id: 2, oldestVersion: 6, newestVersion: 6, version: 6, roundTripUs: 0 },
      { id: 3, oldestVersion: 6, newestVersion: 7, version: 7, roundTripUs: 412 },
      { id: 4, oldestVersion: 0, newestVersion: 0, version: 0, roundTripUs: 0 },
    ];
    cluster.protocol.set(1, { ...about(7), clusterVersion: 6, links });
    const { out } = await rkvctl('status');
    expect(out.split('\n').slice(-3)).toEqual([
      'peer protocol spoken: server 1 6 to 7, server 2 6; by all members, as server 1 knows them: 6',
      'links of server 1: server 2 version 6, server 3 version 7 (0.41 ms), server 4 none',
      '',
    ]);
    cluster.protocol.set(1, about(7));
    expect((await rkvctl('status')).out).toMatch(/as server 1 knows them: none\n$/);
  });

  it('says that a cluster is mixed, what that means, and who cannot be brought up to date', async () => {
    const { cluster, rkvctl } = await setUp();
    const about = {
      oldestVersion: 6,
      newestVersion: 7,
      clusterVersion: 0,
      links: [],
      originals: [2, 3],
      outOfReach: [3],
    };
    cluster.protocol.set(1, about);
    const { out } = await rkvctl('status');
    expect(out).toContain(
      "\nmixed cluster: of the original's servers there are 2, 3. The original never applies a session's first insert where it is numbered 2,",
    );
    expect(out).toContain(
      '\nserver 3 is behind the log of server 1 and takes no snapshot: it stays behind until it is',
    );
  });

  it('asks also the members that it was not told of', async () => {
    const { cluster, rkvctl } = await setUp();
    const { code, out } = await rkvctl(`status -cluster ${cluster.addresses[0]}`);
    expect(code).toBe(0);
    for (const address of cluster.addresses) expect(out).toContain(address);
    cluster.servers[2]!.stop();
    expect(await rkvctl(`status -cluster ${cluster.addresses[0]}`)).toMatchObject({ code: 3 });
  });

  it('changes the membership', async () => {
    const { cluster, rkvctl } = await setUp();
    expect(await rkvctl('-add 4')).toMatchObject({ code: 0, out: 'server 4 added\n' });
    expect(await rkvctl('-remove 1 -ensure')).toMatchObject({ code: 0, out: 'server 1 removed\n' });
    expect(cluster.reconfigurations.length).toBe(2);
  });

  it('says what a change of the membership waits for, and why it was refused', async () => {
    const { cluster, rkvctl } = await setUp();
    cluster.reconfRefusal = 'cannot add server 4: server 4 does not answer';
    expect(await rkvctl('-add 4')).toEqual({ code: 1, out: '', err: `${cluster.reconfRefusal}\n` });
    const behind = [{ id: 4, heldIndex: 12_000, goalIndex: 80_000 }];
    expect(waitingText({ type: 'add-voter', id: 4, silent: [], behind })).toBe(
      'waiting for server 4: 12,000 of 80,000 entries',
    );
    expect(waitingText({ type: 'remove', id: 2, silent: [3], behind: [] })).toBe('server 3 does not answer');
  });

  it('says so when nobody answers, within its time', async () => {
    const { cluster, rkvctl } = await setUp();
    cluster.stop();
    for (const line of ['get a -timeout 50ms', 'status', 'leader', '-add 4 -timeout 50ms', '-count 1 -timeout 50ms']) {
      const { code, err } = await rkvctl(line);
      expect(code, line).toBe(1);
      expect(err, line).toContain(`no server answers:\n  ${cluster.addresses[0]}: connection refused\n`);
    }
  });

  it('says of a server that was silent that it was, and of others what kept it from asking', () => {
    const silent = new ServerUnreachableError('a:1', 'it took its time', { isLate: true });
    const away = new ServerUnreachableError('b:1', 'b:1: connect EHOSTUNREACH 10.0.0.1:1');
    const other = new ServerUnreachableError('c:1', 'c:1: it said no');
    const reports = [silent, away, other].map((error) => ({ address: error.address, error }));
    expect(noServerAnswers(reports)).toBe(
      'no server answers:\n  a:1: no answer in time\n  b:1: host unreachable\n  c:1: c:1: it said no',
    );
  });

  it('prints the reason, then the usage', async () => {
    const { rkvctl } = await setUp();
    const { code, out, err } = await rkvctl('frobnicate');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^unknown command "frobnicate"\nUsage: rkvctl/);
    expect(await rkvctl('-h')).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Usage: rkvctl') });
  });

  it('puts load on the cluster and writes what it measured', async () => {
    const { cluster, folder, rkvctl } = await setUp();
    const { code, out, err } = await rkvctl('-clients 5 -throughput 0 -count 20 -reads 0.3 -payload 32 -seed 5');
    expect(code).toBe(0);
    expect(out).toMatch(/^100 requests done in .*\nwrites \d+: µs mean \d+, p50 \d+.*\nreads {2}\d+: /);
    expect(err).toMatch(/wrote .*latency-\d+\.csv/);
    const [file] = await readdir(folder);
    expect((await readFile(join(folder, file!), 'utf8')).split('\n').length).toBe(102);
    expect(
      cluster.applied.every(({ key, value }) => /^\d+X+$/.test(key) && key.length === 16 && value.length === 32),
    ).toBe(true);
  });

  it('ends the load at a signal, with summary and file', async () => {
    const { cluster, folder, rkvctl } = await setUp();
    const controller = new AbortController();
    cluster.decide = (attempt, server) => {
      if (attempt === 50) controller.abort();
      return server.id === cluster.leader ? 'apply' : 'not-leader';
    };
    const { code, out } = await rkvctl('-clients 5 -throughput 0', { signal: controller.signal, interactive: true });
    expect(code).toBe(0);
    expect(out).toMatch(/requests done/);
    expect((await readdir(folder)).length).toBe(1);
  });
});

describe('metrics', () => {
  it('are served under the original names', async () => {
    const recorder = new LatencyRecorder();
    const metrics = new ClientMetrics(recorder);
    recorder.started(0);
    for (const sink of [recorder, metrics]) {
      sink.completed(false, 0, 2);
      sink.completed(true, 0, 4);
    }
    metrics.issued(0, true);
    metrics.issued(1, false);
    recorder.finish();
    const server = await serveMetrics(() => metrics.text(), 0);
    cleanUps.push(() => void server.close());
    const { port } = server.address() as { port: number };
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const name of ['read_requests', 'write_requests', 'reads', 'writes']) {
      expect(text).toContain(`\nraft_client_${name} 1\n`);
    }
    expect(text).toContain('raft_client_read_latency{quantile="0.5"} 0.004');
    expect(text).toContain('raft_client_write_latency_sum 0.002\nraft_client_write_latency_count 1\n');
    await expect(serveMetrics(() => '', port)).rejects.toThrow('EADDRINUSE');
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  });
});

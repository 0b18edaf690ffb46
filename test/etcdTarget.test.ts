import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../src/bench/command.ts';
import { listenerPid } from '../src/bench/facts/listener.ts';
import { readRun } from '../src/bench/results/store.ts';
import { type EtcdCluster, startEtcd } from '../src/bench/systems/etcd/etcdCluster.ts';

/** What there is to be measured: Debian has it as `etcd-server`. */
const version = versionOfEtcd();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rkv-etcd-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));

function versionOfEtcd(): string | undefined {
  try {
    return /etcd Version: (\S+)/.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8' }))?.[1];
  } catch {
    return undefined;
  }
}

/** `whenMeasuring` is called when a measurement begins. */
async function bench(args: readonly string[], whenMeasuring = () => {}) {
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await runCommand(args, {
    terminal: {
      out: (text) => out.push(text),
      json: (value) => out.push(JSON.stringify(value)),
      err: (text) => {
        err.push(text);
        if (text.includes(': measuring')) whenMeasuring();
      },
    },
    progressStream: undefined,
    onInterrupt: () => () => {},
  });
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}

describe.skipIf(version === undefined)('etcd itself (skipped where there is no etcd on the PATH)', () => {
  it('is started beside our servers, measured by the same load, checked, and told in one table', async () => {
    const load = ['--clients', '10', '--reads', '0.2', '--time', '500ms', '--warmup', '100ms'];
    const where = ['--datadir', join(folder, 'data'), '--results', join(folder, 'results'), '--name', 'both'];
    const { exitCode, out, err } = await bench(['--backend', 'etcd', '--target', 'etcd', ...load, ...where]);
    expect(exitCode, err).toBe(0);
    expect(out).toContain('3 rkvd servers on this machine; 3 members of etcd on this machine. 10 clients insert');
    expect(out).toContain(`│ etcd ${version} │`);
    const run = await readRun(join(folder, 'results', 'both-etcd-server'));
    expect(run.verdict).toMatchObject({ passed: true, verified: true });
    expect(run.disk?.syncUs.count).toBeGreaterThan(0);
    for (const { servers, leader, writes, reads, failed, verification } of run.repeats) {
      expect([writes > 0, reads > 0, failed]).toEqual([true, true, 0]);
      expect(servers.map(({ id, backend }) => [id, backend])).toEqual([1, 2, 3].map((id) => [id, `etcd ${version}`]));
      expect(servers.every(({ cpuSeconds, residentBytesMax }) => cpuSeconds !== null && residentBytesMax! > 0)).toBe(
        true,
      );
      expect(leader).toBeGreaterThan(0);
      expect(verification.appliedEntries).toBeGreaterThanOrEqual(verification.acknowledgedWrites);
      expect(verification.keysRead).toBeGreaterThan(0);
    }
    // Nothing that was started is left, nor what it wrote.
    expect(await readdir(join(folder, 'data'))).toEqual([]);
    const places = ['both-etcd', 'both-etcd-server'].map((name) => join(folder, 'results', name));
    const compared = await bench(['compare', ...places, '--json']);
    expect(JSON.parse(compared.out)).toMatchObject({ comparable: true, obstacles: [] });
    const page = join(folder, 'page.html');
    expect((await bench(['report', ...places, '--out', page])).exitCode).toBe(0);
    expect(await readFile(page, 'utf8')).toContain('--target etcd --heartbeat 20ms --election 1s --servers 3');
  }, 180_000);

  it('that runs already is measured in an open loop, and a member that dies in the middle loses nothing', async () => {
    const cluster: EtcdCluster = await startEtcd({
      members: 3,
      heartbeatMs: 20,
      electionMs: 500,
      folder,
      signal: new AbortController().signal,
    });
    try {
      const pids = cluster.addresses.map(listenerPid);
      expect(pids.every((pid) => pid !== undefined)).toBe(true);
      const load = ['--clients', '5', '--throughput', '40', '--time', '3s', '--warmup', '200ms'];
      const target = ['--target', `etcd://${cluster.addresses.join(',')}`];
      const where = ['--results', join(folder, 'results'), '--name', 'running'];
      const { exitCode, out, err } = await bench([...target, ...load, ...where], () => {
        setTimeout(() => process.kill(pids[0]!, 'SIGKILL'), 1000);
      });
      expect([exitCode, err]).toEqual([0, expect.stringContaining('running: measuring for 3s')]);
      expect(out).toContain(`etcd at ${cluster.addresses.join(', ')}. 5 clients insert`);
      const { repeats, settings, disk } = await readRun(join(folder, 'results', 'running'));
      expect([settings.cluster.kind, disk]).toEqual(['running-etcd', null]);
      const [repeat] = repeats;
      expect(repeat!.verification).toMatchObject({ status: 'verified', appliedEntries: null });
      expect(repeat!.servers).toHaveLength(2);
      expect(repeat!.incidents.map(({ kind, what }) => [kind, what])).toContainEqual([
        'down',
        'server 1 does not answer',
      ]);
      // Where its own figures end, theirs are not comparable: how durable those members are is not known.
      const places = ['both-etcd', 'running'].map((name) => join(folder, 'results', name));
      const compared = await bench(['compare', ...places, '--across', 'load,reads,distance', '--json']);
      const { obstacles } = JSON.parse(compared.out) as { obstacles: { condition: string }[] };
      expect([...new Set(obstacles.map(({ condition }) => condition))]).toEqual(['durability']);
    } finally {
      await cluster.stop();
    }
  }, 120_000);
});

it('--target etcd says what is missing where there is no etcd', async () => {
  const { PATH } = process.env;
  process.env.PATH = folder;
  try {
    const { exitCode, err } = await bench(['--target', 'etcd', '--results', join(folder, 'results')]);
    expect([exitCode, err]).toEqual([
      1,
      'rkv-bench: --target etcd: expected the program etcd on the PATH (Debian: etcd-server); members that run already are named as --target etcd://host:2379,…',
    ]);
  } finally {
    process.env.PATH = PATH;
  }
});

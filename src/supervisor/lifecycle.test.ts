import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ownFolder } from '../files/testing/ownFolder.ts';
import type { ClusterListing } from './clusterList.ts';
import { ephemeralRange } from './process/choosePorts.ts';
import { endTerminals, fakeRkvd, run, Terminal } from './testing/terminal.ts';
import type { ClusterStatus } from './up.ts';

const before = process.cwd();
let folder: string;

ownFolder('lifecycle', (made) => {
  folder = made;
});
beforeEach(() => {
  // Other tests run clusters of this user too.
  vi.stubEnv('TMPDIR', folder);
  const place = join(folder, 'place');
  mkdirSync(place);
  process.chdir(place);
  writeFileSync('pair.yaml', 'servers: [{port: 0}, {port: 0}]\nmetrics: false\n');
});
afterEach(async () => {
  await endTerminals();
  process.chdir(before);
  vi.unstubAllEnvs();
});

async function up(...args: string[]): Promise<Terminal> {
  const running = new Terminal('up', 'pair.yaml', '--rkvd', fakeRkvd, ...args);
  await running.prints(/Ctrl-C stops the cluster/);
  return running;
}

async function status(...which: string[]): Promise<ClusterStatus> {
  return JSON.parse((await run('status', '--json', ...which)).out) as ClusterStatus;
}

const addresses = async (...which: string[]) => (await status(...which)).servers.map(({ address }) => address);

async function listing(...args: string[]): Promise<ClusterListing[]> {
  return JSON.parse((await run('list', '--json', ...args)).out) as ClusterListing[];
}

describe('stop and start', () => {
  it('keep a server down until it is asked for, whatever else would start it', async () => {
    const running = await up();
    expect(await run('stop', '2')).toEqual({ code: 0, out: 'server 2 stopped\n', err: '' });
    await running.prints(/server 2 is to stop, and to stay so\n[\s\S]*server 2 \(pid \d+\) ended: exit code 0/);
    expect((await run('status')).out).toMatch(/│ {2}2 │ +- │ [\d.:]+ +│ stopped +│/);
    expect((await status()).servers[1]).toMatchObject({ state: 'stopped', held: true });
    expect((await run('fault', 'kill', '2')).err).toBe('rkv-cluster: server 2 does not run\n');
    expect(await run('start', '2')).toEqual({ code: 0, out: 'server 2 started\n', err: '' });
    expect((await run('start', '2')).err).toBe('rkv-cluster: server 2 runs already\n');
    expect((await status()).servers[1]).toMatchObject({ state: 'running', held: false });
    expect((await run('stop', '3')).err).toBe('rkv-cluster: no server 3: expected one of 1, 2\n');
  });

  it('outlast a fault that would start the server again', async () => {
    const running = await up();
    await run('fault', 'kill', '2', '--for', '400ms');
    await run('stop', '2');
    await running.prints(/fault 1 ended/);
    expect((await status()).servers[1]).toMatchObject({ state: 'stopped', held: true });
  });
});

describe('events', () => {
  it('tell what happened, with times, of one that runs and of one that ran', async () => {
    const running = await up();
    const beganMs = Date.now();
    await run('fault', 'pause', '2', '--for', '1ms');
    await running.prints(/fault 1 ended/);
    const lines = (await run('events', '--json')).out.trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.slice(0, 4)).toMatchObject([
      { type: 'supervised', name: 'pair', pid: process.pid, backend: 'gorums' },
      { type: 'started', id: 1, from: 'nothing' },
      { type: 'started', id: 2 },
      { type: 'leader', id: 1, term: 2 },
    ]);
    const fault = events.find(({ type }) => type === 'fault-began')!;
    expect(fault).toMatchObject({ id: 1, text: 'fault 1 began: server 2 paused, for 1ms' });
    expect(Math.abs(Date.parse(String(fault.time)) - beganMs)).toBeLessThan(60_000);
    expect(fault.atMs).toBe(Date.parse(String(fault.time)));

    const following = new Terminal('events', '-f', '-n', '1');
    await following.prints(/^\d{4}-\d\d-\d\dT[\d:.]+Z fault 1 ended: server 2 paused/);
    await run('down');
    await following.prints(/Z stopping\n[\s\S]*Z stopped\n/);
    following.interrupt();
    expect(await following.exitCode).toBe(0);
    expect((await run('events', 'pair', '-n', '1')).out).toMatch(/Z stopped\n$/);
    expect((await run('events', '-n', '1')).out).toMatch(/Z stopped\n$/);
    expect((await run('events', 'pear')).err).toBe('rkv-cluster: no cluster "pear" is known (there is pair)\n');
  });
});

describe('several clusters', () => {
  it('run side by side from one file, each on ports that it keeps, and are found by name', async () => {
    const first = await up();
    const second = await up('--name', 'other');
    const ports = [...(await addresses('pair')), ...(await addresses('other'))].map((text) =>
      Number(text.split(':')[1]),
    );
    expect(new Set(ports).size).toBe(4);
    const ephemeral = ephemeralRange();
    expect(ports.filter((port) => port >= ephemeral.first && port <= ephemeral.last)).toEqual([]);

    expect((await run('status')).err).toMatch(/2 clusters run in .* \(other, pair\): say which/);
    expect((await run('pause', '2', 'other')).code).toBe(0);
    expect((await status('other')).servers[1]!.state).toBe('paused');
    expect((await status('pair.yaml')).servers[1]!.state).toBe('running');
    expect((await status('pair.yaml', '--name', 'other')).name).toBe('other');
    expect((await run('status', 'third')).err).toBe('rkv-cluster: no cluster "third" runs (there is other, pair)\n');
    expect((await listing()).map(({ name, state }) => [name, state])).toEqual([
      ['other', 'running'],
      ['pair', 'running'],
    ]);

    expect(await run('down', 'other')).toMatchObject({ code: 0, out: 'other stopped\n' });
    await second.exitCode;
    expect((await listing()).map(({ name }) => name)).toEqual(['pair']);
    expect((await listing('--all'))[0]).toMatchObject({ name: 'other', state: 'stopped', pid: null, servers: [] });
    expect((await run('list', '--all')).out).toMatch(/│ other +│ +- │ stopped +│ - +│/);
    const again = await up('--name', 'other');
    expect((await addresses('other')).map((text) => Number(text.split(':')[1]))).toEqual(ports.slice(2));
    for (const running of [first, again]) {
      running.interrupt();
      await running.exitCode;
    }
  });

  it('take no name that is no name of a folder', async () => {
    expect((await run('up', 'pair.yaml', '--name', '../x')).err).toContain('Expected letters, digits, dots');
  });
});

describe('clean', () => {
  async function ran(): Promise<string> {
    const running = await up();
    expect((await run('clean', 'pair', '--yes')).err).toBe(
      `rkv-cluster: pair runs (pid ${process.pid}): rkv-cluster down stops it\n`,
    );
    running.interrupt();
    await running.exitCode;
    return join('rkv-data', 'pair');
  }

  it('asks, and then removes all that a cluster keeps', async () => {
    const data = await ran();
    writeFileSync(join(data, 'server-1', 'latency-12-server-1.csv'), '');
    expect(await run('clean', 'pair')).toEqual({
      code: 1,
      out: '',
      err: `Remove the data of pair in ${data} for good?\nnothing was removed: \`rkv-cluster clean --yes\` does not ask\n`,
    });
    expect(existsSync(data)).toBe(true);
    Terminal.says = true;
    expect(await run('clean', 'pair.yaml')).toMatchObject({ code: 0, out: `pair removed from ${data}\n` });
    expect(existsSync(data)).toBe(false);
    expect(await run('list', '--all')).toEqual({ code: 0, out: 'no cluster runs or ran\n', err: '' });
    expect((await run('clean', 'pair.yaml', '--yes')).err).toMatch(/no cluster is kept in .*pair\n/);
  });

  it('leaves alone what is not its own, and follows no link', async () => {
    const data = await ran();
    mkdirSync('mine');
    writeFileSync(join('mine', 'rkvd-2'), 'mine');
    rmSync(join(data, 'server-2'), { recursive: true });
    symlinkSync(join(process.cwd(), 'mine'), join(data, 'server-2'));
    symlinkSync(join(process.cwd(), 'mine'), join(data, 'server-1', 'rkvd-1.old-7'));
    writeFileSync(join(data, 'notes'), 'mine');
    const { code, err } = await run('clean', '--datadir', data, '--yes');
    expect(code).toBe(0);
    expect(err.trimEnd().split('\n').sort()).toEqual(
      ['notes', 'server-2'].map((name) => `stays, as it is none of ours: ${join(data, name)}`),
    );
    expect(readdirSync(data).sort()).toEqual(['notes', 'server-2']);
    expect(readFileSync(join('mine', 'rkvd-2'), 'utf8')).toBe('mine');
  });

  it('takes no folder for a cluster that is none, and no link for a folder, and is to be told which it is', async () => {
    const data = await ran();
    expect((await run('clean', '--yes')).err).toContain('expected the cluster that is to be removed');
    symlinkSync(join(process.cwd(), data), 'link');
    expect((await run('clean', '--datadir', 'link', '--yes')).err).toContain('is a link: name the folder itself');
    expect((await run('clean', '--datadir', '.', '--yes')).err).toContain('no cluster is kept in');
    expect(existsSync(join(data, 'cluster.json'))).toBe(true);
  });
});

describe('what a cluster keeps', () => {
  it('is not passed over where it cannot be read', async () => {
    mkdirSync(join('rkv-data', 'pair'), { recursive: true });
    writeFileSync(join('rkv-data', 'pair', 'cluster.json'), '{"backend":');
    expect((await run('up', 'pair.yaml', '--rkvd', fakeRkvd)).err).toMatch(
      /cluster\.json cannot be read: expected what rkv-cluster wrote there.*`up --fresh` begins without\n$/,
    );
    const fresh = await up('--fresh');
    fresh.interrupt();
    expect(await fresh.exitCode).toBe(0);
  });
});

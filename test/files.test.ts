import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program } from '../src/chaos/cycles/programs.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { RawPeer } from '../src/server/transport/testing/rawPeer.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';
import { identify } from '../src/supervisor/process/identity.ts';
import { encodeHello } from '../src/wire/peerCodec.ts';

const bin = (name: string): string => fileURLToPath(new URL(`../bin/${name}`, import.meta.url));

let folder: string;
let port: number;
const children: ChildProcess[] = [];
let supervisor: Program | undefined;

ownFolder('files', (made) => {
  folder = made;
});
beforeEach(async () => {
  [port] = (await takeFreePorts(1)) as [number];
});
afterEach(async () => {
  supervisor?.kill('SIGKILL');
  await supervisor?.ended;
  supervisor = undefined;
  for (const child of children.splice(0)) {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await ended;
  }
});

/** Starts a command and waits until it has printed `pattern`; answers what it printed until then. */
async function start(pattern: RegExp, name: string, ...args: string[]): Promise<string> {
  const child = spawn(bin(name), args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
    env: { ...process.env, TMPDIR: folder },
  });
  children.push(child);
  let printed = '';
  await new Promise<void>((done, fail) => {
    const hear = (bytes: Buffer): void => {
      printed += String(bytes);
      if (pattern.test(printed)) done();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('exit', (code) => fail(new Error(`${name} ended with ${code}:\n${printed}`)));
  });
  return printed;
}

function run(name: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(bin(name), args, { encoding: 'utf8', timeout: 20_000, cwd: folder });
  return { status, stdout, stderr };
}

const rkvd = (): Promise<string> =>
  start(/became leader/, 'rkvd', '-id', '1', '-servers', `:${port}`, '-cluster', '1', '-servermetrics=false');

/** Modes of everything below a folder that its owner does not have to himself. */
function openToOthers(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => (statSync(join(root, name)).mode & 0o077) !== 0,
  );
}

describe("what stands in a cluster's folder", () => {
  it('makes no supervisor delete, kill or overwrite what is not its own', async () => {
    const data = join(folder, 'data');
    const file = join(folder, 'one.yaml');
    writeFileSync(file, `servers: [{port: ${port}}]\nelection: 200ms\nmetrics: false\ndatadir: ${data}\n`);
    const victim = spawn('sleep', ['60']);
    children.push(victim);
    const mine = join(folder, 'mine');
    writeFileSync(mine, 'mine');
    mkdirSync(join(data, 'logs'), { recursive: true });
    symlinkSync(mine, join(data, 'cluster.json'));
    const process = identify(victim.pid!);
    const state = {
      version: 1,
      supervisor: { pid: 2 ** 22, startTicks: '1' },
      startedAt: '2026-01-01T00:00:00.000Z',
      name: 'one',
      directory: data,
      control: mine,
      servers: [
        { id: 1, address: `127.0.0.1:${port}`, process },
        { id: 2, address: `127.0.0.1:${port}`, process: { ...process, startTicks: null } },
      ],
    };
    writeFileSync(join(data, 'supervisor.json'), JSON.stringify(state));
    supervisor = new Program('rkv-cluster', ['up', file], { folder, environment: { TMPDIR: folder } });
    expect(await supervisor.bringsUp(data), supervisor.err).toBe(true);
    expect(supervisor.out + supervisor.err).not.toContain('waiting for servers');
    expect(victim.signalCode).toBeNull();
    expect(readFileSync(mine, 'utf8')).toBe('mine');
    expect(openToOthers(data)).toEqual([]);
    expect(run('rkv-cluster', 'down', file)).toMatchObject({ status: 0, stdout: 'one stopped\n' });

    rmSync(join(data, 'logs'), { recursive: true });
    mkdirSync(join(data, 'logs'));
    symlinkSync(mine, join(data, 'logs', 'rkvd-1.log'));
    const refused = run('rkv-cluster', 'up', file);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('rkvd-1.log is a link: expected a regular file of our own, or none');
    expect(readFileSync(mine, 'utf8')).toBe('mine');
  }, 60_000);
});

describe('the files of a server', () => {
  it('are for its user alone, and no link leads it elsewhere', async () => {
    const mine = join(folder, 'mine');
    writeFileSync(mine, 'mine', { mode: 0o600 });
    symlinkSync(mine, join(folder, 'raft01.log'));
    expect(await rkvd()).toContain('this log is not at its usual place');
    expect(readFileSync(mine, 'utf8')).toBe('mine');
    const server = children.at(-1)!;
    const ended = once(server, 'exit');
    server.kill('SIGINT');
    await ended;
    const names = readdirSync(folder);
    expect(names.filter((name) => name.endsWith('.csv'))).toHaveLength(2);
    expect(existsSync(join(folder, 'rkvd-1', 'CURRENT'))).toBe(true);
    expect(openToOthers(folder)).toEqual([]);
  }, 60_000);

  it('do not fill up with what strangers cause', async () => {
    await rkvd();
    const log = join(folder, 'raft01.log');
    const before = statSync(log).size;
    const refusals = 300;
    const beganMs = performance.now();
    for (let to = 2; to < 2 + refusals; to++) {
      const peer = await RawPeer.dial(`127.0.0.1:${port}`);
      peer.say(encodeHello({ from: 1, to, engine: 'gorums', introduction: undefined }));
      expect((await peer.ended)?.code).toBe(status.FAILED_PRECONDITION);
    }
    const seconds = (performance.now() - beganMs) / 1000;
    const added = readFileSync(log, 'utf8').slice(before).trimEnd().split('\n');
    const lines = added.filter((line) => line.includes('refused'));
    expect(lines[0]).toContain("refused a peer's link: this is server 1, not server 2");
    expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(1 + seconds);
  }, 60_000);
});

describe('a file to be read', () => {
  it('is not waited for where it is a pipe', () => {
    mkdirSync(join(folder, 'run'));
    for (const name of ['run/run.json', 'x.yaml']) execFileSync('mkfifo', [join(folder, name)]);
    const pipe = /is a pipe or a device: expected a regular file/;
    for (const args of [
      ['rkv-bench', 'compare', 'run'],
      ['rkv-cluster', 'up', 'x.yaml'],
    ] as const) {
      const { status, stderr } = run(...(args as unknown as [string, ...string[]]));
      expect([args, status]).toEqual([args, 1]);
      expect(stderr).toMatch(pipe);
    }
  }, 60_000);
});

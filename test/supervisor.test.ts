import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Program } from '../src/chaos/cycles/programs.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { askStatus } from '../src/supervisor/askStatus.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';
import { identify, isRunning, type ProcessIdentity } from '../src/supervisor/process/identity.ts';
import type { ClusterStatus } from '../src/supervisor/up.ts';

const bin = (name: string): string => fileURLToPath(new URL(`../bin/${name}`, import.meta.url));

const electionMs = 400;

let folder: string;
let file: string;
let addresses: string;
let data: string;
let supervisor: Program | undefined;

ownFolder('supervisor', (made) => {
  folder = made;
});
beforeEach(async () => {
  file = join(folder, 'three.yaml');
  data = join(folder, 'data');
  const ports = await takeFreePorts(3);
  addresses = ports.map((port) => `127.0.0.1:${port}`).join(',');
  const servers = ports.map((port) => `{port: ${port}}`).join(', ');
  const text = `servers: [${servers}]\nelection: ${electionMs}ms\nmetrics: false\ndatadir: ${data}\n`;
  writeFileSync(file, text);
});
afterEach(async () => {
  supervisor?.kill('SIGKILL');
  await supervisor?.ended;
  supervisor = undefined;
});

const printed = (): string => (supervisor === undefined ? '' : supervisor.out + supervisor.err);

/** Starts `rkv-cluster up` and waits until the cluster is up. */
async function up(...options: string[]): Promise<void> {
  supervisor = new Program('rkv-cluster', ['up', file, ...options], { folder });
  if (!(await supervisor.bringsUp(data))) throw new Error(`it did not come up:\n${printed()}`);
}

function run(name: string, ...args: string[]): string {
  return outputOf([0], name, ...args);
}

function outputOf(expected: readonly number[], name: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(bin(name), args, { encoding: 'utf8', timeout: 60_000 });
  if (!expected.includes(status!))
    throw new Error(`${name} ${args.join(' ')} ended with ${status}: ${stderr}${stdout}\n${printed()}`);
  return stdout;
}

/** 1: nobody leads, as for a while after a leader's death; 3: not all of them serve. */
const statusOutput = (...more: string[]): string => outputOf([0, 1, 3], 'rkv-cluster', 'status', file, ...more);

/** What `status --json` prints, without a process for each look. */
async function status(): Promise<ClusterStatus> {
  const answer = await askStatus(data);
  if (answer === undefined) throw new Error(`no supervisor answers:\n${printed()}`);
  return answer;
}
const rkvctl = (...args: string[]): string => run('rkvctl', '-cluster', addresses, ...args);

async function until<T>(what: string, limitMs: number, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${limitMs} ms\n${printed()}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** What the supervisor prints arrives only while this process waits. */
const hasPrinted = (line: RegExp): Promise<true> =>
  until(String(line), 10_000, () => (line.test(printed()) ? true : undefined));

const allEnded = (processes: readonly ProcessIdentity[]): true | undefined =>
  processes.some(isRunning) ? undefined : true;

/** The events of each server that wrote a file of them, in order. */
function eventFiles(): { readonly id: number; readonly events: readonly string[] }[] {
  return [1, 2, 3].flatMap((id) => {
    const of = join(data, `server-${id}`);
    const names = readdirSync(of).filter((name) => name.startsWith('event-') && name.endsWith(`-server-${id}.csv`));
    return names.map((name) => {
      const rows = readFileSync(join(of, name), 'utf8').trimEnd().split('\n').slice(1);
      return { id, events: rows.map((row) => row.split(',')[0]!) };
    });
  });
}

describe('rkv-cluster with rkvd', () => {
  it('brings a killed leader back, keeps what was written through a stop, and stops in order', async () => {
    await up();
    rkvctl('put', 'a', '1');
    const leader = (await status()).servers.find((server) => server.role === 'leader')!;
    process.kill(leader.pid!, 'SIGKILL');
    const another = await until('another leader', 15_000, async () =>
      (await status()).servers.find((server) => server.role === 'leader' && server.id !== leader.id),
    );
    await until('the killed server caught up', 15_000, async () => {
      const back = (await status()).servers[leader.id - 1]!;
      return back.pid !== leader.pid && (back.appliedIndex ?? 0) >= another.commitIndex! ? true : undefined;
    });
    expect(rkvctl('get', 'a')).toBe('1\n');
    await hasPrinted(new RegExp(`server ${leader.id} .* crashed: signal SIGKILL`));
    await hasPrinted(new RegExp(`server ${leader.id} started \\(pid \\d+, from its data\\)`));

    const processes = (await status()).servers.map((server) => identify(server.pid!));
    supervisor!.kill('SIGINT');
    expect(await supervisor!.ended).toMatchObject({ code: 0 });
    expect(processes.filter(isRunning)).toEqual([]);
    const told = eventFiles();
    expect(told).toHaveLength(3);
    for (const { events } of told) expect(events.at(-1)).toBe('terminated');
    expect(told.find(({ id }) => id === another.id)!.events).toContain('becomeleader');
    expect(told.flatMap(({ events }) => events)).toContain('failure');

    await up();
    expect(rkvctl('get', 'a')).toBe('1\n');
    run('rkv-cluster', 'down', file);

    await up('--fresh');
    expect(spawnSync(bin('rkvctl'), ['-cluster', addresses, 'get', 'a'], { encoding: 'utf8' }).stdout).toBe('(none)\n');
    run('rkv-cluster', 'down', file);
  }, 90_000);

  it('runs on by itself once it has committed a write, where that is asked for', async () => {
    expect(run('rkv-cluster', 'up', file, '--detach')).toMatch(
      /│ leader +│[\s\S]*three runs \(pid \d+\); rkv-cluster down stops it/,
    );
    try {
      rkvctl('put', 'a', '1');
      expect(rkvctl('get', 'a')).toBe('1\n');
      const { servers, pid } = await status();
      expect(run('rkv-cluster', 'logs', '1', file)).toMatch(/cluster=[0-9a-f]{32}/);
      expect(run('rkv-cluster', 'down', file)).toBe('three stopped\n');
      expect(servers.filter((server) => isRunning(identify(server.pid!)))).toEqual([]);
      const supervising = identify(pid);
      await until('the supervisor ended', 10_000, () => allEnded([supervising]));
      expect(readFileSync(join(data, 'supervisor.log'), 'utf8')).toMatch(/starting 3 servers[\s\S]* stopped\n$/);
    } finally {
      spawnSync(bin('rkv-cluster'), ['down', file], { timeout: 20_000 });
    }
  }, 90_000);

  it('leaves no orphan when it is killed, not even a paused server, and can be started again', async () => {
    await up();
    rkvctl('put', 'a', '1');
    const paused = (await status()).servers.find((server) => server.role !== 'leader')!;
    const processes = (await status()).servers.map((server) => identify(server.pid!));
    expect(processes.filter(isRunning)).toHaveLength(3);
    run('rkv-cluster', 'pause', String(paused.id), file);
    supervisor!.kill('SIGKILL');
    await until('the end of every server', 10_000, () => allEnded(processes));
    expect(eventFiles()).toHaveLength(3);
    expect(spawnSync(bin('rkv-cluster'), ['status', file]).status).toBe(1);

    await up();
    expect(rkvctl('get', 'a')).toBe('1\n');
    run('rkv-cluster', 'down', file);
  }, 60_000);

  it('leaves a server stopped that lost its data, and brings it back with one command', async () => {
    await up();
    rkvctl('put', 'a', '1');
    const { id } = (await status()).servers.find((server) => server.role !== 'leader')!;
    run('rkv-cluster', 'kill', String(id), file, '--no-restart');
    await hasPrinted(new RegExp(`server ${id} .* crashed: signal SIGKILL`));
    for (const name of [`rkvd-${id}`, `rkvd-${id}.promised`]) {
      rmSync(join(data, `server-${id}`, name), { recursive: true });
    }
    run('rkv-cluster', 'restart', String(id), file);
    await hasPrinted(
      new RegExp(`server ${id} .* refuses its data: server \\d refuses .*\`rkv-cluster rejoin ${id}\` brings it back`),
    );
    expect(statusOutput()).toContain('rkv-cluster rejoin');
    rkvctl('put', 'b', '2');
    run('rkv-cluster', 'rejoin', String(id), file);
    const isBack = async (): Promise<true | undefined> => {
      const { servers } = await status();
      const commitIndex = Math.max(...servers.map((server) => server.commitIndex ?? 0));
      return (servers[id - 1]!.appliedIndex ?? 0) >= commitIndex ? true : undefined;
    };
    await until('the server took part and caught up', 15_000, isBack);
    run('rkv-cluster', 'kill', String(id), file);
    await hasPrinted(
      new RegExp(`server ${id} started \\(pid \\d+, from its data\\)\n[^]*\\(pid \\d+, from its data\\)`),
    );
    await until('it took part again from its data', 15_000, isBack);
    expect(rkvctl('get', 'b')).toBe('2\n');
    run('rkv-cluster', 'down', file);
  }, 90_000);

  it('goes on where a server refuses its data before there is a leader, and says how to bring it back', async () => {
    await up();
    rkvctl('put', 'a', '1');
    run('rkv-cluster', 'down', file);
    rmSync(join(data, 'server-2', 'rkvd-2.promised'));
    await up();
    await hasPrinted(/server 2 .* refuses its data: .*promise.*; `rkv-cluster rejoin 2` brings it back/);
    rkvctl('put', 'b', '2');
    run('rkv-cluster', 'rejoin', '2', file);
    await until('all three are there', 15_000, async () =>
      (await status()).servers.every(({ role }) => role !== undefined) ? true : undefined,
    );
    expect(rkvctl('get', 'a')).toBe('1\n');
    run('rkv-cluster', 'down', file);
  }, 90_000);

  it('brings one of two back that lost its data, with the other at its word', async () => {
    const [one, two] = addresses.split(',').map((address) => address.split(':')[1]);
    const settings = `election: ${electionMs}ms\nmetrics: false\ndatadir: ${data}\n`;
    writeFileSync(file, `servers: [{port: ${one}}, {port: ${two}}]\n${settings}`);
    addresses = `127.0.0.1:${one},127.0.0.1:${two}`;
    await up();
    rkvctl('put', 'a', '1');
    const { id } = (await status()).servers.find((server) => server.role !== 'leader')!;
    run('rkv-cluster', 'kill', String(id), file, '--no-restart');
    await hasPrinted(new RegExp(`server ${id} .* crashed: signal SIGKILL`));
    rmSync(join(data, `server-${id}`), { recursive: true });
    run('rkv-cluster', 'rejoin', String(id), file, '--survivor', String(3 - id));
    expect(rkvctl('get', 'a')).toBe('1\n');
    run('rkv-cluster', 'down', file);
  }, 90_000);

  it('takes over at once from a supervisor that was killed', async () => {
    await up();
    supervisor!.kill('SIGKILL');
    await up();
    run('rkv-cluster', 'down', file);
  }, 60_000);

  it('says why a server could not start', async () => {
    await up();
    const other = join(folder, 'other.yaml');
    const port = addresses.split(',')[1]!.split(':')[1];
    writeFileSync(other, `servers: [{port: ${port}}]\nmetrics: false\ndatadir: ${join(folder, 'other')}\n`);
    const { status: code, stderr } = spawnSync(bin('rkv-cluster'), ['up', other], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^rkv-cluster: server 1 ended before there was a leader: exit code 1\nserver 1 printed last:\n/,
    );
    expect(stderr).toContain(`:${port}`);
    run('rkv-cluster', 'down', file);
  }, 60_000);
});

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ownFolder } from '../files/testing/ownFolder.ts';
import type { ClusterListing } from './clusterList.ts';
import { takeFreePorts } from './process/freePorts.ts';
import { identify, isRunning } from './process/identity.ts';
import { endTerminals, fakeRkvd, run, Terminal } from './testing/terminal.ts';
import type { ClusterStatus } from './up.ts';

let folder: string;
let file: string;

ownFolder('command', (made) => {
  folder = made;
});
beforeEach(async () => {
  file = join(folder, 'pair.yaml');
  const [first, second] = await takeFreePorts(2);
  writeFileSync(file, `servers: [{port: ${first}}, {port: ${second}}]\ndatadir: ${join(folder, 'data')}\n`);
});
afterEach(endTerminals);

const up = (...args: string[]): Terminal => new Terminal('up', file, '--rkvd', fakeRkvd, ...args);

async function processes() {
  const status = JSON.parse((await run('status', file, '--json')).out) as ClusterStatus;
  return status.servers.map((server) => identify(server.pid!));
}

describe('rkv-cluster', () => {
  it('comes up, tells its status, takes orders and goes down', async () => {
    const running = up();
    await running.prints(/Ctrl-C stops the cluster/);
    expect(running.out).toMatch(/│ {2}1 │ +\d+ │ 127\.0\.0\.1:\d+ +│ leader +│ +2 │ +7 │/);
    const servers = await processes();

    expect((await run('status', file)).out).toMatch(/leader[\s\S]*follower/);
    expect(await run('pause', '2', file)).toEqual({ code: 0, out: '', err: '' });
    expect((await run('status', '--datadir', join(folder, 'data'))).out).toContain('paused');
    expect((await run('resume', '2', file)).code).toBe(0);
    expect((await run('kill', '2', file, '--signal', 'term')).code).toBe(0);
    await running.prints(/server 2 \(pid \d+\) ended: exit code 0/);
    expect((await run('status', file)).out).toContain('down (exit code 0)');
    expect((await run('restart', '2', file)).code).toBe(0);
    expect((await run('kill', '2', file)).code).toBe(0);
    await running.prints(
      /server 2 restarts in 500 ms \(first crash\)\n[\s\S]*server 2 started \(pid \d+, from its data\)/,
    );
    expect(await run('rejoin', '2', file)).toEqual({ code: 0, out: '', err: '' });
    await running.prints(/server 2 started \(pid \d+, from what the others give it\)/);
    expect((await run('rejoin', '3', file)).err).toBe('rkv-cluster: no server 3: expected one of 1, 2\n');
    expect(await run('resume', '2', file)).toEqual({ code: 1, out: '', err: 'rkv-cluster: server 2 is not paused\n' });

    expect(await run('down', file)).toEqual({ code: 0, out: 'pair stopped\n', err: '' });
    expect(await running.exitCode).toBe(0);
    expect(servers.filter(isRunning)).toEqual([]);
    expect(await run('status', file)).toEqual({
      code: 1,
      out: '',
      err: `rkv-cluster: no cluster runs in ${join(folder, 'data')}\n`,
    });
  });

  it('says what a file would start, and what is wrong with it', async () => {
    const { code, out } = await run('check', file);
    expect(code).toBe(0);
    expect(out).toMatch(/^pair: 2 servers \(gorums\) with data in .*data\n/);
    expect(out).toMatch(/│ {2}2 │ 127\.0\.0\.1:\d+ +│ chosen at the start │ .*server-2 │\n/);
    writeFileSync(file, 'nodes: none\n');
    expect((await run('check', file)).code).toBe(1);
  });

  it('shows what servers log, of one that runs and of one that ran', async () => {
    const logs = join(folder, 'data', 'logs');
    mkdirSync(logs, { recursive: true, mode: 0o700 });
    writeFileSync(join(logs, 'rkvd-1.log'), 'one\ntwo\nthree\x1b[2J\nhalf');
    expect((await run('logs', file, '-n', '2')).out).toBe('1 | two\n1 | three\\x1b[2J\n');
    expect((await run('logs', '1', file)).out).toBe('one\ntwo\nthree\\x1b[2J\n');
    expect((await run('logs', '3', file)).err).toBe('rkv-cluster: no server 3: expected one of 1, 2\n');
    expect((await run('logs', file, '-n', '0')).code).toBe(1);
    expect((await run('logs', file, 'other.yaml')).err).toContain('one cluster at a time');
    const following = new Terminal('logs', '1', file, '-f', '-n', '1');
    await following.prints(/^three/);
    appendFileSync(join(logs, 'rkvd-1.log'), ' a line\n');
    await following.prints(/half a line\n/);
    following.interrupt();
    expect(await following.exitCode).toBe(0);
  });

  it('says what the matter is where a cluster that was to stay did not come up', async () => {
    const { code, out, err } = await run(
      'up',
      file,
      '--rkvd',
      fakeRkvd,
      '--datadir',
      join(folder, 'other\nname'),
      '--detach',
      '--timeout',
      '1ms',
    );
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/pair did not come up; the last of .*other\\nname\/supervisor\.log:/);
    expect(err).toContain('starting 2 servers (gorums)');
  });

  it('pauses and kills for a time, says what is in force, and undoes it', async () => {
    const running = up();
    await running.prints(/Ctrl-C stops the cluster/);
    expect((await run('fault', 'list', file)).out).toBe('no faults\n');
    expect((await run('fault', 'pause', 'leader', file)).out).toBe('fault 1: server 1 paused, until it is healed\n');
    expect((await run('status', file)).out).toContain('\nfault 1: server 1 paused, until it is healed\n');
    const { faults } = JSON.parse((await run('status', file, '--json')).out) as ClusterStatus;
    expect(faults).toMatchObject([{ id: 1, kind: 'pause', servers: [1], endsAt: null }]);
    expect(Math.abs(Date.parse(faults[0]!.startedAt) - Date.now())).toBeLessThan(60_000);
    expect((await run('fault', 'heal', '7', file)).err).toBe('rkv-cluster: no fault 7: expected one of 1\n');
    expect((await run('fault', 'heal', file)).out).toBe('healed fault 1: server 1 paused\n');
    await running.prints(/server 1 \(pid \d+\) resumed\n.*fault 1 ended: server 1 paused \(healed\)/);

    expect((await run('fault', 'kill', '2', '--for', '300ms', file)).out).toBe(
      'fault 2: server 2 down (SIGKILL), 300 ms left\n',
    );
    await running.prints(/fault 2 began: server 2 down \(SIGKILL\), for 300ms/);
    await running.prints(
      /server 2 \(pid \d+\) crashed: signal SIGKILL\n[\s\S]*server 2 started.*\n[\s\S]*fault 2 ended: .* \(its time was over\)/,
    );
    expect(running.out).not.toContain('server 2 restarts in');
    expect(await run('fault', 'kill', '2', file)).toEqual({ code: 0, out: '', err: '' });
    await running.prints(/server 2 restarts in/);

    expect((await run('fault', 'clock', '1', '--rate', '2', file)).err).toBe(
      'rkv-cluster: server 1 does not know faults: it is older than this rkv-cluster, or another program\n',
    );
    expect((await run('fault', 'pause', '3', file)).err).toBe('rkv-cluster: no server 3: expected one of 1, 2\n');
    expect((await run('fault', 'list', file, '--json')).out).toBe('[]\n');
    await run('down', file);
  }, 60_000);

  it('stops on Ctrl-C, and is refused a second time meanwhile', async () => {
    const running = up();
    await running.prints(/Ctrl-C stops the cluster/);
    const servers = await processes();
    const second = await run('up', file, '--rkvd', fakeRkvd);
    expect(second).toMatchObject({ code: 1, out: '' });
    expect(second.err).toMatch(
      /^rkv-cluster: a supervisor \(pid \d+\) runs the cluster in .*: rkv-cluster down stops it\n$/,
    );
    expect(await run('up', file, '--rkvd', fakeRkvd, '--detach')).toEqual(second);
    running.interrupt();
    expect(await running.exitCode).toBe(0);
    expect(running.out).toMatch(/stopping\n[\s\S]*ended: exit code 0\n[\s\S]*stopped\n$/);
    expect(servers.filter(isRunning)).toEqual([]);
  });

  it('can be stopped while it still comes up', async () => {
    process.env.FAKE_LEADER = '0';
    try {
      const running = up();
      await running.prints(/server 2 started/);
      running.interrupt();
      expect(await running.exitCode).toBe(0);
    } finally {
      delete process.env.FAKE_LEADER;
    }
  });

  it('says why a cluster did not come up, and leaves nothing running', async () => {
    process.env.FAKE_FAULTS = '{"2":"exit"}';
    process.env.FAKE_LEADER = '0';
    try {
      const failed = await run('up', file, '--rkvd', fakeRkvd);
      expect(failed.code).toBe(1);
      expect(failed.err).toMatch(
        /^rkv-cluster: server 2 ended before there was a leader: exit code 1\nserver 2 printed last:/,
      );
      expect(failed.out).toMatch(/stopped\n$/);
      expect((await run('status', file)).code).toBe(1);
    } finally {
      delete process.env.FAKE_FAULTS;
      delete process.env.FAKE_LEADER;
    }
  });

  it('fails where nobody is elected in time', async () => {
    process.env.FAKE_LEADER = '0';
    try {
      const failed = await run('up', file, '--rkvd', fakeRkvd, '--timeout', '500ms');
      expect(failed).toMatchObject({ code: 1 });
      expect(failed.err).toContain('no leader within 500 ms\nserver 1 printed last:');
    } finally {
      delete process.env.FAKE_LEADER;
    }
  });

  it('tells what is wrong with a file as compilers do', async () => {
    writeFileSync(file, 'nodes: 3\nbakend: etcd\n');
    const problem = `${file}:2: bakend: unknown key: did you mean backend?\n`;
    expect(await run('up', file)).toEqual({ code: 1, out: '', err: problem });
    expect(await run('status', file)).toEqual({ code: 1, out: '', err: problem });
  });

  it('needs a name for the data folder', async () => {
    const nameless = join(folder, '...yaml');
    writeFileSync(nameless, 'nodes: 1\n');
    expect((await run('up', nameless)).err).toBe(`${nameless}: name: expected a name: the file has none to give\n`);
  });

  it.each([
    [['up', '/nowhere/x.yaml'], /^rkv-cluster: \/nowhere\/x\.yaml: no such file\n$/],
    [['up'], /missing required argument 'file'/],
    [['stauts'], /unknown command 'stauts'\n\(Did you mean status\?\)/],
    [['kill', 'x'], /Expected a server id such as 1/],
    [['kill', '1', '--signal', 'nope'], /Expected a signal such as SIGKILL or TERM/],
    [['up', 'x.yaml', '--timeout', '5'], /Expected a duration such as 30s/],
    [['down', '--datadir', '/nowhere'], /^rkv-cluster: no cluster runs in \/nowhere\n$/],
  ])('refuses %j', async (args, message) => {
    const { code, err } = await run(...args);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  it('finds a cluster from elsewhere, by its file and in the list', async () => {
    const before = process.cwd();
    const [here, there] = ['here', 'there'].map((name) => join(folder, name));
    for (const place of [here!, there!]) mkdirSync(place);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/datadir: .*/, ''));
    // Other tests run clusters of this user too.
    vi.stubEnv('TMPDIR', folder);
    try {
      process.chdir(here!);
      const running = up();
      await running.prints(/Ctrl-C stops the cluster/);
      process.chdir(there!);
      expect((await run('status', file)).out).toContain('leader');
      const [cluster] = JSON.parse((await run('list', '--json')).out) as ClusterListing[];
      const directory = join(here!, 'rkv-data', 'pair');
      expect(cluster).toMatchObject({ name: 'pair', pid: process.pid, directory, file });
      expect(cluster!.servers.map(({ id, pid }) => [id, typeof pid])).toEqual([
        [1, 'number'],
        [2, 'number'],
      ]);
      expect((await run('list')).out).toMatch(/│ pair +│ +\d+ │ 2 of 2 +│/);
      expect((await run('status')).err).toContain(`elsewhere: ${directory}`);
      expect((await run('down', file)).code).toBe(0);
      expect(await running.exitCode).toBe(0);
      expect(await run('list')).toEqual({ code: 0, out: 'no cluster runs\n', err: '' });
    } finally {
      process.chdir(before);
      vi.unstubAllEnvs();
    }
  });

  it('needs no file where one cluster runs', async () => {
    const before = process.cwd();
    mkdirSync(join(folder, 'rkv-data'));
    try {
      process.chdir(folder);
      expect((await run('status')).err).toMatch(/no cluster runs in .*rkv-data: name it, its file or its --datadir/);
      const running = up('--datadir', join('rkv-data', 'pair'));
      await running.prints(/Ctrl-C stops the cluster/);
      expect((await run('status')).out).toContain('leader');
      expect((await run('down')).code).toBe(0);
    } finally {
      process.chdir(before);
    }
  });
});

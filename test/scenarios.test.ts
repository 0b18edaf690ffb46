import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';

const program = fileURLToPath(new URL('../bin/rkv-cluster', import.meta.url));

/** As many parts of the language as fit into some seconds. */
const STORY = `
name: a short story
origin: a test
description: a leader is alone, hands over, and another server is restarted
cluster: {nodes: 3, election: 300ms}
load: {clients: 2, rate: 50}
steps:
  - {at: 200ms, fault: partition, server: leader, for: 1s, as: old}
  - {at: 2s, do: transfer, to: old}
  - {at: 2500ms, do: load, clients: 3, rate: 100}
  - {at: 3s, do: restart, server: follower}
lasts: 15s
`;

let folder: string;
ownFolder('scenarios', (made) => {
  folder = made;
});
/** All temporary files of a play go there. */
let temporary: NodeJS.ProcessEnv;
beforeEach(() => {
  temporary = { ...process.env, TMPDIR: folder };
});

function write(text: string): string {
  const file = join(folder, 'story.yaml');
  writeFileSync(file, text);
  return file;
}

function play(...args: string[]) {
  const options = { encoding: 'utf8', timeout: 60_000, cwd: folder, env: temporary } as const;
  return spawnSync(program, ['play', ...args], options);
}

/** What a play has left behind in its temporary folder. */
const leftovers = () => readdirSync(folder).filter((name) => name.startsWith('rkv-'));

describe('rkv-cluster play', () => {
  it('puts a cluster of its own through a file, and says how long what took', () => {
    const { status, stdout, stderr } = play(write(STORY), '--backend', 'etcd', '--json');
    expect(status, stderr).toBe(0);
    const [{ measurements, problems, startsMs, syncMs }] = JSON.parse(stdout).plays;
    expect(problems).toEqual([]);
    expect(measurements.givenUp).toBe(0);
    expect(measurements.firstWriteMs).toBeGreaterThan(200);
    // Until then two clients had at most a write each acknowledged that they had sent before: three pieces.
    expect(measurements.gapMs).toBeGreaterThanOrEqual(measurements.firstWriteMs / 3);
    expect(measurements.successorMs).toBeGreaterThan(200);
    expect(measurements.operatorMs).toBeGreaterThan(0);
    expect(measurements.catchUpMs).toBeGreaterThan(100);
    expect(measurements.terms).toBeGreaterThanOrEqual(2);
    expect(startsMs).toHaveLength(1);
    expect(syncMs).toHaveLength(4);
    expect(stderr).toMatch(/\d\.\d{3} s {2}partition between server \d and the others\n/);
    expect(stderr).toMatch(/server \d leads term \d/);
    expect(leftovers()).toEqual([]);
  }, 90_000);

  it('says what is wrong with a file, and starts nothing', () => {
    const { status, stderr } = play(write(STORY.replace('partition', 'partitoin')));
    expect(status).toBe(1);
    expect(stderr).toMatch(/story\.yaml:8: steps\[0\]\.fault: expected one of kill, .* \(did you mean partition\?\)/);
    expect(play('none.yaml')).toMatchObject({ status: 1, stderr: 'rkv-cluster: none.yaml: no such file\n' });
    // The file that the documentation types comes with the package.
    expect(play('scenarios/isolated-leader.yaml', '--backend', 'none').stderr).toContain("'none' is invalid");
  });

  it('plays on a cluster that runs, which stays', async () => {
    const ports = await takeFreePorts(3);
    const servers = ports.map((port) => `{port: ${port}}`).join(', ');
    const file = join(folder, 'three.yaml');
    writeFileSync(file, `servers: [${servers}]\nelection: 300ms\nmetrics: false\n`);
    const run = (...args: string[]) =>
      spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, cwd: folder, env: temporary });
    expect(run('up', file, '--detach')).toMatchObject({ status: 0 });
    try {
      const story = write(STORY.replace('  - {at: 3s, do: restart, server: follower}\n', '').replace('15s', '4s'));
      const played = run('play', story, '--running', file, '--json');
      expect(played.status, played.stderr).toBe(0);
      const [{ measurements, problems }] = JSON.parse(played.stdout).plays;
      expect(problems).toEqual([]);
      expect(measurements.successorMs).toBeGreaterThan(200);
      expect(measurements.operatorMs).toBeGreaterThan(0);
      expect(JSON.parse(run('fault', 'list', file, '--json').stdout)).toEqual([]);
      const large = write(STORY.replace('nodes: 3', 'nodes: 5'));
      expect(run('play', large, '--running').stderr).toContain('needs 5 servers: this cluster has 3');
    } finally {
      run('down', file);
    }
    expect(run('play', write(STORY), '--running', file).stderr).toContain('no cluster runs');
  }, 180_000);

  it('heals and ends all when it is interrupted', async () => {
    const child = spawn(program, ['play', write(STORY.replace('for: 1s', 'for: 60s'))], {
      cwd: folder,
      env: temporary,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    child.stderr.on('data', (bytes: Buffer) => {
      printed += String(bytes);
    });
    child.stdout.on('data', (bytes: Buffer) => {
      printed += String(bytes);
      if (printed.includes('partition between')) child.kill('SIGINT');
    });
    const code = await new Promise((done) => child.once('exit', done));
    expect(code).toBe(1);
    expect(printed).toContain('rkv-cluster: a short story: it was interrupted');
    expect(leftovers()).toEqual([]);
  }, 60_000);
});

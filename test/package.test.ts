import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { askStatus } from '../src/supervisor/askStatus.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
ownFolder('package', (made) => {
  folder = made;
});

/** Runs a program to its end, in `cwd`. */
function run(cwd: string, file: string, ...args: string[]) {
  const env = { ...process.env, PATH: `${join(folder, 'prefix', 'bin')}${delimiter}${process.env.PATH}` };
  const { status, stdout, stderr, error } = spawnSync(file, args, { cwd, env, encoding: 'utf8', timeout: 120_000 });
  if (error !== undefined) throw error;
  return { code: status, out: stdout, err: stderr };
}

it('works as people install it: packed, installed with its commands on the PATH, used in an empty folder', async () => {
  const packed = run(root, 'npm', 'pack', '--silent', '--pack-destination', folder);
  expect(packed, packed.err).toMatchObject({ code: 0 });
  const archive = join(folder, packed.out.trim());
  const options = ['--prefix', join(folder, 'prefix'), '--prefer-offline', '--no-audit', '--no-fund', '--silent'];
  const installed = run(folder, 'npm', 'install', '-g', ...options, archive);
  expect(installed, installed.err).toMatchObject({ code: 0 });
  const files = readdirSync(join(folder, 'prefix', 'lib', 'node_modules', 'rkv'), {
    recursive: true,
    encoding: 'utf8',
  });
  expect(files).toContain(join('dist', 'consensus', 'gorums', 'engine.js'));
  // The engine that only tests have is offered to nobody, and code is kept for who built it.
  expect(files.filter((name) => /primer|\.cjs\..*v\d/i.test(name))).toEqual([]);
  const empty = join(folder, 'empty');
  mkdirSync(empty);

  for (const command of ['rkvd', 'rkvctl', 'rkv-cluster', 'rkv-bench']) {
    expect(run(empty, command, '--version').out).toMatch(new RegExp(`^${command} \\d+\\.\\d+\\.\\d+ \\(Node\\.js v`));
  }
  // The file that the documentation types comes with the package.
  expect(run(empty, 'rkv-cluster', 'status', 'configs/3node.yaml')).toMatchObject({
    code: 1,
    err: `rkv-cluster: no cluster runs in ${join(empty, 'rkv-data', '3node')}\n`,
  });

  const ports = await takeFreePorts(3);
  const addresses = ports.map((port) => `127.0.0.1:${port}`).join(',');
  writeFileSync(
    join(empty, 'own.yaml'),
    `servers: [${ports.map((port) => `{port: ${port}}`).join(', ')}]\nmetrics: false\n`,
  );
  const up = spawn(join(folder, 'prefix', 'bin', 'rkv-cluster'), ['up', 'own.yaml'], {
    cwd: empty,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<number | null>((done) => up.once('exit', done));
  try {
    const isUp = async () => up.exitCode !== null || (await askStatus(join(empty, 'rkv-data', 'own')))?.up;
    await expect.poll(isUp, { timeout: 60_000, interval: 50 }).toBe(true);
    expect(run(empty, 'rkvctl', '-cluster', addresses, 'put', 'a', '1')).toMatchObject({ code: 0, out: 'ok\n' });
    expect(run(empty, 'rkvctl', '-cluster', addresses, 'get', 'a')).toMatchObject({ code: 0, out: '1\n' });
    expect(run(empty, 'rkv-cluster', 'down')).toMatchObject({ code: 0 });
    expect(await ended).toBe(0);
  } finally {
    up.kill('SIGKILL');
  }

  const bench = [
    '--backend',
    'gorums',
    '--batch',
    '--clients',
    '5',
    '--time',
    '500ms',
    '--warmup',
    '100ms',
    '--name',
    'first',
  ];
  const measured = run(empty, 'rkv-bench', ...bench);
  expect(measured, measured.err).toMatchObject({ code: 0 });
  expect(measured.out).toContain('Side by side with another: rkv-bench compare results/first results/OTHER');
  expect(run(empty, 'rkv-bench', 'compare', 'results/first', 'results/first')).toMatchObject({ code: 0 });
  // All that was written is below the folder that it was asked for in.
  expect(readdirSync(empty).sort()).toEqual(['own.yaml', 'results', 'rkv-data']);
  // Thousands of files, which may take a hook longer than it has.
  rmSync(join(folder, 'prefix'), { recursive: true });
}, 600_000);

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { expect, it } from 'vitest';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const programs = join(root, 'dist', 'programs');
const keptCode = (file: string) =>
  readdirSync(programs).filter((name) => name.startsWith(`${file}.`) && !name.endsWith('.map'));

let folder: string;
ownFolder('launch', (made) => {
  folder = made;
});

it.each(['rkvd.cjs', 'rkvctl.cjs', 'rkv-cluster.cjs'])('%s comes with code that V8 takes', (file) => {
  const [kept, ...more] = keptCode(file);
  expect([kept, more]).toEqual([expect.any(String), []]);
  const source = readFileSync(join(programs, file), 'latin1');
  expect(source.startsWith(`/*${kept!.slice(file.length + 1).split('.')[0]}*/`)).toBe(true);
  const { cachedDataRejected } = new Script(source, { cachedData: readFileSync(join(programs, kept!)) });
  // Another Node.js than the one that built it goes without.
  expect(cachedDataRejected).toBe(!kept!.endsWith(`.${process.version}-${process.arch}`));
});

it('a command runs just as well where the code that was kept of it is damaged, or gone', () => {
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  mkdirSync(join(folder, 'dist', 'programs'), { recursive: true });
  cpSync(join(programs, 'rkvctl.cjs'), join(folder, 'dist', 'programs', 'rkvctl.cjs'));
  const run = () => spawnSync(process.execPath, [join(folder, 'bin', 'rkvctl'), '--version'], { encoding: 'utf8' });
  const without = run();
  expect(without).toMatchObject({ status: 0, stdout: expect.stringMatching(/^rkvctl \d/), stderr: '' });
  writeFileSync(join(folder, 'dist', 'programs', keptCode('rkvctl.cjs')[0]!), Buffer.alloc(100_000, 'x'));
  expect(run()).toMatchObject({ status: 0, stdout: without.stdout, stderr: '' });
});

it('a server was one more process called node, whose files of times could not be turned off', async () => {
  const [port] = await takeFreePorts(1);
  const flags = ['-id=1', `-servers=:${port}`, '-cluster=1', '-servermetrics=false', '-csv=false', '-logfile=log'];
  const server = spawn(join(root, 'bin', 'rkvd'), flags, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  try {
    await expect.poll(() => printed, { timeout: 20_000 }).toContain(' serving ');
    expect(readFileSync(`/proc/${server.pid}/comm`, 'utf8')).toBe('rkvd\n');
    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
    expect(readdirSync(folder).sort()).toEqual(['log', 'rkvd-1', 'rkvd-1.promised']);
  } finally {
    server.kill('SIGKILL');
  }
});

import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Program, runProgram } from '../src/chaos/cycles/programs.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { askSupervisor } from '../src/supervisor/control/client.ts';
import { controlPath } from '../src/supervisor/control/stateFile.ts';
import type { ClusterStatus } from '../src/supervisor/up.ts';

/** For what takes as long as a loaded machine lets it. */
const BUSY_MS = 300_000;

let place: { readonly folder: string; readonly environment: Record<string, string> };
let directory: string;
let running: Program | undefined;

ownFolder('cluster-tls', (made) => {
  place = { folder: made, environment: { TMPDIR: join(made, 'tmp') } };
  directory = join(made, 'rkv-data', 'one');
});
beforeEach(() => mkdirSync(place.environment.TMPDIR!));
afterEach(async () => {
  running?.kill('SIGKILL');
  await running?.ended;
  running = undefined;
});

const cluster = (...args: string[]) => runProgram('rkv-cluster', args, place);

it(
  'a cluster with TLS makes its certificates, serves whoever has one, grows by one more, and leaves nothing of them',
  async () => {
    writeFileSync(join(place.folder, 'one.yaml'), 'nodes: 1\nbasePort: 0\nmetricsBasePort: 0\n');
    running = new Program('rkv-cluster', ['up', 'one.yaml', '--tls'], place);
    if (!(await running.bringsUp(directory))) throw new Error(`it did not come up:\n${running.out}${running.err}`);
    expect(running.out).toMatch(/certificates made: authority, server-1, operator, client\n/);
    const { servers } = (await askSupervisor(controlPath(directory), { command: 'status' }, 10_000)) as ClusterStatus;
    const { address } = servers[0]!;
    const status = await cluster('status');
    expect(status.out).toContain(`TLS: rkvctl -tls-dir rkv-data/one/tls/operator -cluster ${address} status\n`);
    expect((await cluster('list')).out).toMatch(/│ one .*│ yes │/);

    const rkvctl = (who: string, ...args: string[]) =>
      runProgram(
        'rkvctl',
        ['-cluster', address, '-timeout', '3s', '-tls-dir', join(directory, 'tls', who), ...args],
        place,
      );
    expect(await rkvctl('client', 'put', 'a', '1')).toMatchObject({ code: 0 });
    expect(await runProgram('rkvctl', ['-cluster', address, 'get', 'a'], inFolder('client'))).toMatchObject({
      code: 0,
      out: '1\n',
    });
    const stranger = await runProgram('rkvctl', ['-cluster', address, '-timeout', '3s', 'get', 'a'], place);
    expect(stranger).toMatchObject({ code: 1, out: '' });
    expect(await rkvctl('client', '-remove', '1')).toMatchObject({ code: 1, err: expect.stringContaining('operator') });

    expect(await cluster('add', '2')).toMatchObject({
      code: 0,
      err: expect.stringContaining('certificates made: server-2'),
    });
    expect(await rkvctl('operator', 'transfer', '2')).toMatchObject({ code: 0 });
    expect(await cluster('fault', 'delay', '2', '--by', '1ms', '--for', '10ms')).toMatchObject({ code: 0 });
    const stolen = join(place.folder, 'stolen');
    cpSync(join(directory, 'tls', 'client'), stolen, { recursive: true });
    expect(await cluster('revoke', 'client')).toMatchObject({ code: 0 });
    const byThief = () =>
      runProgram('rkvctl', ['-cluster', address, '-timeout', '1s', '-tls-dir', stolen, 'get', 'a'], place);
    await expect.poll(async () => (await byThief()).err, { timeout: 60_000 }).toContain('was revoked');
    expect(await rkvctl('client', 'get', 'a')).toMatchObject({ code: 0, out: '1\n' });
    expect(await cluster('revoke', 'nobody')).toMatchObject({
      code: 1,
      err: expect.stringContaining('expected one of'),
    });
    expect(statSync(join(directory, 'tls', 'authority', 'key.pem')).mode & 0o777).toBe(0o600);
    expect(await cluster('down')).toMatchObject({ code: 0 });
    await running.ended;
    expect(running.out).toMatch(/handed leadership over/);
    expect(await cluster('clean', 'one', '--yes')).toMatchObject({ code: 0, err: '' });
    expect(existsSync(directory)).toBe(false);
  },
  BUSY_MS,
);

/** As one who has put the folder of a holder into his environment. */
function inFolder(who: string): typeof place {
  return { ...place, environment: { ...place.environment, RKV_TLS_DIR: join(directory, 'tls', who) } };
}

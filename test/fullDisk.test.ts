import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, describe, expect, it } from 'vitest';
import { withOwnMounts } from '../src/chaos/durability/fullDisks.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';
import { ownWorlds, PATIENCE_MS, Server } from './setup/handStarted.ts';

const RKVCTL = fileURLToPath(new URL('../bin/rkvctl', import.meta.url));
const MIB = 1024 * 1024;
/** More than any disk has. */
const ALL = '-diskreserve=9000000000000000';

describe('a server whose disk has less room than is set aside', () => {
  const world = ownWorlds();

  it('hands leadership over to one whose disk has room', async () => {
    const one = await world('etcd', { servers: 3, flags: ['-checkquorum=true'] });
    one.start(1, ALL);
    one.start(2);
    one.start(3);
    const client = one.client();
    try {
      // Each registration that server 1 refuses finds another leader in the end.
      await (await client.openSession()).insert('k', 'v');
      await expect.poll(() => one.leader(), { timeout: PATIENCE_MS }).not.toBe(1);
      expect((await client.status(one.addresses[0]!)).disk?.refusal).toMatch(/^the disk has \d+ MiB left of \d+ MiB/);
      expect((await client.status(one.addresses[1]!)).disk?.refusal).toBe('');
    } finally {
      client.close();
    }
  }, 120_000);

  it('says so to clients, in one attempt at handing over where nobody has room', async () => {
    const one = await world('gorums', { servers: 3, flags: [ALL, '-quiet=false'] });
    one.startAll();
    await one.leader();
    const client = new RkvClient({ addresses: one.addresses, timeoutMs: 3000 });
    try {
      await expect(client.openSession()).rejects.toThrow(/the disk has .* that are set aside \(-diskreserve\)/);
    } finally {
      client.close();
    }
  }, 120_000);
});

const ownMounts = withOwnMounts();

describe.skipIf(ownMounts === undefined)('a server on a file system of its own that fills up', () => {
  let folder: string;
  ownFolder('full-disk', (made) => {
    folder = made;
  });
  const servers: Server[] = [];
  afterAll(async () => {
    for (const server of servers) await server.kill();
  });

  it('takes no commands, answers lookups, and goes on by itself once there is room', async () => {
    const place = join(folder, 'disk');
    mkdirSync(place);
    const [port] = await takeFreePorts(1);
    const address = `127.0.0.1:${port}`;
    const mounted = [...ownMounts!, 'sh', '-c', 'mount -t tmpfs -o size=160m rkv-small-disk "$0" && exec "$@"', place];
    const flags = ['-id=1', `-servers=${address}`, '-cluster=1', '-election=500ms', `-diskreserve=${64 * MIB}`];
    const server = new Server(folder, [...flags, `-datadir=${place}`, '-servermetrics=false'], mounted);
    servers.push(server);
    const client = new RkvClient({ addresses: [address], timeoutMs: PATIENCE_MS });
    try {
      const session = await client.openSession();
      await session.insert('before', '1');
      // The mount as the server sees it, whose namespace nobody else shares.
      const ballast = join(`/proc/${server.child.pid}/root`, place, 'ballast');
      fillUp(ballast, 40 * MIB);
      const disk = async () => (await client.status(address)).disk!;
      await expect.poll(async () => (await disk()).refusal, { timeout: PATIENCE_MS }).toMatch(/^the disk has/);
      expect((await disk()).freeBytes).toBeLessThan((await disk()).setAsideBytes);
      const { stdout } = await execa(RKVCTL, ['-cluster', address, 'status']);
      expect(stdout).toMatch(/\nserver 1: the disk has \d+ MiB left of \d+ MiB that are set aside/);
      const late = session.insert('while', '2');
      const hasty = new RkvClient({ addresses: [address], timeoutMs: 1000 });
      await expect(hasty.openSession()).rejects.toThrow(/that are set aside/);
      hasty.close();
      expect(await client.lookup('before')).toBe('1');
      rmSync(ballast);
      await late;
      expect(await client.lookup('while')).toBe('2');
      expect((await disk()).refusal).toBe('');
    } finally {
      client.close();
    }
  }, 120_000);
});

function fillUp(path: string, freeBytes: number): void {
  const file = openSync(path, 'w');
  try {
    const zeros = Buffer.alloc(MIB);
    const free = () => {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    };
    while (free() > freeBytes) writeSync(file, zeros);
  } finally {
    closeSync(file);
  }
}

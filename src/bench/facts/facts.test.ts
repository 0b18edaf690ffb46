import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenerPid, listeningSockets } from './listener.ts';
import { diskFacts, fileSystemOf, machineFacts } from './machine.ts';
import { gitFacts, packageVersions } from './packageFacts.ts';
import { parseMachineSeconds, residentBytesMax, sampleCpu } from './processTimes.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rkv-facts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('facts about the machine', () => {
  it('are there, whatever it tells', () => {
    const { cores, cpuModel, node } = machineFacts();
    expect(cores).toBeGreaterThan(0);
    expect(cpuModel).not.toBe('');
    expect(node).toBe(process.version);
  });

  it('time durable writes and leave nothing behind', async () => {
    const { syncUs } = await diskFacts(folder);
    expect(syncUs.count).toBeGreaterThan(0);
    expect(syncUs.p50).toBeLessThanOrEqual(syncUs.p99);
    expect(syncUs.p99).toBeLessThanOrEqual(syncUs.max);
    expect(await readdir(folder)).toEqual([]);
  });

  it('name the file system of the longest mount point above a folder', () => {
    const mounts = [
      '/dev/sda1 / ext4 rw 0 0',
      'tmpfs /tmp tmpfs rw 0 0',
      '/dev/sdb1 /tmp/disk xfs rw 0 0',
      '/dev/sdc1 /with\\040space btrfs rw 0 0',
      '/dev/sdd1 /tmp/disk zfs rw 0 0',
    ].join('\n');
    expect(fileSystemOf('/home', mounts)).toBe('ext4');
    expect(fileSystemOf('/tmp', mounts)).toBe('tmpfs');
    expect(fileSystemOf('/tmpfile', mounts)).toBe('ext4');
    expect(fileSystemOf('/with space/x', mounts)).toBe('btrfs');
    expect(fileSystemOf('/tmp/disk/x', mounts)).toBe('zfs');
    expect(fileSystemOf('/tmp', '')).toBe('unknown');
  });
});

describe('facts about the checkout', () => {
  it('are no commit outside of one', async () => {
    expect(await gitFacts(folder)).toBeNull();
    expect(await gitFacts(join(folder, 'missing'))).toBeNull();
  });

  it('name this package and its dependencies', async () => {
    const versions = await packageVersions();
    expect(versions.rkv).toMatch(/^\d+\.\d+\.\d+/);
    expect(versions['@grpc/grpc-js']).toMatch(/^\d/);
    expect(await packageVersions(folder)).toEqual({});
  });
});

describe('who listens', () => {
  it('is found by the port, in the words of /proc/net/tcp', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:2403 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0',
      '   1: 0100007F:2403 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1',
      '   2: 00000000000000000000000001000000:2403 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4713 1',
    ].join('\n');
    expect(listeningSockets(table, 0x2403)).toEqual(['4711', '4713']);
    expect(listeningSockets(table, 0x2404)).toEqual([]);
  });

  it('is this process where it does, and nobody where none does or it is another machine', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    expect(listenerPid(`127.0.0.1:${port}`)).toBe(process.pid);
    expect(listenerPid(`10.0.0.1:${port}`)).toBeUndefined();
    await new Promise((done) => server.close(done));
    expect(listenerPid(`127.0.0.1:${port}`)).toBeUndefined();
  });
});

describe('CPU times', () => {
  it('of the machine leave out idling and waiting', () => {
    expect(parseMachineSeconds('cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 1 2\n')).toBe(1.71);
    expect(parseMachineSeconds('')).toBeUndefined();
    expect(parseMachineSeconds('cpu 1 2 3\n')).toBeUndefined();
  });

  it('leave out processes that are not there', () => {
    const sample = sampleCpu(new Map([[1, 2 ** 30]]));
    expect(sample.servers.size).toBe(0);
    expect(sample.bench).toBeGreaterThan(0);
    expect(residentBytesMax(2 ** 30)).toBeUndefined();
  });
});

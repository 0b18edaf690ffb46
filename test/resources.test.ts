import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import type { AttackReport } from '../src/attack/run.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import { startCluster } from '../src/supervisor/launcher.ts';
import { enginesOfHost } from './setup/engines.ts';

/**
 * Small versions of the attacks, on real processes. What is held here is what a busy machine does not change: no server ends,
 * memory stays within its bound, the client's reads are right. `npm run attack` also judges delays.
 */
const attack = async (name: string, scale: number, engine = 'etcd'): Promise<AttackReport> => {
  const main = fileURLToPath(new URL('../dist/attack/main.js', import.meta.url));
  const args = [main, '--json', '--engine', engine, '--case', name, '--scale', String(scale)];
  const { stdout } = await execa(process.execPath, args, { reject: false, timeout: 120_000 });
  return JSON.parse(stdout);
};

const notOfSpeed = ({ failures }: AttackReport) =>
  failures.filter((why) => !/without an answer|leadership changed/.test(why));

describe('a hostile client', () => {
  it.each([
    ['unreadCalls', '400 unread lookups of 4 MB took 1 GB and more', 0.5],
    ['unreadBurst', 'a burst of unread lookups took 1.5 GB: all were answered before anybody could be let go', 0.5],
    ['unfinishedBodies', 'inserts that were never completed took 1.4 GB', 0.4],
    ['numbersAhead', 'numbers of sessions that lay far apart took 512 bytes each: 1.3 GB from one connection', 0.25],
    ['idleConnections', '200 idle connections took the descriptors of the store: the servers ended', 1],
    ['rapidReset', 'streams opened and abandoned left others without answers', 0.25],
  ])('%s: %s', { timeout: 150_000 }, async (name, _what, scale) => {
    const report = await attack(name, scale);
    expect(notOfSpeed(report)).toEqual([]);
    expect(report.answersPerSecond).toBeGreaterThan(0);
  });

  it.each(enginesOfHost('hashicorp'))(
    '%s: one introduction in the name of a server ended that server for good',
    { timeout: 150_000 },
    async (engine) => {
      const report = await attack('forgedIntroductions', 0.25, engine);
      expect(notOfSpeed(report)).toEqual([]);
      expect(report.answersPerSecond).toBeGreaterThan(0);
    },
  );

  it('-maxconnections above the limit on open files gave the store’s descriptors away', {
    timeout: 60_000,
  }, async () => {
    const rkvd = fileURLToPath(new URL('../bin/rkvd', import.meta.url));
    const program = { file: 'sh', args: ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath, rkvd] };
    const settings = { nodes: 1, metrics: false, flags: { maxconnections: 1000 } };
    const cluster = await startCluster(settings, { program });
    const client = new RkvClient({ addresses: cluster.addresses });
    try {
      const { settings: told } = await client.status(cluster.addresses[0]!);
      expect(Number(told.connectionsMax)).toBeLessThan(64 - 20);
    } finally {
      client.close();
      await cluster.stop();
    }
  });
});

import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planCluster, serverFlags } from './clusterPlan.ts';
import { defaultRestartPolicy } from './restartPolicy.ts';

describe('planCluster', () => {
  it('makes three servers at the ports that rkvctl expects of nothing at all', () => {
    const plan = planCluster({}, '3node');
    expect(plan).toMatchObject({
      name: '3node',
      backend: 'gorums',
      directory: resolve('rkv-data/3node'),
      electionMs: 1000,
      restart: defaultRestartPolicy,
    });
    expect(plan.servers.map(({ id, address }) => `${id} ${address}`)).toEqual([
      '1 127.0.0.1:9201',
      '2 127.0.0.1:9202',
      '3 127.0.0.1:9203',
    ]);
    expect(plan.servers[1]!.directory).toBe(join(plan.directory, 'server-2'));
  });

  it('leaves to rkvd what the configuration does not set', () => {
    const plan = planCluster({ nodes: 1, datadir: '/d' }, 'one');
    expect(serverFlags(plan, plan.servers[0]!, 'nothing')).toEqual([
      '-id=1',
      '-servers=127.0.0.1:9201',
      '-cluster=1',
      '-datadir=/d/server-1',
      '-recover=false',
    ]);
  });

  it('passes on what it sets', () => {
    const plan = planCluster(
      { nodes: 2, cluster: [2], backend: 'etcd', batch: false, election: '2s', metrics: false, flags: { quiet: true } },
      'two',
      [5001, 5002],
    );
    expect(serverFlags(plan, plan.servers[1]!, 'data')).toEqual([
      '-id=2',
      '-servers=127.0.0.1:5001,127.0.0.1:5002',
      '-cluster=2',
      '-backend=etcd',
      '-batch=false',
      '-election=2s',
      '-servermetrics=false',
      '-quiet=true',
      `-datadir=${plan.servers[1]!.directory}`,
      '-recover=true',
    ]);
    expect(serverFlags(plan, plan.servers[1]!, 'others').slice(-2)).toEqual([
      `-datadir=${plan.servers[1]!.directory}`,
      '-rejoin=true',
    ]);
  });

  it('lets a server reach the others by ways of its own', () => {
    const plan = planCluster({ nodes: 2 }, 'two', [5001, 5002]);
    const flags = serverFlags(plan, { ...plan.servers[0]!, dials: ['127.0.0.1:5001', '127.0.0.1:6002'] }, 'data');
    expect(flags.filter((flag) => flag.startsWith('-servers=')).at(-1)).toBe('-servers=127.0.0.1:5001,127.0.0.1:6002');
  });

  it('takes listed servers as they are', () => {
    const servers = [{ port: 7001 }, { address: ':7002', datadir: '/two' }, { address: '[::1]:7003' }];
    const plan = planCluster({ servers, name: 'given' }, 'file', [1, 2, 3]);
    expect(plan.name).toBe('given');
    expect(plan.servers.map((server) => server.address)).toEqual(['127.0.0.1:7001', '127.0.0.1:7002', '[::1]:7003']);
    expect(plan.servers[1]!.directory).toBe('/two');
  });

  it('never lets the longest delay be shorter than the first', () => {
    expect(planCluster({ restart: { firstDelay: '1m' } }, 'x').restart).toMatchObject({
      firstDelayMs: 60_000,
      maxDelayMs: 60_000,
    });
  });
});

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ownFolder } from '../files/testing/ownFolder.ts';
import { parseAddress } from '../net/endpoints/addresses.ts';
import { type ClusterPlan, planCluster, serverFlags } from './clusterPlan.ts';
import { type ClusterState, readClusterState, writeClusterState } from './clusterState.ts';
import type { ClusterConfig } from './config/schema.ts';
import { keepPlan } from './keptPlan.ts';

let datadir: string;

ownFolder('kept', (made) => {
  datadir = join(made, 'data');
  mkdirSync(datadir);
  vi.stubEnv('TMPDIR', made);
});
beforeEach(() => () => vi.unstubAllEnvs());

const planned = (config: ClusterConfig) => planCluster({ nodes: 2, datadir, ...config }, 'kept');

async function kept(config: ClusterConfig, fresh = false): Promise<ClusterPlan> {
  return (await keepPlan(planned(config), fresh)).plan;
}

const metricsPorts = ({ servers }: ClusterPlan) => servers.map(({ metricsPort }) => metricsPort);

describe('ports of metrics that the file leaves open', () => {
  const open = { basePort: 0, metricsBasePort: 0 };

  it('are chosen once, each for itself and beside the servers’ own, and kept', async () => {
    const plan = await kept(open);
    const all = plan.servers.flatMap(({ address, metricsPort }) => [parseAddress(address)!.port, metricsPort]);
    expect(new Set(all).size).toBe(4);
    for (const port of all) expect(port).toBeGreaterThan(0);
    expect(serverFlags(plan, plan.servers[1]!, 'nothing')).toContain(`-metricsport=${all[3]}`);
    expect(await kept(open)).toEqual(plan);
    expect(await kept(open, true)).toEqual(plan);
  });

  it('are chosen also where those of the servers are given', async () => {
    const plan = await kept({ metricsBasePort: 0 });
    expect(plan.servers.map(({ address }) => address)).toEqual(['127.0.0.1:9201', '127.0.0.1:9202']);
    const ports = metricsPorts(plan);
    expect(new Set(ports).size).toBe(2);
    expect(metricsPorts(await kept({ metricsBasePort: 0 }))).toEqual(ports);
  });

  it('are chosen for servers that come to it, and those of the others stay', async () => {
    const before = metricsPorts(await kept(open));
    const state = readClusterState(datadir)!;
    const added = (address: string) => ({ address, membership: 'member' }) as const;
    const servers: ClusterState['servers'] = ['127.0.0.1:20001', '127.0.0.1:20002', '127.0.0.1:20003'].map(added);
    writeClusterState(datadir, { ...state, servers });
    const plan = await kept(open);
    expect(metricsPorts(plan).slice(0, 2)).toEqual(before);
    expect(plan.servers).toHaveLength(3);
    expect(plan.servers[2]!.metricsPort).toBeGreaterThan(0);
    expect(metricsPorts(await kept(open))).toEqual(metricsPorts(plan));
  });

  it('are none where there are no metrics, and the file’s where it names them', async () => {
    expect(metricsPorts(await kept({ ...open, metrics: false }))).toEqual([undefined, undefined]);
    expect(metricsPorts(await kept({ ...open, metricsBasePort: 15_901 }))).toEqual([15_901, 15_902]);
  });
});

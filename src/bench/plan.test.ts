import { describe, expect, it } from 'vitest';
import { type BenchRequest, PlanError, planRuns } from './plan.ts';

const base: BenchRequest = {
  clients: 200,
  timeMs: 10_000,
  warmupMs: 2000,
  reads: 0,
  payload: 16,
  keyspace: 10_000,
  zipfS: 1.1,
  zipfV: 4,
  seed: 1,
  rpc: 'stream',
  repeats: 1,
};
const now = new Date('2030-01-02T03:04:05.678Z');
const plan = (changes: Partial<BenchRequest>) => planRuns({ ...base, ...changes }, now);
const problemOf = (changes: Partial<BenchRequest>): string => {
  try {
    plan(changes);
  } catch (error) {
    if (error instanceof PlanError) return error.message;
    throw error;
  }
  return 'no problem';
};

describe('planRuns', () => {
  it('takes a distance that leaves time for elections', () => {
    expect(plan({ distanceMs: 20 })[0]!.settings.cluster).toMatchObject({ distance: '20ms' });
    expect(problemOf({ distanceMs: 250 })).toContain('--distance: expected a duration above 0 and below a quarter');
    expect(problemOf({ distanceMs: 20, cluster: [':9201'] })).toContain('--distance: the cluster');
  });

  it('fills in the defaults', () => {
    const [run] = plan({});
    expect(run!.name).toBe('20300102-030405-gorums');
    expect(run!.settings.cluster).toEqual({
      kind: 'own',
      servers: 3,
      backend: 'gorums',
      batch: true,
      entriesPerMsg: 64,
      heartbeat: '20ms',
      election: '1s',
      checkQuorum: false,
    });
    expect(run!.settings.load).toMatchObject({ clients: 200, ratePerClient: null, timeMs: 10_000 });
  });

  it('names a single run as told, and the runs of a sweep after their settings', () => {
    expect(plan({ name: 'a' }).map(({ name }) => name)).toEqual(['a']);
    expect(plan({ name: 'a', backends: ['all'] }).map(({ name }) => name)).toEqual([
      'a-gorums',
      'a-etcd',
      'a-hashicorp',
    ]);
    expect(plan({ name: 'a', entriesPerMsg: [64, 1024, 64] }).map(({ name }) => name)).toEqual([
      'a-gorums-64',
      'a-gorums-1024',
    ]);
  });

  it('measures each backend once however often it is named', () => {
    expect(plan({ backends: ['etcd', 'gorums', 'etcd'] })).toHaveLength(2);
  });

  it('takes a running cluster with its own settings only', () => {
    const [run] = plan({ cluster: ['127.0.0.1:9201'], throughput: 30 });
    expect(run!.settings.cluster).toEqual({ kind: 'running', addresses: ['127.0.0.1:9201'] });
    expect(run!.settings.load.ratePerClient).toBe(30);
    expect(problemOf({ cluster: ['127.0.0.1:9201'], batch: false, electionMs: 2000 })).toBe(
      '--batch: the cluster that --cluster names runs already, with its own settings\n' +
        '--election: the cluster that --cluster names runs already, with its own settings',
    );
  });

  it.each<[Partial<BenchRequest>, RegExp]>([
    [{ backends: ['raft'] }, /^--backend: expected gorums, etcd, hashicorp or all, got "raft"$/],
    [{ clients: 0 }, /^--clients: expected 1 to/],
    [{ clients: 1.5 }, /^--clients/],
    [{ throughput: 0 }, /^--throughput/],
    [{ timeMs: 0 }, /^--time/],
    [{ warmupMs: -1 }, /^--warmup/],
    [{ reads: 1.01 }, /^--reads: expected a fraction of lookups from 0 to 1, got 1.01$/],
    [{ payload: 15 }, /^--payload: expected at least 16 bytes/],
    [{ keyspace: 0 }, /^--keyspace/],
    [{ zipfS: 1 }, /^--zipfs/],
    [{ zipfV: 0.5 }, /^--zipfv/],
    [{ seed: 0.5 }, /^--seed/],
    [{ repeats: 0 }, /^--repeats/],
    [{ entriesPerMsg: [64, 0] }, /^--entriespermsg: expected whole numbers from 1, got "64,0"$/],
    [{ servers: 0 }, /^--servers/],
    [{ heartbeatMs: 1000 }, /^--heartbeat: .* less than the election timeout of 1s, got 1s$/],
    [{ name: '../up' }, /^--name/],
  ])('refuses %j', (changes, message) => {
    expect(problemOf(changes)).toMatch(message);
  });
});

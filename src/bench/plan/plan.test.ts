import { describe, expect, it } from 'vitest';
import { AddressError } from '../../client/errors.ts';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { SAMPLE_REQUEST } from '../testing/sampleRequest.ts';
import { type BenchRequest, PlanError, planBench } from './plan.ts';
import { type Schedule, scheduleOfFile } from './schedule.ts';
import type { BenchSettingName } from './settingAxes.ts';
import { type BenchTarget, parseTargets, targetText } from './targets.ts';

const base: BenchRequest = { ...SAMPLE_REQUEST, timeMs: 10_000 };
const now = new Date('2030-01-02T03:04:05.678Z');
/** Settings as they are typed. */
const asked = (settings: Partial<Record<BenchSettingName, string[]>>) => ({
  settings: new Map(Object.entries(settings) as [BenchSettingName, string[]][]),
});
const plan = (changes: Partial<BenchRequest>) => planBench({ ...base, ...changes }, now).runs;
const problemOf = (changes: Partial<BenchRequest>): string => {
  try {
    plan(changes);
  } catch (error) {
    if (error instanceof PlanError) return error.message;
    throw error;
  }
  return 'no problem';
};

const running: BenchTarget = { kind: 'running', addresses: ['127.0.0.1:9201'] };

describe('planBench', () => {
  it('takes a distance that leaves time for elections', () => {
    expect(plan({ distanceMs: 20 })[0]!.settings.cluster).toMatchObject({ distance: '20ms' });
    expect(problemOf({ distanceMs: 250 })).toContain('--distance: expected a duration above 0 and below a quarter');
    expect(problemOf({ distanceMs: 20, targets: [running] })).toContain('--distance: the servers');
  });

  it("takes YCSB's workloads for an axis, which say themselves what share of the requests are lookups", () => {
    const runs = plan({ name: 'y', workloads: ['original', 'ycsb-a', 'ycsb-d'] });
    expect(runs.map(({ name }) => name)).toEqual(['y-gorums-original', 'y-gorums-ycsb-a', 'y-gorums-ycsb-d']);
    expect(runs.map(({ settings: { load } }) => [load.workload, load.reads])).toEqual([
      [undefined, 0],
      ['ycsb-a', 0.5],
      ['ycsb-d', 0.95],
    ]);
    const [uniform] = plan({ workloads: ['ycsb-b'], requestDistributions: ['uniform'] });
    expect(uniform!.settings.load).toMatchObject({ workload: 'ycsb-b', requestDistribution: 'uniform' });
    expect(problemOf({ workloads: ['ycsb-a'], reads: [0.3] })).toContain('--reads: expected none beside --workload');
    expect(problemOf({ requestDistributions: ['uniform'] })).toContain("--requestdistribution: expected one of YCSB's");
  });

  it('spreads load over processes of which each has a client, and which no scenario needs to understand', () => {
    expect(plan({ workers: 4 })[0]!.settings.load).toMatchObject({ workers: 4, clients: 200 });
    expect(plan({ workers: 1 })[0]!.settings.load).not.toHaveProperty('workers');
    expect(problemOf({ workers: 4, clients: [3, 200] })).toContain(
      '--workers: expected 1 to 3, for each has one client',
    );
    expect(problemOf({ workers: 65 })).toContain('--workers: expected 1 to 64');
    const schedule = scheduleOfFile('scenarios/leader-killed.yaml');
    expect(problemOf({ workers: 2, schedule })).toContain('--workers: expected 1 beside a scenario');
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
    expect(plan({ name: 'a', ...asked({ backend: [...ENGINE_NAMES] }) }).map(({ name }) => name)).toEqual([
      'a-gorums',
      'a-etcd',
      'a-hashicorp',
    ]);
    expect(plan({ name: 'a', ...asked({ entriespermsg: ['64', '1024', '0x40'] }) }).map(({ name }) => name)).toEqual([
      'a-gorums-64',
      'a-gorums-1024',
    ]);
  });

  it('measures every combination of what has several values, and names it after those', () => {
    const names = plan({
      name: 'a',
      ...asked({ batch: ['true', 'false'] }),
      clients: [1, 50],
      reads: [0, 0.9],
      payloads: [16, 1024],
    });
    expect(names).toHaveLength(16);
    expect(new Set(names.map(({ name }) => name)).size).toBe(16);
    expect(names[0]!.name).toBe('a-gorums-batch-c1-p16-r0');
    expect(names.at(-1)!.name).toBe('a-gorums-nobatch-c50-p1024-r0.9');
    expect(names.at(-1)!.settings).toMatchObject({
      cluster: { batch: false },
      load: { clients: 50, reads: 0.9, payloadBytes: 1024 },
    });
  });

  it('takes flags of rkvd as axes, and refuses what rkvd would', () => {
    const settings = asked({
      ordergorums: ['true', 'false'],
      catchupmultiplier: ['64'],
      election: ['500ms', '1000ms'],
    });
    const runs = plan({ name: 'a', ...settings });
    expect(runs.map(({ name }) => name)).toEqual([
      'a-gorums-election500ms-ordergorumstrue',
      'a-gorums-election500ms-ordergorumsfalse',
      'a-gorums-election1s-ordergorumstrue',
      'a-gorums-election1s-ordergorumsfalse',
    ]);
    expect(runs[1]!.settings.cluster).toMatchObject({ flags: { ordergorums: 'false', catchupmultiplier: '64' } });
    expect(runs[1]!.levels).toEqual({ election: 'election500ms', ordergorums: 'ordergorumsfalse' });
    expect(problemOf(asked({ catchupmultiplier: ['0'] }))).toMatch(
      /^--catchupmultiplier: rkvd refuses it \(.*must be at least 1\)$/,
    );
    expect(problemOf({ ...asked({ cache: ['5'] }), targets: [running] })).toMatch(/^--cache: the servers/);
  });

  it('measures a program as often as it is named, to see what chance does', () => {
    const runs = plan({ name: 'a', rkvds: ['bin/rkvd', 'bin/rkvd'] });
    expect(runs.map(({ name }) => name)).toEqual(['a-gorums-rkvd1', 'a-gorums-rkvd2']);
    expect(runs[1]!.settings.cluster).toMatchObject({ rkvd: 'bin/rkvd' });
  });

  it('has rounds as many as are asked for, or as it takes', () => {
    expect(planBench({ ...base, rounds: 7 }, now).rounds).toEqual({ kind: 'fixed', count: 7 });
    expect(planBench({ ...base, precision: 0.03 }, now).rounds).toEqual({
      kind: 'precision',
      share: 0.03,
      countMax: 30,
    });
  });

  it('measures each backend once however often it is named', () => {
    expect(plan(asked({ backend: ['etcd', 'gorums', 'etcd'] }))).toHaveLength(2);
  });

  it('takes a running cluster with its own settings only', () => {
    const [run] = plan({ targets: [running], throughputs: [30] });
    expect(run!.name).toBe('20300102-030405-running');
    expect(run!.settings.cluster).toEqual({ kind: 'running', addresses: ['127.0.0.1:9201'] });
    expect(run!.settings.load.ratePerClient).toBe(30);
    const why =
      'the servers that --cluster or --target names have their own settings (--backend measures ours beside them)';
    expect(problemOf({ targets: [running], ...asked({ batch: ['false'], election: ['2s'] }) })).toBe(
      `--batch: ${why}\n--election: ${why}`,
    );
  });

  it('measures other servers alone, or where a backend is named beside own ones, each by a name of its own', () => {
    const [etcd] = plan({ targets: [{ kind: 'etcd' }], ...asked({ election: ['500ms'] }), name: 'a' });
    expect([etcd!.name, etcd!.settings.cluster, etcd!.settings.load.rpc]).toEqual([
      'a',
      { kind: 'etcd', servers: 3, heartbeat: '20ms', election: '500ms' },
      'unary',
    ]);
    const targets = parseTargets('etcd,etcd://h1:2379,h2:2379,etcd://h3:2379,rkv://:9201');
    const all = plan({ ...asked({ backend: ['etcd'], batch: ['true', 'false'] }), targets, name: 'a' });
    expect(all.map(({ name }) => name)).toEqual([
      'a-etcd-batch',
      'a-etcd-nobatch',
      'a-etcd-server',
      'a-etcd-server2',
      'a-etcd-server3',
      'a-running',
    ]);
    expect(all.map(({ levels }) => levels.backend)).toEqual([
      'etcd',
      'etcd',
      'etcd-server',
      'etcd-server2',
      'etcd-server3',
      'running',
    ]);
    expect(all[3]!.settings.cluster).toEqual({ kind: 'running-etcd', addresses: ['h1:2379', 'h2:2379'] });
    expect(all[5]!.settings.cluster).toEqual(running);
    expect(targets.map(targetText).join()).toBe('etcd,etcd://h1:2379,h2:2379,etcd://h3:2379,rkv://127.0.0.1:9201');
    for (const bad of ['zookeeper', 'etcd:h1:2379', 'etcd://', 'rkv://h1', 'etcd://h:1,h:1']) {
      expect(() => parseTargets(bad)).toThrow(AddressError);
    }
  });

  it('refuses what etcd would', () => {
    const etcd = { targets: [{ kind: 'etcd' } as const] };
    expect(problemOf({ ...etcd, ...asked({ heartbeat: ['300ms'] }) })).toMatch(
      /^--target etcd: expected an election timeout of at/,
    );
    expect(problemOf({ ...etcd, ...asked({ heartbeat: ['1.5ms'] }) })).toBe(
      '--target etcd: expected whole milliseconds, got 1.5ms',
    );
    expect(problemOf({ ...etcd, ...asked({ entriespermsg: ['64'] }) })).toMatch(/^--entriespermsg: the servers that/);
    expect(problemOf({ ...etcd, ...asked({ backend: ['etcd'] }), distanceMs: 20 })).toMatch(
      /^--distance: expected own servers/,
    );
    const schedule = scheduleOfFile('scenarios/leader-killed.yaml');
    expect(problemOf({ ...etcd, schedule })).toMatch(/^--target: nobody can do to etcd what a scenario says/);
  });

  it.each<[Partial<BenchRequest>, RegExp]>([
    [asked({ backend: ['raft'] }), /^--backend: rkvd refuses it \(.*must be gorums, etcd or hashicorp\)$/],
    [{ clients: [200, 0] }, /^--clients: expected 1 to/],
    [{ clients: [1.5] }, /^--clients/],
    [{ throughputs: [0] }, /^--throughput/],
    [{ timeMs: 0 }, /^--time/],
    [{ warmupMs: -1 }, /^--warmup/],
    [{ reads: [1.01] }, /^--reads: expected a fraction of lookups from 0 to 1, got 1.01$/],
    [{ payloads: [15] }, /^--payload: expected at least 16 bytes/],
    [{ keyspace: 0 }, /^--keyspace/],
    [{ zipfS: 1 }, /^--zipfs/],
    [{ zipfV: 0.5 }, /^--zipfv/],
    [{ seed: 0.5 }, /^--seed/],
    [{ rounds: 0 }, /^--runs: expected 1 to 1000, got 0$/],
    [{ precision: 1 }, /^--precision: expected a share above 0 % and below 100 %, such as 3%, got 100%$/],
    [{ precision: 0.03, rounds: 5 }, /^--runs: --precision decides how many rounds there are$/],
    [{ roundsMax: 2 }, /^--runs-max: expected 5 to 1000, got 2$/],
    [{ clients: Array.from({ length: 3001 }, (_, at) => at + 1) }, /^expected at most 3000 configurations, got 3001$/],
    [asked({ entriespermsg: ['64', '0'] }), /^--entriespermsg: rkvd refuses it \(.*must be at least 1\)$/],
    [asked({ checkquorum: [] }), /^--checkquorum: expected at least one value$/],
    [{ servers: 0 }, /^--servers/],
    [asked({ heartbeat: ['20ms', '1s'] }), /^--heartbeat: expected less than the election timeout of 1s, got 1s$/],
    [{ name: '../up' }, /^--name/],
  ])('refuses %j', (changes, message) => {
    expect(problemOf(changes)).toMatch(message);
  });
});

describe('a schedule', () => {
  const schedule: Schedule = {
    name: 'a story',
    file: 'story.yaml',
    steps: [
      { at: '1s', do: 'add', server: 4 },
      { at: '2s', fault: 'kill', server: 'leader' },
    ],
    cluster: { nodes: 4, members: [1, 2, 3], settings: { election: 300, catchupmultiplier: 1024 } },
    lastsMs: 7000,
  };
  const untimed = { ...base, timeMs: undefined, schedule };

  it('is in the settings of every run, and says what the cluster is like and how long it takes', () => {
    const runs = planBench({ ...untimed, ...asked({ backend: [...ENGINE_NAMES] }) }, now).runs;
    expect(runs).toHaveLength(3);
    for (const { settings } of runs) {
      expect(settings.schedule).toEqual({ name: 'a story', file: 'story.yaml', steps: schedule.steps });
      expect(settings.cluster).toMatchObject({ servers: 4, members: [1, 2, 3], election: '300ms', heartbeat: '20ms' });
      // As it is anyway.
      expect(settings.cluster).not.toHaveProperty('flags');
      expect(settings.load.timeMs).toBe(7000);
    }
    expect(plan({}).map(({ settings }) => settings.schedule)).toEqual([undefined]);
  });

  it('gives way to what is asked for', () => {
    const [run] = planBench({ ...untimed, ...asked({ election: ['500ms'] }), timeMs: 9000, servers: 5 }, now).runs;
    expect(run!.settings.cluster).toMatchObject({ servers: 5, members: [1, 2, 3], election: '500ms' });
    expect(run!.settings.load.timeMs).toBe(9000);
  });

  it('has to fit the time and the servers, and leaves the load alone', () => {
    expect(problemOf({ schedule, timeMs: 2000 })).toContain('--time: expected more than the 2s at which the last step');
    expect(problemOf({ schedule, servers: 3 })).toContain('--servers: expected at least the 4 of the scenario, got 3');
    const busy = { ...schedule, steps: [{ at: '1s', do: 'load', rate: 5 }] };
    expect(problemOf({ schedule: busy })).toContain('--scenario: expected no step that changes the load');
  });

  it('comes from a file, and says which where there is none', () => {
    const { name, steps, lastsMs } = scheduleOfFile('scenarios/leader-killed.yaml');
    expect([name, steps, lastsMs]).toEqual(['leader killed', [{ at: '1s', fault: 'kill', server: 'leader' }], 7000]);
    expect(() => scheduleOfFile('scenarios/nope.yaml')).toThrow(
      /--scenario: there is no scenarios\/nope\.yaml: expected/,
    );
  });
});

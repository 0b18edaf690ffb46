import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { parseSchedule } from '../../scenarios/file/parse.ts';
import { type BenchRequest, planBench } from '../plan/plan.ts';
import { SAMPLE_REQUEST } from '../testing/sampleRequest.ts';
import { EXPERIMENT_NAMES, EXPERIMENTS, experimentOf, requestOfExperiment } from './experiments.ts';

const now = new Date('2030-01-02T03:04:05.678Z');
const planned = (name: string, changes: Partial<BenchRequest> = {}, isQuick = false) =>
  planBench(requestOfExperiment(experimentOf(name), isQuick, { ...SAMPLE_REQUEST, ...changes }), now).runs;

describe.each([false, true])('experiments (quick: %s)', (isQuick) => {
  it.each(EXPERIMENT_NAMES)('%s is a plan, of a scenario that a file could hold', (name) => {
    expect(planned(name, {}, isQuick).length).toBeGreaterThan(0);
    const { schedule } = experimentOf(name).ask(isQuick);
    if (schedule === undefined) return;
    const { nodes = 3, members } = schedule.cluster;
    const file = {
      name,
      origin: 'a test',
      description: 'of an experiment',
      cluster: { nodes, ...(members === undefined ? {} : { cluster: members }) },
      steps: schedule.steps,
      lasts: `${schedule.lastsMs}ms`,
    };
    expect(parseSchedule(stringify(file), 'x.yaml').steps).toEqual(schedule.steps);
  });
});

describe('an experiment', () => {
  it('has the defaults of the original', () => {
    const [crash] = planned('crash-leader');
    expect(crash!.settings).toMatchObject({
      cluster: { servers: 5, entriesPerMsg: 1024 },
      schedule: { name: 'crash-leader', steps: [{ at: '35s', fault: 'kill', server: 'leader' }] },
      load: { clients: 200, ratePerClient: 30, timeMs: 60_000, payloadBytes: 16 },
    });
    const [partition] = planned('partition-follower');
    expect(partition!.settings).toMatchObject({
      cluster: { checkQuorum: true },
      schedule: { steps: [{ at: '35s', fault: 'partition', server: 'follower', for: '5s' }] },
      load: { ratePerClient: 50, timeMs: 80_000 },
    });
    const replace = planned('replace-leader');
    expect(replace.map(({ settings }) => settings.load.ratePerClient)).toEqual([5, 30]);
    expect(replace[0]!.settings.cluster).toMatchObject({
      servers: 4,
      members: [1, 2, 3],
      heartbeat: '2ms',
      election: '200ms',
    });
    const curve = planned('latency-vs-throughput', { settings: new Map([['backend', ENGINE_NAMES]]) });
    expect(curve).toHaveLength(3 * 14 * 2);
    expect(curve[0]!.settings).toMatchObject({ cluster: { heartbeat: '2ms' }, load: { timeMs: 60_000 } });
    expect(curve[0]!.settings.schedule).toBeUndefined();
  });

  it('gives way to what is asked for', () => {
    const changes = { throughputs: [7], servers: 3, timeMs: 50_000, rounds: 4 };
    const [run] = planned('crash-leader', {
      ...changes,
      settings: new Map([
        ['election', ['300ms']],
        ['cache', ['1000']],
      ]),
    });
    expect(run!.settings).toMatchObject({
      cluster: { servers: 3, election: '300ms', flags: { cache: '1000' } },
      load: { ratePerClient: 7, timeMs: 50_000 },
      repeats: 4,
    });
    const [snapshot] = planned('snapshot', { settings: new Map([['trailingentries', ['5']]]) });
    expect(snapshot!.settings.cluster).toMatchObject({ flags: { snapshotentries: '20000', trailingentries: '5' } });
  });

  it('takes servers that run as they are', () => {
    const [run] = planned('snapshot', { targets: [{ kind: 'running', addresses: [':9201'] }] });
    expect(run!.settings.cluster).toEqual({ kind: 'running', addresses: [':9201'] });
  });

  it('is quicker where that is asked for, and says so', () => {
    for (const experiment of EXPERIMENTS) {
      const [full] = planned(experiment.name);
      const [quick] = planned(experiment.name, {}, true);
      expect(quick!.settings.load.timeMs).toBeLessThan(full!.settings.load.timeMs / 3);
      const { schedule } = quick!.settings;
      expect(schedule === undefined || schedule.isQuick).toBe(true);
    }
  });
});

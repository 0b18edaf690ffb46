import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { HistogramLogReader } from 'hdr-histogram-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../src/bench/command.ts';
import type { RunRecord } from '../src/bench/results/schema.ts';
import { readRun } from '../src/bench/results/store.ts';
import type { SweepSummary } from '../src/bench/sweep/summary.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

let folder: string;
let cluster: RunningCluster | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rkv-bench-test-'));
});
afterEach(async () => {
  await cluster?.stopNow();
  cluster = undefined;
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
});

/**
 * Runs rkv-bench with servers' data and results in the test's folder. `interruptAt`: Ctrl-C when stderr says that. `onMeasuring` is called
 * when it measures.
 */
async function bench(args: readonly string[], interruptAt?: string, onMeasuring = () => {}) {
  const out: string[] = [];
  const err: string[] = [];
  let interrupt = () => {};
  const exitCode = await runCommand([...args, '--results', join(folder, 'results')], {
    terminal: {
      out: (text) => out.push(text),
      json: (value) => out.push(JSON.stringify(value)),
      err: (text) => {
        err.push(text);
        if (text.includes(': measuring')) onMeasuring();
        if (interruptAt !== undefined && text.includes(interruptAt)) setTimeout(() => interrupt(), 300);
      },
    },
    progressStream: undefined,
    onInterrupt: (listener) => {
      interrupt = listener;
      return () => {};
    },
  });
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}

const resultOf = (name: string): Promise<RunRecord> => readRun(join(folder, 'results', name));
const ownData = () => ['--datadir', join(folder, 'data')];

/** Processes that make load for this one, in the order in which they began. */
function workers(): number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  const isWorker = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('loadWorker');
  return children.filter(isWorker).map(Number);
}

describe('rkv-bench', () => {
  it('--distance: an insert takes the way there and back twice', async () => {
    const load = ['--time', '1s', '--warmup', '100ms', '--clients', '2', '--name', 'far'];
    const { exitCode, out } = await bench(['--distance', '20ms', ...ownData(), ...load]);
    expect(exitCode).toBe(0);
    expect(out).toContain('3 rkvd servers on this machine, 20ms from everybody (each way)');
    const { merged, settings } = await resultOf('far');
    expect(settings.cluster).toMatchObject({ distance: '20ms' });
    // Timers may be a millisecond early on each of the four ways.
    expect(merged.writeLatencyUs.p50).toBeGreaterThan(4 * 19_000);
  });

  it('starts a cluster, measures it, proves what was acknowledged, and leaves results and nothing else', async () => {
    const load = ['--time', '1500ms', '--warmup', '300ms', '--clients', '20', '--reads', '0.2', '--name', 'first'];
    const { exitCode, out, err } = await bench(['--backend', 'gorums', '--batch', ...ownData(), ...load]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: expect.stringContaining('first: measuring for 1.5s') });
    expect(out).toContain('│ gorums ');
    expect(await readdir(join(folder, 'data'))).toEqual([]);

    const run = await resultOf('first');
    expect(run.verdict).toMatchObject({ passed: true, verified: true, problems: [] });
    expect(run.disk?.syncUs.count).toBeGreaterThan(0);
    const [repeat] = run.repeats;
    expect(repeat!.writes).toBeGreaterThan(0);
    expect(repeat!.reads).toBeGreaterThan(0);
    expect(repeat!.failed).toBe(0);
    expect(repeat!.servers.map(({ id, backend }) => [id, backend])).toEqual([
      [1, 'gorums'],
      [2, 'gorums'],
      [3, 'gorums'],
    ]);
    expect(repeat!.servers[0]!.effectiveSettings).toMatchObject({ batch: 'true', entriesPerMessage: '64' });
    const { writeLatencyUs: latency, verification, timeline } = repeat!;
    expect(latency.p50).toBeLessThanOrEqual(latency.p99);
    expect(timeline.reduce((sum, { writes }) => sum + writes, 0)).toBe(repeat!.writes);
    expect(verification.acknowledgedWrites).toBeGreaterThanOrEqual(repeat!.writes);
    expect(verification.appliedEntries).toBeGreaterThanOrEqual(verification.acknowledgedWrites);
    expect(verification.keysRead).toBeGreaterThan(0);
    for (const kind of ['writes', 'reads'] as const) {
      const log = new HistogramLogReader(await readFile(join(folder, 'results', 'first', `${kind}.hlog`), 'utf8'));
      expect(log.nextIntervalHistogram()?.totalCount).toBe(repeat![kind]);
    }
  });

  it('--workers: processes make the load together, which is one run like any, checked by what all of them wrote', async () => {
    const load = ['--workload', 'ycsb-f', '--keyspace', '300', '--clients', '5', '--throughput', '20'];
    const times = ['--time', '2s', '--warmup', '200ms', '--workers', '2', '--name', 'parts'];
    const { exitCode } = await bench([...ownData(), ...load, ...times]);
    expect(exitCode).toBe(0);
    const run = await resultOf('parts');
    expect(run.verdict).toMatchObject({ passed: true, verified: true });
    expect(run.settings.load).toMatchObject({ workload: 'ycsb-f', reads: 0.5, clients: 5, workers: 2 });
    const [repeat] = run.repeats;
    // All records were inserted before.
    expect(repeat!.verification.keysRead).toBe(300);
    expect(repeat!.generator).toMatchObject({ processes: 2, sentLateUs: { p99: expect.any(Number) } });
    // Of five clients two and three: what is due is what it would be of one process.
    expect(repeat!.issued + repeat!.dropped).toBe(200);
    expect(repeat!.timeline.reduce((sum, { reads, writes }) => sum + reads + writes, 0)).toBe(
      repeat!.reads + repeat!.writes,
    );
    expect(run.merged.serviceUs?.count).toBe(repeat!.reads + repeat!.writes);
  });

  it('--workers: a run of which a process is lost fails by its name, and leaves nothing', async () => {
    const load = ['--clients', '4', '--time', '60s', '--warmup', '0s', '--workers', '2', '--name', 'lost'];
    const kill = () => setTimeout(() => process.kill(workers()[1]!, 'SIGKILL'), 500);
    const { exitCode, err } = await bench([...ownData(), ...load], undefined, kill);
    expect(exitCode).toBe(1);
    expect(err).toMatch(/rkv-bench: worker 2 of 2 \(process \d+\) ended with SIGKILL \(measure\)/);
    expect(await readdir(join(folder, 'data'))).toEqual([]);
    await expect(resultOf('lost')).rejects.toThrow();
    expect(workers()).toEqual([]);
  });

  it('measures configurations in rounds, and says of a program beside itself how sure it is', async () => {
    const program = join(import.meta.dirname, '..', 'bin', 'rkvd');
    const load = ['--time', '500ms', '--warmup', '100ms', '--clients', '5', '--name', 'same', '--runs', '2'];
    const both = ['--rkvd', program, '--rkvd', relative(process.cwd(), program)];
    const { exitCode, out } = await bench([...both, ...ownData(), ...load, '--fail-if', 'failed > 0']);
    expect(exitCode).toBe(0);
    expect(out).toContain('same-gorums-rkvd2 beside same-gorums-rkvd1: 2 rounds, compared pair by pair.');
    const [one, other] = [await resultOf('same-gorums-rkvd1'), await resultOf('same-gorums-rkvd2')];
    expect(one.series).toEqual(other.series);
    expect([one, other].map(({ repeats }) => repeats.map(({ round }) => round))).toEqual([
      [0, 1],
      [0, 1],
    ]);
    // In the second round the other one comes first.
    const begun = (run: RunRecord, round: number) => run.repeats[round]!.startedAt;
    expect(begun(one, 0) < begun(other, 0)).toBe(true);
    expect(begun(other, 1) < begun(one, 1)).toBe(true);
    const compared = await runCompare('same-gorums-rkvd1', 'same-gorums-rkvd2', '--json');
    expect(JSON.parse(compared)).toMatchObject({ comparable: true, paired: true });
    // Four clusters come and go.
  }, 120_000);

  it('gives servers every setting that it takes, and has an axis of any', async () => {
    const words = `
      --no-batch --entriespermsg 7 --heartbeat 40ms --election 900ms --checkquorum --catchupmultiplier 300 --cache 77
      --maxgrpc 65536 --maxvalue 2048 --clientmemory 2097152 --maxconnections 99 --snapshotentries 30 --trailingentries 10
      --servermetrics --ordergorums both --clients 5 --time 300ms --warmup 100ms --name any --why`;
    const { exitCode, out } = await bench(['sweep', ...words.trim().split(/\s+/), ...ownData()]);
    expect(exitCode).toBe(0);
    expect(out).toContain('Where the time of writes went on the leader');
    for (const ordered of ['true', 'false']) {
      const { repeats, settings } = await readRun(join(folder, 'results', 'any', `gorums-ordergorums${ordered}`));
      expect(repeats[0]!.servers.map(({ effectiveSettings }) => effectiveSettings)).toEqual(
        Array(3).fill(
          expect.objectContaining({
            batch: 'false',
            heartbeatMs: '40',
            electionTimeoutMs: '900',
            checkQuorum: 'true',
            catchUpEntriesPerMessage: '2100',
            cacheEntries: '77',
            grpcMessageBytesMax: '65536',
            commandBytesMax: String(2048 + 4096),
            clientMemoryBytesMax: '2097152',
            connectionsMax: '99',
            snapshotEveryEntries: '30',
            trailingEntries: '10',
            orderedLinks: ordered,
          }),
        ),
      );
      expect(settings.cluster).toMatchObject({ flags: { servermetrics: 'true', maxgrpc: '65536' } });
    }
  }, 120_000);

  it('sweeps a grid, goes on where it was interrupted, and says what the settings do', async () => {
    const load = ['--time', '400ms', '--warmup', '100ms', '--clients', '20', '--name', 'grid', '--runs', '2'];
    const args = ['sweep', '--batch', 'both', ...ownData(), ...load, '--reason', 'what batching is good for'];
    const first = await bench(args, 'gorums-batch 1/2 (1 of 4, 18s left): measuring');
    expect(first.exitCode).toBe(130);
    expect(first.err).toContain('2 configurations in 2 rounds, about 18s in all');
    const { exitCode, out, err } = await bench(args);
    expect(exitCode).toBe(0);
    // The repeat that was cut short is measured again; what was whole is not.
    const measured = [...err.matchAll(/^gorums-\S+ \d\/2 \(\d of 4, [^)]*\): measuring/gm)];
    expect(measured.length).toBeGreaterThanOrEqual(3);
    const summary = JSON.parse(await readFile(join(folder, 'results', 'grid', 'summary.json'), 'utf8')) as SweepSummary;
    expect(summary).toMatchObject({ name: 'grid', why: 'what batching is good for', rounds: 2 });
    expect(summary.configurations.map(({ name, levels, rounds }) => [name, levels, rounds])).toEqual([
      ['gorums-batch', { batch: 'batch' }, 2],
      ['gorums-nobatch', { batch: 'nobatch' }, 2],
    ]);
    expect(summary.effects).toEqual([expect.stringMatching(/^batch: .* (\(×)/)]);
    expect(out).toContain('what batching is good for');
    const run = await readRun(join(folder, 'results', 'grid', 'gorums-batch'));
    expect([run.interrupted, run.repeats.map(({ round }) => round)]).toEqual([false, [0, 1]]);
    expect(run.merged.writes).toBe(run.repeats.reduce((sum, { writes }) => sum + writes, 0));
    expect(run.merged.writeLatencyUs.count).toBe(run.merged.writes);

    const again = await bench(args);
    expect(again.err).not.toContain('measuring');
    expect(again.exitCode, again.err).toBe(0);
    expect(again.out).toContain('what batching is good for');
    const other = await bench(args.map((each) => (each === '20' ? '30' : each)));
    expect([other.exitCode, other.err]).toEqual([1, expect.stringContaining('was measured with other settings: give')]);
    const compared: string[] = [];
    const terminal = { out: (text: string) => compared.push(text), json: () => {}, err: () => {} };
    const context = { terminal, progressStream: undefined, onInterrupt: () => () => {} };
    expect(await runCommand(['compare', join(folder, 'results', 'grid')], context)).toBe(0);
    expect(compared.join('\n')).toContain('gorums-nobatch beside gorums-batch: 2 rounds, compared pair by pair.');
  }, 180_000);

  it('writes what was measured when it is interrupted, and still proves it', async () => {
    const { exitCode } = await bench(
      [...ownData(), '--time', '60s', '--warmup', '0s', '--clients', '5', '--name', 'cut'],
      'measuring',
    );
    expect(exitCode).toBe(130);
    const run = await resultOf('cut');
    expect(run.interrupted).toBe(true);
    expect(run.repeats[0]!.windowMs).toBeLessThan(30_000);
    expect(run.verdict.verified).toBe(true);
    expect(await readdir(join(folder, 'data'))).toEqual([]);
  });

  it('measures a cluster that runs, prints JSON, and compares the runs', async () => {
    cluster = await startCluster({ nodes: 3, metrics: false, flags: { quiet: true } }, { name: 'bench-test' });
    const common = ['--cluster', cluster.addresses.join(','), '--time', '1s', '--warmup', '0s', '--json'];
    const closed = await bench([...common, '--clients', '5', '--name', 'closed']);
    expect(closed.exitCode).toBe(0);
    expect(closed.err).toContain('│ gorums ');
    const [printed] = JSON.parse(closed.out) as RunRecord[];
    expect(printed).toEqual(await resultOf('closed'));
    expect(printed!.verdict.verified).toBe(true);

    const open = await bench([...common, '--clients', '5', '--throughput', '20', '--rpc', 'unary', '--name', 'open']);
    expect(open.exitCode).toBe(0);
    const [repeat] = (await resultOf('open')).repeats;
    expect(repeat!.issued + repeat!.dropped).toBeLessThanOrEqual(101);
    await cluster.waitForLeader({ timeoutMs: 20_000 });

    const compared = await runCompare('closed', 'open', '--across', 'load');
    expect(compared).toMatch(/ratePerClient +│ +- │ +20 /);
    expect(compared).toMatch(/rpc +│ +stream │ +unary /);
  });
});

describe('a search', () => {
  it('probes servers until it knows, leaves what a grid leaves, and goes on by what is there', async () => {
    cluster = await startCluster({ nodes: 3, metrics: false, flags: { quiet: true } }, { name: 'bench-test' });
    const load = ['--cluster', cluster.addresses.join(','), '--clients', '4', '--time', '300ms', '--warmup', '0s'];
    const args = ['search', '--slo', 'failed<1', '--precision', '50%', ...load, '--name', 'limit', '--json'];
    const first = await bench(args, 'running-closed: checking');
    expect(first.exitCode).toBe(130);
    const { exitCode, out, err } = await bench(args);
    expect(exitCode, err).toBe(0);
    const summary = JSON.parse(out) as SweepSummary;
    // What these servers can do while tests run beside them is not what is tested here.
    const [limit] = summary.limits!;
    expect(limit).toMatchObject({ name: 'running', objective: 'failed<1' });
    expect(limit!.low ?? 0).toBeLessThan(limit!.high ?? Number.POSITIVE_INFINITY);
    expect(summary.configurations.map(({ name }) => name)).toContain(`running-r${limit!.low ?? limit!.high}`);
    const place = join(folder, 'results', 'limit');
    expect(await readdir(place)).toEqual(expect.arrayContaining(['running-closed', 'report.html', 'summary.json']));
    expect(await readFile(join(place, 'report.html'), 'utf8')).toContain('What was found');
    const again = await bench(args);
    expect([again.exitCode, again.err.includes('measuring'), again.out]).toEqual([0, false, out]);
  }, 120_000);

  it('wants to know what for', async () => {
    const { exitCode, err } = await bench(['search', '--clients', '4']);
    expect([exitCode, err]).toEqual([1, "rkv-bench: expected what to search for: --slo 'p99<10ms', or --knee"]);
    const other = await bench(['search', '--knee', '--throughput', '3']);
    expect(other.err).toBe('rkv-bench: --throughput: expected none: it is what a search finds');
  });
});

describe('a scenario', () => {
  it('is played on the servers while they are measured, who are sound afterwards, and how they got over it is told', async () => {
    const file = join(folder, 'story.yaml');
    const steps = [
      '{at: 1200ms, fault: kill, server: leader}',
      '{at: 2500ms, fault: slow-disk, server: leader, by: 20ms, for: 300ms}',
    ];
    const story = [
      'name: a short story',
      'origin: a test',
      'description: a leader is killed',
      'cluster: {election: 300ms}',
    ];
    await writeFile(file, [...story, 'steps:', ...steps.map((step) => `  - ${step}`), 'lasts: 3s'].join('\n'));
    const load = ['--clients', '5', '--throughput', '20', '--warmup', '200ms', '--name', 'story'];
    const { exitCode, out } = await bench(['--scenario', file, ...ownData(), ...load]);
    expect(exitCode).toBe(0);
    const { settings, repeats, verdict } = await resultOf('story');
    expect(verdict.verified).toBe(true);
    expect(settings.load.timeMs).toBe(3000);
    expect(settings.schedule).toMatchObject({
      name: 'a short story',
      file,
      steps: [{ at: '1200ms' }, { for: '300ms' }],
    });
    const { recovery, incidents } = repeats[0]!;
    expect(recovery!.faultAtMs).toBeGreaterThanOrEqual(1200);
    expect(recovery!.successorMs).toBeGreaterThan(100);
    expect(recovery!.detectMs).toBeLessThanOrEqual(recovery!.successorMs!);
    expect(recovery!.firstWriteMs).toBeGreaterThan(100);
    expect(incidents.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['step', 'down', 'leader', 'fault']));
    expect(out).toContain('Meanwhile: a short story.');
    expect(out).toMatch(/│ +│ detected, s │ another led, s │ first write, s │/);
  });
});

describe('an experiment', () => {
  it('is known by its name, takes options in place of its own, and leaves runs, a summary and a page', async () => {
    const changes = ['--throughput', '5', '--time', '400ms', '--warmup', '100ms', '--clients', '10', '--name', 'curve'];
    const { exitCode, out } = await bench([
      ...['experiment', 'latency-vs-throughput', '--quick', '--csv'],
      ...ownData(),
      ...changes,
    ]);
    expect(exitCode).toBe(0);
    expect(out).toContain('latency-vs-throughput (quick): what a request takes as more of them come');
    const place = join(folder, 'results', 'curve');
    expect(await readdir(place)).toEqual(expect.arrayContaining(['gorums', 'report.html', 'summary.json']));
    const summary = JSON.parse(await readFile(join(place, 'summary.json'), 'utf8')) as SweepSummary;
    expect(summary).toMatchObject({
      experiment: 'latency-vs-throughput',
      configurations: [{ name: 'gorums', rounds: 1 }],
    });
    const { settings } = await readRun(join(place, 'gorums'));
    expect(settings).toMatchObject({
      cluster: { servers: 3, heartbeat: '2ms' },
      load: { ratePerClient: 5, timeMs: 400 },
    });
  });
});

describe('incidents', () => {
  it('of a cluster that others run have their times: a leader that is killed is seen, and is carried into a comparison', async () => {
    const config = { nodes: 3, election: '300ms', metrics: false, flags: { quiet: true } } as const;
    cluster = await startCluster(config, { name: 'bench-test' });
    const former = await cluster.waitForLeader({ timeoutMs: 20_000 });
    const common = ['--cluster', cluster.addresses.join(','), '--clients', '5', '--throughput', '20', '--warmup', '0s'];
    const calm = await bench([...common, '--time', '300ms', '--name', 'calm']);
    expect(calm.exitCode).toBe(0);
    const { exitCode, out } = await bench([...common, '--time', '4s', '--name', 'hit'], undefined, () => {
      setTimeout(() => cluster!.kill(former), 1000);
    });
    expect(exitCode).toBe(0);
    const { incidents, timeline } = (await resultOf('hit')).repeats[0]!;
    const of = (kind: string) => incidents.find((each) => each.kind === kind);
    expect(of('down')).toMatchObject({ server: former, what: expect.stringContaining(`server ${former}`) });
    expect(of('leader')?.server).not.toBe(former);
    expect(of('leader')!.atMs).toBeGreaterThan(of('down')!.atMs!);
    expect(of('leader')!.atMs).toBeLessThan(1000 * timeline.length);
    expect(of('election')).toBeDefined();
    expect(out).toMatch(/^incidents at /m);
    const compared = await runCompare('calm', 'hit');
    expect(compared).toMatch(/incidents +│ +none │ +\d election/);
  });
});

async function runCompare(one: string, other: string, ...options: string[]): Promise<string> {
  const out: string[] = [];
  const places = [one, other].map((name) => join(folder, 'results', name));
  const exitCode = await runCommand(['compare', ...places, ...options], {
    terminal: { out: (text) => out.push(text), json: (value) => out.push(JSON.stringify(value)), err: () => {} },
    progressStream: undefined,
    onInterrupt: () => () => {},
  });
  expect(exitCode).toBe(0);
  return out.join('\n');
}

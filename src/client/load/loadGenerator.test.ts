import { afterEach, describe, expect, it } from 'vitest';
import { type ClientEnvironment, systemEnvironment } from '../environment.ts';
import { RkvClient } from '../rkvClient.ts';
import { TestCluster } from '../testing/testCluster.ts';
import { LatencyRecorder } from './latencyRecorder.ts';
import { type LoadOptions, openSessions, runLoad } from './loadGenerator.ts';
import { zipfWorkload } from './workload.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const each of open.splice(0).reverse()) each.close();
});

const workload = () => zipfWorkload({ keyspace: 100, zipfS: 1.1, zipfV: 4, payloadBytes: 16, seed: 1 });

async function setUp(clients: number, options: Partial<LoadOptions> = {}) {
  const cluster = await TestCluster.start(1);
  open.push({ close: () => cluster.stop() });
  const client = new RkvClient({ addresses: cluster.addresses, backoffMaxMs: 4 });
  open.push(client);
  const sessions = await openSessions(client, clients);
  const recorder = new LatencyRecorder();
  const run = (more: Partial<LoadOptions>) => {
    const base = { client, sessions, workload: workload(), pace: { kind: 'closed' }, sinks: [recorder] } as const;
    return runLoad({ ...base, ...options, ...more });
  };
  return { cluster, client, recorder, run };
}

/** The real event loop under a clock that the test moves by steps of the pacing timer. */
function steppedClock(stepMs: number): ClientEnvironment {
  let nowMs = 0;
  return {
    ...systemEnvironment,
    nowMs: () => nowMs,
    after: (_delayMs, turn) => {
      const timer = setImmediate(() => {
        nowMs += stepMs;
        turn();
      });
      return () => clearImmediate(timer);
    },
  };
}

describe('closed loop', () => {
  it('sends what each client may, one at a time', async () => {
    const { cluster, recorder, run } = await setUp(5);
    let open = 0;
    const summary = await run({ count: 40 });
    recorder.finish();
    expect(summary).toMatchObject({ issued: 200, completed: 200, failed: 0, dropped: 0 });
    expect(recorder.writes.totalCount).toBe(200);
    expect(cluster.applied.length).toBe(200);
    const last = new Map<number, number>();
    for (const { clientId, clientSeq } of cluster.applied) {
      expect(clientSeq).toBe((last.get(clientId) ?? 0) + 1);
      last.set(clientId, clientSeq);
      open = Math.max(open, clientSeq);
    }
    expect(open).toBe(40);
  });

  it('mixes reads in', async () => {
    const { cluster, recorder, run } = await setUp(10);
    await run({ count: 100, reads: 0.5 });
    recorder.finish();
    expect(recorder.reads.totalCount).toBeGreaterThan(400);
    expect(recorder.reads.totalCount + recorder.writes.totalCount).toBe(1000);
    expect(cluster.applied.length).toBe(recorder.writes.totalCount);
  });

  it('looks a key up before it inserts it where the workload says so: one request, which is a write', async () => {
    const { cluster, recorder, run } = await setUp(4);
    const asked: string[] = [];
    const keys: number[] = [];
    const inner = workload();
    const readsFirst = {
      ...inner,
      readsFirst: true,
      keyText: (key: number) => {
        asked.push(inner.keyText(key));
        return inner.keyText(key);
      },
      inserted: (key: number) => keys.push(key),
    };
    const summary = await run({ count: 50, workload: readsFirst });
    recorder.finish();
    expect(summary).toMatchObject({ issued: 200, completed: 200, failed: 0 });
    expect(recorder.writes.totalCount).toBe(200);
    expect(recorder.reads.totalCount).toBe(0);
    const written = cluster.applied.map(({ key }) => key);
    expect(written.sort()).toEqual(asked.sort());
    expect(keys.map(inner.keyText).sort()).toEqual(written);
  });

  it('ends after its duration and at a signal, with nothing left open', async () => {
    const { client, run } = await setUp(3);
    const timed = await run({ durationMs: 30 });
    expect(timed.completed).toBe(timed.issued);
    const controller = new AbortController();
    const running = run({ signal: controller.signal });
    controller.abort();
    const stopped = await running;
    expect(stopped.completed).toBe(stopped.issued);
    expect(client.pending).toBe(0);
    expect((await run({ signal: controller.signal })).issued).toBe(0);
    expect((await run({ count: 0 })).issued).toBe(0);
  });

  it('counts failures by kind and goes on', async () => {
    const { cluster, recorder, run } = await setUp(2);
    cluster.decide = (attempt) => (attempt === 10 ? 'silent' : 'apply');
    const summary = await run({ count: 20, timeoutMs: 60 });
    expect(summary).toMatchObject({ issued: 40, completed: 39, failed: 1 });
    expect([...recorder.failuresByKind]).toEqual([['timeout', 1]]);
  });

  it('gives a client whose session is gone another, and counts that', async () => {
    const { cluster, recorder, run } = await setUp(2);
    cluster.sessions.clear();
    const summary = await run({ count: 10 });
    expect(summary).toMatchObject({ completed: 18, failed: 2 });
    expect([...recorder.failuresByKind]).toEqual([['unknown-session', 2]]);
    expect(cluster.sessions.size).toBe(2);
  });

  it('ends when the client is closed', async () => {
    const { cluster, client, run } = await setUp(2);
    cluster.decide = () => 'silent';
    const running = run({});
    client.close();
    expect(await running).toMatchObject({ issued: 2, failed: 2 });
  });
});

describe('open loop', () => {
  it('keeps to the rate of each client', async () => {
    const { cluster, run } = await setUp(4);
    const environment = steppedClock(10);
    const summary = await run({
      pace: { kind: 'open', ratePerClient: 50 },
      durationMs: 990,
      environment,
      timeoutMs: Number.POSITIVE_INFINITY,
    });
    expect(summary).toMatchObject({ issued: 198, completed: 198, dropped: 0 });
    const perClient = new Map<number, number>();
    for (const { clientId } of cluster.applied) perClient.set(clientId, (perClient.get(clientId) ?? 0) + 1);
    expect([...perClient.values()].sort()).toEqual([49, 49, 50, 50]);
  });

  it('times a request from when it was due', async () => {
    const { run } = await setUp(1);
    const starts: number[] = [];
    const sink = {
      completed: (_read: boolean, fromMs: number) => {
        starts.push(fromMs);
      },
      failed: () => {},
      dropped: () => {},
    };
    // The clock jumps by 100 ms between two looks: the requests in between were due all along it.
    const summary = await run({
      pace: { kind: 'open', ratePerClient: 100 },
      count: 21,
      environment: steppedClock(100),
      sinks: [sink],
      timeoutMs: Number.POSITIVE_INFINITY,
    });
    expect(starts).toEqual(Array.from({ length: 21 }, (_, at) => at * 10));
    expect(summary.lagMsMax).toBe(90);
  });

  it('drops and counts what is due while too much is unanswered', async () => {
    const { cluster, recorder, run } = await setUp(2);
    cluster.decide = () => 'silent';
    const summary = await run({
      pace: { kind: 'open', ratePerClient: 1000 },
      count: 50,
      inFlightMax: 8,
      timeoutMs: 80,
    });
    expect(summary.issued + summary.dropped).toBe(100);
    expect(summary.dropped).toBeGreaterThan(50);
    expect(summary.failed).toBe(summary.issued);
    expect(recorder.droppedCount).toBe(summary.dropped);
  });
});

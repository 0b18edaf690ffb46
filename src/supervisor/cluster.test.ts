import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { ClusterConfig } from './config/schema.ts';
import type { ClusterEvent } from './events.ts';
import { type RunningCluster, type StartOptions, startCluster } from './launcher.ts';
import { identify, isRunning } from './process/identity.ts';

const fakeRkvd = fileURLToPath(new URL('./testing/fakeRkvd.mjs', import.meta.url));
const program = { file: process.execPath, args: [fakeRkvd] };

let cluster: RunningCluster | undefined;
/** Those that a cluster leaves because a test says so. */
const kept: string[] = [];
afterEach(async () => {
  await cluster?.stopNow();
  cluster = undefined;
  for (const folder of kept.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function start(config: ClusterConfig, options: StartOptions = {}): Promise<RunningCluster> {
  cluster = await startCluster(config, { program, readyTimeoutMs: 20_000, ...options });
  return cluster;
}

/** Listens to a cluster; `next` resolves with the first event of a type and server that has not been taken yet. */
function recorder() {
  const events: ClusterEvent[] = [];
  const waiting: (() => void)[] = [];
  const onEvent = (event: ClusterEvent): void => {
    events.push(event);
    for (const wake of waiting.splice(0)) wake();
  };
  const next = async (type: ClusterEvent['type'], id?: number): Promise<ClusterEvent> => {
    for (;;) {
      const found = events.findIndex(
        (event) => event.type === type && (!('id' in event) || id === undefined || event.id === id),
      );
      if (found >= 0) return events.splice(0, found + 1).at(-1)!;
      await new Promise<void>((wake) => waiting.push(wake));
    }
  };
  return { events, onEvent, next };
}

describe('startCluster', () => {
  it('comes up on free ports in a temporary folder, and leaves nothing behind', async () => {
    const running = await start({ nodes: 3, batch: false, flags: { maxgrpc: 4096 } });
    expect(await running.leader()).toBe(1);
    // Up means that a majority follows the leader; the third server may take a little longer.
    const rows = async () => (await running.status()).map(({ id, state, role, term }) => ({ id, state, role, term }));
    await expect.poll(rows, { timeout: 10_000 }).toEqual([
      { id: 1, state: 'running', role: 'leader', term: 2 },
      { id: 2, state: 'running', role: 'follower', term: 2 },
      { id: 3, state: 'running', role: 'follower', term: 2 },
    ]);
    expect(running.logs(2)[0]).toMatch(/fake rkvd -id=2 .*-batch=false .*-maxgrpc=4096 .*-recover=false/);
    expect(readFileSync(running.plan.servers[1]!.logFile, 'utf8')).toContain('fake rkvd -id=2');
    const processes = [...running.pids().values()].map(identify);
    expect(processes).toHaveLength(3);
    await running.stop();
    expect(processes.filter(isRunning)).toEqual([]);
    expect(existsSync(running.plan.directory)).toBe(false);
    expect(existsSync(dirname(running.plan.directory))).toBe(true);
  });

  it('fails at once, with its last lines, where a server ends before there is a leader', async () => {
    const { events, onEvent } = recorder();
    // Nobody leads, or on a slow machine the other two are a cluster before the third has ended.
    const environment = { FAKE_FAULTS: '{"2":"exit"}', FAKE_LEADER: '0' };
    const failing = start({ nodes: 3 }, { environment, onEvent });
    await expect(failing).rejects.toThrow(
      /^server 2 ended before there was a leader: exit code 1\nserver 2 printed last:\n(.*\n)* {4}fake failure of server 2/,
    );
    const started = events.filter((event) => event.type === 'started').length;
    const ended = events.filter((event) => event.type === 'ended' || event.type === 'crashed').length;
    expect(events.filter((event) => event.type === 'restarting')).toEqual([]);
    expect([started, ended]).toEqual([3, 3]);
  });

  it('fails with the last lines of every server where nobody is elected in time', async () => {
    const failing = async (readyTimeoutMs: number): Promise<string> => {
      const { message } = await start({ nodes: 2 }, { environment: { FAKE_LEADER: '0' }, readyTimeoutMs }).then(
        () => new Error('somebody was elected'),
        (error: Error) => error,
      );
      // On a busy machine they may not have printed anything by then.
      return message.includes('-id=2') || readyTimeoutMs > 10_000 ? message : failing(2 * readyTimeoutMs);
    };
    expect(await failing(700)).toMatch(
      /no leader within \d+ ms\nserver 1 printed last:\n.*-id=1.*\nserver 2 printed last:/,
    );
  });

  it('fails clearly where the program is not there', async () => {
    const failing = start({ nodes: 1 }, { program: { file: '/nowhere/rkvd', args: [] } });
    await expect(failing).rejects.toThrow(/server 1 ended before there was a leader: could not start: .*ENOENT/);
  });

  /** A cluster's folder with data, where all servers ended well. */
  async function withData(): Promise<string> {
    const first = await start({ nodes: 3 }, { keepData: true });
    await first.stop();
    kept.push(first.plan.directory);
    for (const { directory } of first.plan.servers) writeFileSync(join(directory, 'log'), '');
    return first.plan.directory;
  }

  it('ended where one server refused its data, so that nobody was left to bring it back', async () => {
    const { onEvent, next } = recorder();
    const datadir = await withData();
    const running = await start({ nodes: 3, datadir }, { environment: { FAKE_FAULTS: '{"3":"refuses"}' }, onEvent });
    expect(await next('refused', 3)).toMatchObject({ why: 'write 7 was promised' });
    expect((await running.status()).map(({ state }) => state)).toEqual(['running', 'running', 'stopped']);
    await running.rejoin(3, { timeoutMs: 20_000 });
    expect((await running.status())[2]).toMatchObject({ state: 'running', role: 'follower' });
  });

  it('fails at once where every server refuses its data', async () => {
    const datadir = await withData();
    const environment = { FAKE_FAULTS: '{"1":"refuses","2":"refuses","3":"refuses"}' };
    await expect(start({ nodes: 3, datadir }, { environment })).rejects.toThrow(
      /^server \d ended before there was a leader: refuses its data/,
    );
  });

  it('refuses the data of another backend', async () => {
    const first = await start({ nodes: 1 }, { keepData: true });
    const { directory: datadir } = first.plan;
    kept.push(datadir);
    await first.stop();
    await expect(start({ nodes: 1, datadir, backend: 'etcd' })).rejects.toThrow(
      /holds data of the gorums backend, not of etcd/,
    );
    await start({ nodes: 1, datadir, backend: 'etcd' }, { fresh: true });
  });
});

describe('a running cluster', () => {
  it('restarts a killed server from its data, later each time', async () => {
    const { onEvent, next } = recorder();
    const running = await start({ nodes: 3, restart: { firstDelay: '40ms', stableAfter: '1h' } }, { onEvent });
    for (const delayMs of [40, 80]) {
      running.kill(3);
      expect(await next('crashed', 3)).toMatchObject({ exit: { signal: 'SIGKILL' } });
      expect(await next('restarting', 3)).toMatchObject({ delayMs });
      expect((await running.status())[2]).toMatchObject({ state: 'restarting', role: undefined });
      expect(await next('started', 3)).toMatchObject({ from: 'data' });
    }
    expect((await running.status())[2]).toMatchObject({ state: 'running', restarts: 2, lastExit: 'signal SIGKILL' });
  });

  it('leaves a server stopped that ended well, or was killed for good, until it is restarted', async () => {
    const { onEvent, next } = recorder();
    const running = await start({ nodes: 2, restart: { firstDelay: '1ms' } }, { onEvent });
    running.kill(2, 'SIGTERM');
    await next('ended', 2);
    expect((await running.status())[1]).toMatchObject({ state: 'stopped', pid: undefined });
    expect(() => running.kill(2)).toThrow('server 2 does not run');
    await running.restart(2);
    await next('started', 2);
    running.kill(2, 'SIGKILL', { restart: false });
    await next('crashed', 2);
    expect((await running.status())[1]).toMatchObject({ state: 'stopped' });
    expect(() => running.kill(9)).toThrow('no server 9: expected one of 1, 2');
  });

  it('leaves a server stopped that refuses its data, and says so', async () => {
    const { events, onEvent, next } = recorder();
    const environment = { FAKE_FAULTS: '{"3":"refuses"}' };
    const running = await start({ nodes: 3, restart: { firstDelay: '1ms' } }, { environment, onEvent });
    running.kill(3);
    await next('restarting', 3);
    expect(await next('refused', 3)).toMatchObject({ why: 'write 7 was promised' });
    const lastExit = 'refuses its data: see its log, rkv-cluster rejoin';
    expect((await running.status())[2]).toMatchObject({ state: 'stopped', lastExit });
    expect(events.filter((event) => event.type === 'restarting')).toEqual([]);
    await running.rejoin(3, { timeoutMs: 20_000 });
    expect(await next('started', 3)).toMatchObject({ from: 'others' });
    expect((await running.status())[2]).toMatchObject({ state: 'running', role: 'follower' });
    expect(running.logs(3).at(-1)).toMatch(/ -rejoin=true$/);
    // Only once: its data are its own again.
    running.kill(3);
    expect(await next('started', 3)).toMatchObject({ from: 'data' });
  });

  it('says why a server did not rejoin', async () => {
    const running = await start({ nodes: 3 }, { environment: { FAKE_FAULTS: '{"2":"ends on rejoin","3":"waits"}' } });
    await expect(running.rejoin(2, { timeoutMs: 20_000 })).rejects.toThrow(
      /^server 2 ended before it took part: exit code 1\nserver 2 printed last:\n(.*\n)*.*nobody leads/,
    );
    await expect(running.rejoin(3, { timeoutMs: 6000 })).rejects.toThrow(
      'server 3 goes on trying, but after 6000 ms it does not take part yet: it waits for a leader',
    );
    expect((await running.status())[2]).toMatchObject({ state: 'running' });
    await expect(running.rejoin(9, { timeoutMs: 500 })).rejects.toThrow('no server 9');
  });

  it('pauses and resumes a server', async () => {
    const running = await start({ nodes: 2 });
    running.pause(2);
    expect((await running.status())[1]).toMatchObject({ state: 'paused', role: undefined });
    expect(() => running.pause(2)).toThrow(/paused already/);
    running.resume(2);
    expect((await running.status())[1]).toMatchObject({ state: 'running' });
    expect(() => running.resume(2)).toThrow('server 2 is not paused');
  });

  it('never started again whose process was still ending when its kill was over', async () => {
    const { events, onEvent, next } = recorder();
    const running = await start({ nodes: 2 }, { environment: { FAKE_FAULTS: '{"2":"slow"}' }, onEvent });
    const kill = { what: { kind: 'kill', targets: '2', signal: 'SIGTERM', restart: true }, forMs: 20 } as const;
    await running.faults.begin(kill);
    await next('fault-ended');
    expect((await running.status())[1]).toMatchObject({ state: 'running', restarts: 0 });
    expect(await next('ended', 2)).toMatchObject({ exit: { code: 0 } });
    expect(await next('started', 2)).toMatchObject({ from: 'data' });
    // It takes signals by now.
    await expect.poll(async () => (await running.status())[1]!.role, { timeout: 10_000 }).toBe('follower');

    await running.faults.begin(kill);
    await next('fault-ended');
    // Whoever wants it to stay down has the last word.
    await running.stopServer(2);
    await next('ended', 2);
    expect((await running.status())[1]).toMatchObject({ state: 'stopped', held: true });
    expect(events.filter(({ type }) => type === 'started')).toEqual([]);
  });

  it('killed some for ever where another one of those that were to be killed did not run', async () => {
    const { events, onEvent, next } = recorder();
    const running = await start({ nodes: 2 }, { onEvent });
    await running.stopServer(2);
    await next('ended', 2);
    const before = running.pids();
    const what = { kind: 'kill', targets: 'all', signal: 'SIGKILL', restart: true } as const;
    await expect(running.faults.begin({ what, forMs: 20 })).rejects.toThrow('server 2 does not run');
    await expect(running.faults.begin({ what: { kind: 'pause', targets: 'all' } })).rejects.toThrow(
      'server 2 does not run, or is paused already',
    );
    expect([running.pids(), running.faults.list(), events]).toEqual([before, [], []]);
  });

  it('ends servers that ignore signals, and paused ones', async () => {
    const running = await start(
      { nodes: 4 },
      {
        environment: { FAKE_FAULTS: '{"2":"deaf","3":"stubborn"}' },
        grace: { interruptMs: 150, terminateMs: 150 },
      },
    );
    const processes = [...running.pids().values()].map(identify);
    running.pause(4);
    await running.stop();
    expect(processes.filter(isRunning)).toEqual([]);
    expect((await running.status()).map((report) => report.lastExit)).toEqual([
      'exit code 0',
      'exit code 0',
      'signal SIGKILL',
      'exit code 0',
    ]);
  });
});

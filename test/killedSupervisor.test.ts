import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Program, runProgram } from '../src/chaos/cycles/programs.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import type { FaultRequest } from '../src/faults/requests/faultRequest.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { askSupervisor } from '../src/supervisor/control/client.ts';
import type { ControlRequest } from '../src/supervisor/control/protocol.ts';
import { controlPath } from '../src/supervisor/control/stateFile.ts';
import { isPortFree } from '../src/supervisor/process/freePorts.ts';
import { identify, isRunning, serversThatRun } from '../src/supervisor/process/identity.ts';
import type { ClusterStatus } from '../src/supervisor/up.ts';

/** For what takes as long as a loaded machine lets it. */
const BUSY_MS = 600_000;
const ENDING_MS_MAX = 20_000;
/** A line of what happens, as `up` prints it. */
const EVENT = /^\d\d:\d\d:\d\d\.\d{3} (.*)$/gm;

let folder: string;
let data: string;
let place: { readonly folder: string; readonly environment: Record<string, string> };
let supervisor: Program | undefined;
let written = 0;
let addresses: readonly string[];

ownFolder('killed', (made) => {
  folder = made;
});
beforeEach(() => {
  const environment = { TMPDIR: join(folder, 'tmp') };
  mkdirSync(environment.TMPDIR);
  place = { folder, environment };
  data = join(folder, 'rkv-data', 'pair');
  written = 0;
  const settings = ['nodes: 2', 'basePort: 0', 'backend: etcd', 'election: 300ms', 'metrics: false'];
  writeFileSync(join(folder, 'pair.yaml'), `${settings.join('\n')}\n`);
});
afterEach(async () => {
  supervisor?.kill('SIGKILL');
  await supervisor?.ended;
  supervisor = undefined;
});

const command = (...args: string[]) => runProgram('rkv-cluster', args, place);
const begin = (): Program => {
  supervisor = new Program('rkv-cluster', ['up', 'pair.yaml'], place);
  return supervisor;
};

const ask = (request: ControlRequest) => askSupervisor(controlPath(data), request, 10_000);
const status = async () => (await ask({ command: 'status' })) as ClusterStatus;

/** As a client does. */
async function asClient<T>(work: (client: RkvClient) => Promise<T>): Promise<T> {
  const client = new RkvClient({ addresses, timeoutMs: 60_000 });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const put = (key: string, value: string) => asClient(async (client) => (await client.openSession()).insert(key, value));
const get = (key: string) => asClient((client) => client.lookup(key));

/** Comes up, has what was written, has no faults, and takes a write more. */
async function comesUp(after: string): Promise<Program> {
  const up = begin();
  if (!(await up.bringsUp(data))) throw new Error(`after ${after} it did not come up:\n${up.out}${up.err}`);
  const { servers, faults } = await status();
  expect(faults, after).toEqual([]);
  expect(
    servers.map(({ state }) => state),
    after,
  ).toEqual(['running', 'running']);
  addresses = servers.map(({ address }) => address);
  for (let count = 1; count <= written; count++) expect(await get(`k${count}`), after).toBe(String(count));
  written++;
  await put(`k${written}`, String(written));
  return up;
}

const serversLeft = () => serversThatRun([1, 2].map((id) => join(data, `server-${id}`)));

async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + ENDING_MS_MAX;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`${what}: not within ${ENDING_MS_MAX} ms`);
    await pause(20);
  }
}

const events = ({ out }: Program): string[] => [...out.matchAll(EVENT)].map(([, text]) => text!);

/** Kills it as soon as it has told so many events; false where it ended before. */
async function killAfter(program: Program, count: number): Promise<boolean> {
  let hasEnded = false;
  void program.ended.then(() => {
    hasEnded = true;
  });
  while (events(program).length < count) {
    if (hasEnded) return false;
    await nextTurn();
  }
  program.kill('SIGKILL');
  return (await program.ended).code === null;
}

/** That nothing is left of it but its data. */
async function leavesNothing(): Promise<void> {
  expect(serversLeft()).toEqual([]);
  for (const address of addresses) expect(await isPortFree(Number(address.split(':')[1]))).toBe(true);
  expect(readdirSync(place.environment.TMPDIR!)).toEqual([`rkv-${process.geteuid!()}`]);
  const left = readdirSync(data).filter((name) => !/^server-\d$/.test(name));
  expect(left.sort()).toEqual(['cluster.json', 'logs']);
}

it(
  'may be killed at each step of `up`: the next one has all that was written',
  async () => {
    for (const name of ['supervisor.json', 'control.sock', 'cluster.json', 'server-1']) {
      const program = begin();
      let hasEnded = false;
      void program.ended.then(() => {
        hasEnded = true;
      });
      while (!existsSync(join(data, name)) && !hasEnded) await nextTurn();
      expect(hasEnded, program.err).toBe(false);
      program.kill('SIGKILL');
      await program.ended;
    }
    let steps: readonly string[] = [];
    for (let count = 1; count === 1 || count <= steps.length; count++) {
      const up = await comesUp(steps[count - 2] ?? 'a file appeared');
      steps = events(up);
      expect(steps[0]).toMatch(/^supervisor \(pid \d+\) begins with pair \(etcd\)$/);
      expect(steps.filter((step) => /^server \d started/.test(step))).toHaveLength(2);
      up.kill('SIGTERM');
      await up.ended;
      const begins = begin();
      expect(await killAfter(begins, count)).toBe(true);
      await until('the servers ended', () => serversLeft().length === 0);
    }
    const last = await comesUp(steps.at(-1)!);
    expect((await command('down')).code).toBe(0);
    await last.ended;
    await leavesNothing();
  },
  BUSY_MS,
);

it(
  'may be killed at each step of a fault: no fault is left, whatever it was',
  async () => {
    const cut = { to: true, from: true, trouble: { kind: 'cut' } } as const;
    // With how many of its events are gone through.
    const faults: readonly (readonly [FaultRequest, number])[] = [
      [{ what: { kind: 'link', targets: 'leader', ...cut }, forMs: 300 }, 2],
      [{ what: { kind: 'pause', targets: 'follower' }, forMs: 300 }, 3],
      [{ what: { kind: 'kill', targets: 'leader', signal: 'SIGKILL', restart: true }, forMs: 300 }, 2],
      [{ what: { kind: 'stalled-disk', targets: 'leader' } }, 1],
    ];
    let after = 'nothing';
    for (const [fault, steps] of faults) {
      for (let more = 1; more <= steps; more++) {
        const up = await comesUp(after);
        const before = events(up).length;
        // It does not live to answer, mostly.
        const asked = ask({ command: 'fault', fault }).catch(() => {});
        expect(await killAfter(up, before + more)).toBe(true);
        after = `${fault.what.kind}, ${events(up).at(-1)}`;
        await asked;
        await until('the servers ended', () => serversLeft().length === 0);
      }
    }
    const last = await comesUp(after);
    last.kill('SIGINT');
    expect(await last.ended).toMatchObject({ code: 0 });
    await leavesNothing();
  },
  BUSY_MS,
);

it(
  'may be killed at each step of `down`',
  async () => {
    let after = 'nothing';
    for (let more = 1; ; more++) {
      const up = await comesUp(after);
      const before = events(up).length;
      const down = command('down');
      const isKilled = await killAfter(up, before + more);
      const ended = await down;
      after = events(up).at(-1)!;
      if (!isKilled || after === 'stopped') break;
      expect(ended.code).toBe(1);
      await until('the servers ended', () => serversLeft().length === 0);
    }
    const last = await comesUp(after);
    const steps = events(last).length;
    expect((await command('down')).code).toBe(0);
    await last.ended;
    // Leadership goes first, then the servers, one by one.
    expect(events(last).slice(steps, steps + 2)).toEqual([
      expect.stringMatching(/^server \d handed leadership over to server \d$/),
      'stopping',
    ]);
    await leavesNothing();
  },
  BUSY_MS,
);

it(
  'may be killed in the middle of an addition: the status shows where it stands, and the same again ends it',
  async () => {
    // While the first one is started again to learn the address, and once all know it; then never.
    for (const more of [3, 1, undefined]) {
      const up = begin();
      expect(await up.bringsUp(data), up.out + up.err).toBe(true);
      const added = (await status()).servers[2];
      expect(added?.membership).toBe(more === 3 ? undefined : 'joining');
      const before = events(up).length;
      const add = command('add', '3');
      if (more === undefined) {
        expect((await add).code).toBe(0);
        const { servers } = await status();
        expect(servers.find(({ role }) => role === 'leader')?.voters).toEqual([1, 2, 3]);
        expect(servers[2]?.membership).toBe('member');
        up.kill('SIGINT');
        await up.ended;
      } else {
        expect(await killAfter(up, before + more)).toBe(true);
        expect((await add).code).toBe(1);
      }
    }
  },
  BUSY_MS,
);

it(
  'takes its servers with it where it was detached, too',
  async () => {
    try {
      expect((await command('up', 'pair.yaml', '--detach')).code).toBe(0);
      const first = await status();
      addresses = first.servers.map(({ address }) => address);
      await put('a', '1');
      const killed = identify(first.pid);
      process.kill(first.pid, 'SIGKILL');
      await until('the supervisor ended', () => !isRunning(killed));
      expect(await command('status')).toMatchObject({ code: 1, err: expect.stringContaining('no cluster runs in') });
      // At once: it waits for those that still end.
      expect((await command('up', 'pair.yaml', '--detach')).code).toBe(0);
      expect(await get('a')).toBe('1');
      const second = await status();
      expect(second.servers.filter(({ pid }) => first.servers.some((before) => before.pid === pid))).toEqual([]);
    } finally {
      await command('down');
    }
    expect(serversLeft()).toEqual([]);
  },
  BUSY_MS,
);

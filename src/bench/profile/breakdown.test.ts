import { describe, expect, it } from 'vitest';
import { packagePath } from '../../cli/packagePath.ts';
import { breakdownOf, together } from './breakdown.ts';
import { Modules } from './modules.ts';
import { SERVER_STAGES } from './stages.ts';
import { frame, sampleProfile } from './testing/sampleProfile.ts';
import { POOL_THREADS, PROFILER_THREADS, type ThreadTime, threadKind, V8_THREADS } from './threadTimes.ts';

const PID = 100;
const own = (path: string) => packagePath('dist', ...path.split('/'));
const write = [frame('writeBuffer', ''), frame('handleWriteReq', 'node:internal/stream_base_commons')];
const profile = sampleProfile(0, [
  [
    [...write, frame('flush', own('server/transport/peerLink.js')), frame('processTimers', 'node:internal/timers')],
    [1, 2],
  ],
  [[...write, frame('flush', own('net/http2/outbox.js'))], [3]],
  [[frame('copy', 'node:buffer'), frame('apply', own('server/stateMachine/keyValueStore.js'))], [4]],
  [[frame('(garbage collector)', ''), frame('apply', own('server/stateMachine/keyValueStore.js'))], [5]],
  [[frame('(program)', '')], [6]],
  [[frame('f', 'file:///elsewhere.js')], [7]],
  [[frame('(idle)', '')], [8, 9, 10]],
  [[frame('late', own('server/server.js'))], [99]],
]);
const thread = (name: string, cpuUs: number, waitedUs = 0): ThreadTime => ({ name, cpuUs, waitedUs });
const times = (cpuUs: number): Map<number, ThreadTime> =>
  new Map([
    [PID, thread('rkvd', 1000 + cpuUs, 50 + cpuUs / 10)],
    [101, thread('node', cpuUs)],
    [108, thread('node', 2 * cpuUs)],
    [109, thread('rkvd', 0)],
    [110, thread('libuv-worker', cpuUs)],
    [111, thread('v8:ProfEvntProc', cpuUs)],
  ]);
const process = { pid: PID, profile, fromUs: 0, toUs: 50, before: times(0), after: times(700) };

describe('a breakdown', () => {
  const breakdown = breakdownOf(process, SERVER_STAGES, new Modules());

  it('shares out the time of the main thread by the looks that found it running in the window', () => {
    expect(Object.fromEntries(breakdown.stages)).toEqual({
      'socket writes to peers': 200,
      'socket writes to clients': 100,
      apply: 100,
      'garbage collection, main thread': 100,
      'outside functions: reading sockets, polling, the kernel': 100,
      other: 100,
    });
    expect(breakdown).toMatchObject({ looks: 7, waitedUs: 70, cpuUs: 700 * 6 });
  });

  it('tells packages by the innermost function, native ones by who called them', () => {
    expect(Object.fromEntries(breakdown.packages)).toEqual({
      'native, called by node:internal/stream_base_commons': 300,
      'node:buffer': 100,
      'garbage collection, main thread': 100,
      'outside functions: reading sockets, polling, the kernel': 100,
      '/elsewhere.js': 100,
    });
  });

  it('tells other threads by their names, and where they have none by their age', () => {
    expect(Object.fromEntries(breakdown.otherThreads)).toEqual({
      [V8_THREADS]: 3 * 700,
      [POOL_THREADS]: 700,
      [PROFILER_THREADS]: 700,
    });
  });

  it('adds up with others', () => {
    const both = together([breakdown, breakdown]);
    expect(both).toMatchObject({ looks: 14, waitedUs: 140, cpuUs: 700 * 12 });
    expect(both.stages.get('apply')).toBe(200);
    expect(together([]).cpuUs).toBe(0);
  });
});

it('takes a thread without a name for one of libuv’s pool where Node.js has begun its own before it', () => {
  expect([1, 6, 7, 12].map((older) => threadKind('node', older))).toEqual([
    V8_THREADS,
    V8_THREADS,
    POOL_THREADS,
    POOL_THREADS,
  ]);
  expect(threadKind('node-V8Worker', 9)).toBe(V8_THREADS);
});

import { beforeEach, describe, expect, it } from 'vitest';
import { eventRecord } from '../../supervisor/eventLog.ts';
import { INCIDENTS_MAX, IncidentLog } from './incidentLog.ts';
import { LeaderWatch, type WatchedServer } from './leaderWatch.ts';
import { StallWatch } from './stallWatch.ts';
import { SupervisorEvents } from './supervisorEvents.ts';

let log: IncidentLog;
beforeEach(() => {
  log = new IncidentLog();
});

const told = (startedMs = 0) =>
  log.since(startedMs).map(({ kind, atMs, untilMs, server, what }) => [kind, atMs, untilMs, server, what]);

const away = { role: undefined, term: undefined, leader: undefined, commitIndex: undefined, appliedIndex: undefined };

/** Servers 1, 2 and 3 in a term, of whom those in `silent` do not answer; server n runs as process 10 n unless `pids` says otherwise. */
function servers(term: number, leader: number, silent: number[] = [], pids: Record<number, number> = {}) {
  return [1, 2, 3].map((id): WatchedServer => {
    if (silent.includes(id)) return { id, ...away, voters: undefined, pid: undefined };
    const role = id === leader ? 'leader' : 'follower';
    const pid = pids[id] ?? 10 * id;
    return { id, role, term, leader, commitIndex: 1, appliedIndex: 1, voters: [1, 2, 3], pid };
  });
}

describe('a log of incidents', () => {
  it('counts times from when the load began, in order', () => {
    log.add({ kind: 'notice', atMs: 1500, server: null, what: 'late' });
    const fault = log.add({ kind: 'fault', atMs: 900, server: null, what: 'early' });
    fault.end(1200);
    fault.end(1300);
    expect(told(1000)).toEqual([
      ['fault', -100, 200, null, 'early'],
      ['notice', 500, null, null, 'late'],
    ]);
  });

  it('is bounded, and says so', () => {
    for (let at = 0; at < INCIDENTS_MAX + 3; at++) log.add({ kind: 'election', atMs: at, server: null, what: 'x' });
    expect(told()).toHaveLength(INCIDENTS_MAX + 1);
    expect(told().at(-1)).toEqual(['notice', INCIDENTS_MAX, null, null, '3 more incidents, of which nothing was kept']);
  });
});

describe('LeaderWatch', () => {
  it('has nothing to tell of a cluster in which nothing happens', () => {
    const watch = new LeaderWatch(log);
    for (const atMs of [0, 100, 200]) watch.look(atMs, servers(2, 1));
    expect(told()).toEqual([]);
  });

  it('tells of a leader that dies: the time without one, the election, and who leads then', () => {
    const watch = new LeaderWatch(log);
    watch.look(0, servers(2, 1));
    watch.ended(50, 1, 'server 1 crashed');
    watch.look(100, servers(2, 1, [1]));
    watch.look(1200, servers(4, 3, [1]));
    watch.look(2000, servers(4, 3, [], { 1: 11 }));
    expect(told()).toEqual([
      ['down', 50, 2000, 1, 'server 1 crashed'],
      ['leaderless', 100, 1200, null, 'no server led'],
      ['election', 1200, null, null, 'elections: terms 3 to 4'],
      ['leader', 1200, null, 3, 'server 3 leads in term 4 (before: server 1, term 2)'],
    ]);
  });

  it('is not deceived by an answer that a process gave before it ended', () => {
    const watch = new LeaderWatch(log);
    watch.look(0, servers(2, 1));
    watch.ended(50, 3, 'server 3 crashed');
    watch.look(60, servers(2, 1));
    watch.look(100, servers(2, 1, [3]));
    watch.look(900, servers(2, 1, [], { 3: 31 }));
    expect(told()).toEqual([['down', 50, 900, 3, 'server 3 crashed']]);
  });

  it('takes a late word on why a server was away, and knows another end from that', () => {
    const watch = new LeaderWatch(log);
    watch.look(0, servers(2, 1));
    watch.look(5000, servers(2, 1, [3]));
    watch.look(6000, servers(2, 1, [], { 3: 31 }));
    watch.ended(4990, 3, 'server 3 crashed');
    watch.ended(9000, 3, 'server 3 crashed again');
    expect(told()).toEqual([
      ['down', 5000, 6000, 3, 'server 3 crashed'],
      ['down', 9000, null, 3, 'server 3 crashed again'],
    ]);
  });

  it('sees from outside that a server was silent, or is another process', () => {
    const watch = new LeaderWatch(log);
    watch.look(0, servers(2, 1));
    watch.look(100, servers(2, 1, [2]));
    watch.look(300, servers(2, 1));
    watch.look(400, servers(2, 1, [], { 2: 99 }));
    expect(told()).toEqual([
      ['down', 100, 300, 2, 'server 2 does not answer'],
      ['down', 300, 400, 2, 'server 2 was started again'],
    ]);
  });
});

describe('StallWatch', () => {
  let nowMs = 0;
  const watch = (distanceMs = 0) => new StallWatch(log, distanceMs, () => nowMs);
  const issue = (one: StallWatch, atMs: number) => {
    nowMs = atMs;
    one.issued();
  };

  it('tells of a time in which requests waited and none was answered', () => {
    const one = watch();
    issue(one, 0);
    issue(one, 10);
    one.completed(false, 0, 20);
    one.completed(false, 10, 1020);
    expect(told()).toEqual([['stall', 20, 1020, null, 'no request was answered for 1.00 s']]);
  });

  it('does not take a time without requests for one', () => {
    const one = watch();
    issue(one, 0);
    one.completed(false, 0, 1);
    issue(one, 5000);
    one.completed(false, 5000, 5001);
    one.finish();
    expect(told()).toEqual([]);
  });

  it('goes on through requests that fail, and has an end where no answer comes', () => {
    const one = watch();
    issue(one, 0);
    one.failed(false, 'timeout', 0, 10_000);
    issue(one, 10_000);
    one.failed(false, 'timeout', 10_000, 20_000);
    one.finish();
    expect(told()).toEqual([['stall', 0, 20_000, null, 'no request was answered for 20.00 s']]);
  });

  it('says while requests wait that it may become one', () => {
    const one = watch();
    expect(one.isStalling(5000)).toBe(false);
    issue(one, 5000);
    expect([5050, 5101].map((atMs) => one.isStalling(atMs))).toEqual([false, true]);
    one.completed(false, 5000, 5110);
    expect(one.isStalling(9000)).toBe(false);
  });

  it('allows for the distance', () => {
    const one = watch(100);
    issue(one, 0);
    one.completed(false, 0, 450);
    expect(told()).toEqual([]);
  });
});

describe('SupervisorEvents', () => {
  it('tells of faults with their length, of ends of processes, and of what an operator did', () => {
    const watch = new LeaderWatch(log);
    watch.look(0, servers(2, 1));
    const events = new SupervisorEvents(log, watch);
    const happened = (event: Parameters<typeof eventRecord>[0], atMs: number) =>
      events.happened(eventRecord(event, 0), atMs);
    happened({ type: 'fault-began', id: 7, what: 'server 1 is cut off', forMs: 400, atMs: 0 }, 100);
    happened({ type: 'fault-ended', id: 7, what: 'server 1 is cut off', why: 'time', atMs: 0 }, 500);
    happened({ type: 'transferred', from: 1, to: 2 }, 600);
    const exit = { code: null, signal: 'SIGKILL', spawnError: undefined } as const;
    happened({ type: 'crashed', id: 3, pid: 30, exit }, 700);
    happened({ type: 'restarting', id: 3, delayMs: 500, crashes: 1 }, 701);
    expect(told()).toEqual([
      ['fault', 100, 500, null, 'server 1 is cut off'],
      ['step', 600, null, null, 'server 1 handed leadership over to server 2'],
      ['down', 700, null, 3, 'server 3 (pid 30) crashed: signal SIGKILL'],
    ]);
  });
});

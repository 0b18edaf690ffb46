import { describe, expect, it } from 'vitest';
import { findLeader } from '../scenarios/samples.ts';
import type { ServerReport } from './cluster.ts';
import { renderStatus, statusExitCode } from './statusTable.ts';

function report(id: number, about: Partial<ServerReport>): ServerReport {
  const nothing = { pid: undefined, restartInMs: undefined, lastExit: undefined, role: undefined, term: undefined };
  const unknown = { leader: undefined, commitIndex: undefined, appliedIndex: undefined, voters: undefined };
  const rest = { metricsAddress: undefined, settings: undefined, restarts: 0, state: 'stopped' } as const;
  const asPlanned = { held: false, membership: undefined };
  return { id, address: `127.0.0.1:920${id}`, ...nothing, ...unknown, ...rest, ...asPlanned, ...about };
}

describe('renderStatus', () => {
  it('draws a row for every server, whatever it is doing', () => {
    const table = renderStatus([
      report(1, {
        state: 'running',
        pid: 71,
        role: 'leader',
        term: 3,
        commitIndex: 12,
        metricsAddress: 'http://x:5901',
      }),
      report(2, { state: 'running', pid: 72 }),
      report(3, { state: 'restarting', restartInMs: 2040 }),
      report(4, { state: 'paused', pid: 74 }),
      report(5, { lastExit: 'exit code 0' }),
      report(6, {}),
      report(7, { held: true, lastExit: 'exit code 0' }),
      report(8, { held: true, membership: 'removed' }),
      report(9, { state: 'running', pid: 79, membership: 'joining' }),
    ]);
    expect(`\n${table}\n`).toBe(`
┌────┬─────┬────────────────┬────────────────────────┬──────┬──────────────┬───────────────┐
│ id │ pid │ address        │ role                   │ term │ commit index │ metrics       │
├────┼─────┼────────────────┼────────────────────────┼──────┼──────────────┼───────────────┤
│  1 │  71 │ 127.0.0.1:9201 │ leader                 │    3 │           12 │ http://x:5901 │
│  2 │  72 │ 127.0.0.1:9202 │ no answer              │    - │            - │ -             │
│  3 │   - │ 127.0.0.1:9203 │ restarting in 2 s      │    - │            - │ -             │
│  4 │  74 │ 127.0.0.1:9204 │ paused                 │    - │            - │ -             │
│  5 │   - │ 127.0.0.1:9205 │ down (exit code 0)     │    - │            - │ -             │
│  6 │   - │ 127.0.0.1:9206 │ down                   │    - │            - │ -             │
│  7 │   - │ 127.0.0.1:9207 │ stopped                │    - │            - │ -             │
│  8 │   - │ 127.0.0.1:9208 │ removed                │    - │            - │ -             │
│  9 │  79 │ 127.0.0.1:9209 │ no answer, being added │    - │            - │ -             │
└────┴─────┴────────────────┴────────────────────────┴──────┴──────────────┴───────────────┘
`);
  });
});

describe('statusExitCode', () => {
  const one = (id: number, role: string | undefined, term: number | undefined) =>
    report(id, { role, term, leader: 1, voters: [1, 2, 3] });
  const leader = one(1, 'leader', 2);

  it.each([
    ['all take part', [leader, one(2, 'follower', 2), one(3, 'candidate', 3)], 0],
    [
      'one that is no member is away',
      [leader, one(2, 'follower', 2), one(3, 'follower', 2), one(4, undefined, undefined)],
      0,
    ],
    ['a member does not answer', [leader, one(2, 'follower', 2), one(3, undefined, undefined)], 3],
    ['a member does not take part yet', [leader, one(2, 'follower', 2), one(3, 'passive', 0)], 3],
    ['nobody leads', [one(1, 'candidate', 3), one(2, 'follower', 2), one(3, 'follower', 2)], 1],
    ['nobody follows', [leader, one(2, undefined, undefined), one(3, undefined, undefined)], 1],
  ])('%s', (_, reports, code) => {
    expect(statusExitCode(reports)).toBe(code);
  });
});

describe('findLeader', () => {
  const voters = [1, 2, 3];
  const leader = (id: number, term: number): ServerReport => report(id, { role: 'leader', term, leader: id, voters });
  const follower = (id: number, term: number, of: number): ServerReport =>
    report(id, { role: 'follower', term, leader: of, voters });

  it('takes the leader that a majority follows', () => {
    expect(findLeader([leader(1, 2), follower(2, 2, 1), report(3, {})])?.id).toBe(1);
  });

  it('takes nobody whom a majority does not follow', () => {
    expect(findLeader([leader(1, 2), follower(2, 1, 1), follower(3, 2, 0)])).toBeUndefined();
    expect(findLeader([follower(1, 2, 3), follower(2, 2, 3), report(3, {})])).toBeUndefined();
  });

  it('takes the newest of two, and does not count servers without a vote', () => {
    expect(findLeader([leader(1, 2), leader(2, 3), follower(3, 3, 2)])?.id).toBe(2);
    expect(findLeader([leader(1, 2), report(2, {}), report(3, {}), follower(4, 2, 1)])).toBeUndefined();
  });
});

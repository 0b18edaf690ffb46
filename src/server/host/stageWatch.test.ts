import { describe, expect, it } from 'vitest';
import type { CommandOutcome } from './outcomes.ts';
import { FOLLOW_INTERVAL_US, StageWatch } from './stageWatch.ts';

const OK: CommandOutcome = { status: 'ok', clientId: 0 };
const LOST = { status: 'not-leader', leader: 0 } as const;

function setUp() {
  const told: string[] = [];
  const answered: string[] = [];
  const later: (() => void)[] = [];
  const clock = { us: 0 };
  const watch = new StageWatch({
    nowUs: () => clock.us,
    soon: (run) => later.push(run),
    took: (stage, us) => told.push(`${stage} ${us}`),
    synced: (entries) => told.push(`synced ${entries}`),
  });
  watch.isOn = true;
  const sink = {
    commandDone: (tag: number, { status }: { readonly status: string }) => answered.push(`${tag} ${status}`),
    lookupDone: (tag: number, { status }: { readonly status: string }) => answered.push(`lookup ${tag} ${status}`),
  };
  const turnOver = () => {
    for (const run of later.splice(0)) run();
  };
  return { watch, told, answered, clock, sink, turnOver };
}

const a = Uint8Array.of(1);
const b = Uint8Array.of(2);

describe('a watch over stages', () => {
  it('follows a command from its arrival to its answer, whichever place it has in its batch', () => {
    const { watch, told, answered, clock, sink, turnOver } = setUp();
    const followed = watch.arrived(sink, b);
    expect(followed).not.toBe(sink);
    clock.us = 10;
    // Of another batch, then of its own in two parts.
    watch.offered({ token: 1, commands: [a] });
    watch.accepted({ token: 1, offset: 0, count: 1, firstIndex: 4, term: 1 });
    watch.offered({ token: 2, commands: [a, b] });
    watch.accepted({ token: 2, offset: 0, count: 1, firstIndex: 5, term: 1 });
    watch.committed(9);
    clock.us = 15;
    watch.accepted({ token: 2, offset: 1, count: 1, firstIndex: 6, term: 1 });
    clock.us = 40;
    // Others' places, and what is offered once more, change nothing.
    watch.accepted({ token: 3, offset: 0, count: 5, firstIndex: 20, term: 1 });
    watch.accepted({ token: 2, offset: 2, count: 5, firstIndex: 7, term: 1 });
    watch.accepted({ token: 2, offset: 0, count: 1, firstIndex: 5, term: 1 });
    watch.offered({ token: 4, commands: [b] });
    watch.accepted({ token: 4, offset: 0, count: 1, firstIndex: 30, term: 1 });
    watch.committed(5);
    clock.us = 115;
    watch.committed(6);
    clock.us = 200;
    watch.committed(7);
    followed.commandDone(7, OK);
    expect([answered, told]).toEqual([['7 ok'], []]);
    clock.us = 230;
    turnOver();
    expect(told).toEqual(['wait 15', 'quorum 100', 'apply 85', 'answer 30', 'write 230']);
  });

  it('follows one at a time, and the next no sooner than a while after the one before', () => {
    const { watch, clock, sink } = setUp();
    const first = watch.arrived(sink, a);
    clock.us = FOLLOW_INTERVAL_US;
    expect(watch.arrived(sink, b)).toBe(sink);
    first.commandDone(1, LOST);
    expect(watch.arrived(sink, b)).not.toBe(sink);
    const soon = setUp();
    soon.watch.arrived(soon.sink, a).commandDone(1, LOST);
    soon.clock.us = FOLLOW_INTERVAL_US - 1;
    expect(soon.watch.arrived(soon.sink, a)).toBe(soon.sink);
  });

  it('tells nothing of what failed, or never stood in the log', () => {
    const { watch, told, clock, sink, turnOver } = setUp();
    watch.arrived(sink, a).commandDone(1, OK);
    clock.us = FOLLOW_INTERVAL_US;
    const followed = watch.arrived(sink, a);
    watch.offered({ token: 1, commands: [a] });
    watch.accepted({ token: 1, offset: 0, count: 1, firstIndex: 1, term: 1 });
    watch.committed(1);
    followed.commandDone(2, { status: 'unknown', leader: 0 });
    turnOver();
    expect(told).toEqual([]);
  });

  it('follows lookups', () => {
    const { watch, told, answered, clock, sink, turnOver } = setUp();
    const followed = watch.arrived(sink);
    watch.offered({ token: 1, commands: [a] });
    clock.us = 30;
    followed.lookupDone(3, { status: 'ok', value: undefined });
    clock.us = 35;
    turnOver();
    clock.us = FOLLOW_INTERVAL_US;
    watch.arrived(sink).lookupDone(4, LOST);
    turnOver();
    clock.us = 2 * FOLLOW_INTERVAL_US;
    expect(watch.arrived(sink)).not.toBe(sink);
    expect(answered).toEqual(['lookup 3 ok', 'lookup 4 not-leader']);
    expect(told).toEqual(['read 35']);
  });

  it('tells of a sync how long its oldest entries waited, and how many went together', () => {
    const { watch, told, clock } = setUp();
    watch.writing(1, 2);
    clock.us = 5;
    watch.writing(2, 0);
    watch.writing(3, 4);
    clock.us = 8;
    watch.writing(4, 1);
    clock.us = 20;
    watch.durable(3);
    watch.durable(3);
    expect(told).toEqual(['disk 20', 'synced 6']);
    clock.us = 30;
    watch.durable(9);
    expect(told.slice(2)).toEqual(['disk 22', 'synced 1']);
    watch.writing(10, 0);
    watch.durable(10);
    expect(told).toHaveLength(4);
  });

  it('that is off follows nothing', () => {
    const { watch, sink } = setUp();
    watch.isOn = false;
    expect(watch.arrived(sink, a)).toBe(sink);
  });

  it('that is turned off says nothing, and lets what it follows come to its end', () => {
    const { watch, told, answered, sink, turnOver } = setUp();
    const followed = watch.arrived(sink, a);
    watch.writing(1, 1);
    watch.isOn = false;
    watch.writing(2, 1);
    expect(watch.arrived(sink, b)).toBe(sink);
    watch.offered({ token: 1, commands: [a] });
    watch.accepted({ token: 1, offset: 0, count: 1, firstIndex: 1, term: 1 });
    watch.committed(1);
    followed.commandDone(1, OK);
    watch.durable(2);
    turnOver();
    expect(answered).toEqual(['1 ok']);
    expect(told).toEqual(['disk 0', 'synced 1', 'wait 0', 'quorum 0', 'apply 0', 'answer 0', 'write 0']);
  });
});

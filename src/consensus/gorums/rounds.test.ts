import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import { BYTES_IN_FLIGHT_MAX, ROUNDS_IN_FLIGHT_MAX } from './limits.ts';
import { type Round, Rounds } from './rounds.ts';

const three = simpleConfiguration([1, 2, 3]);

function round(call: number, part: Partial<Round> = {}): Round {
  return { call, startMs: call, end: call, entryBytes: 0, ...part };
}

function open(...rounds: readonly Round[]): Rounds {
  const all = new Rounds();
  for (const each of rounds) all.add(each, 1);
  return all;
}

describe('the rounds of a leader that are not answered in full', () => {
  it('carry entries up to a number of rounds, and up to a number of bytes; empty ones take no room', () => {
    const calls = Array.from({ length: ROUNDS_IN_FLIGHT_MAX }, (_, i) => i + 1);
    const full = open(...calls.map((call) => round(call, { entryBytes: 1 })));
    expect(full.hasRoom).toBe(false);
    full.close(1);
    expect(full.hasRoom).toBe(true);
    expect(open(...calls.map((call) => round(call))).hasRoom).toBe(true);
    expect(open(round(1, { entryBytes: BYTES_IN_FLIGHT_MAX })).hasRoom).toBe(false);
    expect(open(round(1, { entryBytes: BYTES_IN_FLIGHT_MAX - 1 })).hasRoom).toBe(true);
  });

  it('say what they carry, and since when', () => {
    const none = open();
    expect([none.carryEntries, none.entryBytes, none.oldestStartMs]).toEqual([false, 0, undefined]);
    expect(open(round(3)).carryEntries).toBe(false);
    const some = open(round(3), round(4, { entryBytes: 5 }), round(5, { entryBytes: 6 }));
    expect([some.carryEntries, some.entryBytes, some.oldestStartMs]).toEqual([true, 11, 3]);
  });

  it('prove what a majority holds, this server as far as its own disk is', () => {
    const rounds = open(round(1, { end: 4 }), round(2, { end: 6 }));
    expect(rounds.answer(three, 1, 6)).toEqual({ index: 0, answeredCall: 0 });
    rounds.reply(2, 1, 4);
    expect(rounds.answer(three, 1, 3)).toEqual({ index: 3, answeredCall: 0 });
    expect(rounds.answer(three, 1, 9)).toEqual({ index: 4, answeredCall: 1 });
    rounds.reply(2, 2, undefined);
    expect(rounds.answer(three, 1, 9)).toEqual({ index: 4, answeredCall: 1 });
    rounds.reply(3, 2, 6);
    expect(rounds.answer(three, 1, 9)).toEqual({ index: 6, answeredCall: 2 });
  });

  it('know who replied at all, and nothing of those that are closed or given up', () => {
    const rounds = open(round(1), round(2));
    expect([...rounds.reply(3, 2, undefined)!.heard]).toEqual([1, 3]);
    expect(rounds.reply(2, 2, 2)).toMatchObject({ startMs: 2 });
    rounds.close(1);
    expect(rounds.reply(2, 1, 1)).toBeUndefined();
    rounds.abandon();
    expect(rounds.reply(2, 2, 2)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { HeartbeatRounds } from './heartbeatRounds.ts';

const VOTERS = [1, 2, 3, 4, 5];

describe('HeartbeatRounds', () => {
  it('verifies the latest round that a majority answered, itself counted in', () => {
    const rounds = new HeartbeatRounds(1);
    for (let i = 0; i < 3; i++) rounds.begin(i * 10, 0);
    rounds.answered(2, 3);
    expect(rounds.verifiedRound(VOTERS)).toBe(0);
    rounds.answered(3, 1);
    expect(rounds.verifiedRound(VOTERS)).toBe(1);
    rounds.answered(4, 2);
    expect(rounds.verifiedRound(VOTERS)).toBe(2);
  });

  it('does not count itself where it is no voter (thesis §4.2.2)', () => {
    const rounds = new HeartbeatRounds(1);
    rounds.begin(0, 0);
    rounds.answered(2, 1);
    expect(rounds.verifiedRound([2, 3])).toBe(0);
    rounds.answered(3, 1);
    expect(rounds.verifiedRound([2, 3])).toBe(1);
  });

  it('dates the lease from when the answered heartbeats were sent, not from when the answers came', () => {
    const rounds = new HeartbeatRounds(1);
    for (const id of VOTERS) rounds.grace(id, 0);
    rounds.begin(10, 0);
    rounds.begin(20, 0);
    rounds.answered(2, 1);
    rounds.answered(3, 2);
    expect(rounds.leaseStartMs(VOTERS, 500)).toBe(10);
    rounds.answered(2, 2);
    expect(rounds.leaseStartMs(VOTERS, 500)).toBe(20);
    rounds.answered(2, 1);
    expect(rounds.leaseStartMs(VOTERS, 500)).toBe(20);
  });

  it('keeps no more rounds than a lease lasts, and a late answer to one that is gone renews nothing', () => {
    const rounds = new HeartbeatRounds(1);
    for (let nowMs = 0; nowMs <= 1000; nowMs += 10) rounds.begin(nowMs, nowMs - 100);
    expect(rounds.answered(2, 5)).toBe(true);
    rounds.answered(3, 5);
    expect(rounds.leaseStartMs(VOTERS, 1000)).toBe(0);
  });

  it('refuses an answer to a round that never was', () => {
    const rounds = new HeartbeatRounds(1);
    rounds.begin(0, 0);
    expect(rounds.answered(2, 2)).toBe(false);
    expect(rounds.verifiedRound([1, 2])).toBe(0);
  });

  it('forgets what a server answered before it left', () => {
    const rounds = new HeartbeatRounds(1);
    rounds.begin(0, 0);
    rounds.answered(2, 1);
    rounds.forget(2);
    rounds.grace(2, 5);
    expect(rounds.verifiedRound([1, 2])).toBe(0);
  });

  it('takes an answer to an earlier round for no step back, and says that it was one', () => {
    const rounds = new HeartbeatRounds(1);
    for (const ms of [0, 10]) rounds.begin(ms, 0);
    expect([rounds.answered(2, 2), rounds.answered(2, 1)]).toEqual([true, true]);
    expect(rounds.verifiedRound([1, 2])).toBe(2);
    expect(rounds.leaseStartMs([1, 2], 20)).toBe(10);
  });

  it('knows nothing of a server that left, and of one that comes only when it came', () => {
    const rounds = new HeartbeatRounds(1);
    rounds.begin(10, 0);
    for (const id of [2, 3]) rounds.answered(id, 1);
    rounds.forget(2);
    expect(rounds.verifiedRound([1, 2])).toBe(0);
    expect(rounds.leaseStartMs([1, 2], 20)).toBe(0);
    rounds.grace(3, 15);
    expect(rounds.verifiedRound([1, 3])).toBe(0);
    expect(rounds.leaseStartMs([1, 3], 20)).toBe(15);
  });
});

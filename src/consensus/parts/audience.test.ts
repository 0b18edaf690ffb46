import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, simpleConfiguration } from '../contract.ts';
import { Audience } from './audience.ts';

const SETTINGS = { electionTimeoutMs: 100, heartbeatMs: 10 };
const THREE = simpleConfiguration([1, 2, 3]);

/** Server 1's audience after so many ms of ticks, with whoever answers at which times. */
function leadFor(durationMs: number, answers: Readonly<Record<number, readonly number[]>> = {}, voters = THREE) {
  const audience = new Audience(1, SETTINGS, 0);
  const asked: number[] = [];
  for (let nowMs = 1; nowMs <= durationMs; nowMs++) {
    for (const id of answers[nowMs] ?? []) audience.answered(id, nowMs, voters);
    audience.tick(nowMs, voters);
    if (audience.toBeAsked(nowMs, voters).length > 0) asked.push(nowMs);
  }
  return { audience, asked };
}

describe('the audience of a leader', () => {
  it('is asked after a quarter of an election timeout, and then once a heartbeat', () => {
    expect(leadFor(24).asked).toEqual([]);
    expect(leadFor(48).asked).toEqual([25, 35, 45]);
  });

  it('is spared after half of one, and given up after a whole one', () => {
    expect(leadFor(49).audience.isSilent).toBe(false);
    expect(leadFor(50).audience).toMatchObject({ isSilent: true, isAlone: false });
    expect(leadFor(99).audience.isAlone).toBe(false);
    expect(leadFor(100).audience.isAlone).toBe(true);
  });

  it('is there again when a quorum answers, in that very moment', () => {
    const { audience } = leadFor(120);
    audience.answered(3, 121, THREE);
    expect(audience).toMatchObject({ isSilent: false, isAlone: false });
    expect(audience.toBeAsked(140, THREE)).toEqual([]);
  });

  it('is there only as a quorum: one of four others is none', () => {
    const five = simpleConfiguration([1, 2, 3, 4, 5]);
    expect(leadFor(60, { 55: [2] }, five).audience.isSilent).toBe(true);
    expect(leadFor(60, { 55: [2], 56: [4] }, five).audience.isSilent).toBe(false);
  });

  it('needs a quorum of both halves of a joint configuration', () => {
    const joint = { ...simpleConfiguration([1, 2, 3]), outgoing: [1, 4, 5] };
    expect(leadFor(60, { 55: [2, 3] }, joint).audience.isSilent).toBe(true);
    expect(leadFor(60, { 55: [2, 5] }, joint).audience.isSilent).toBe(false);
  });

  it('does not count learners, nor a leader that votes no more', () => {
    const learning = simpleConfiguration([2, 3], [1, 4]);
    expect(leadFor(60, { 55: [2, 4] }, learning).audience.isSilent).toBe(true);
    expect(leadFor(60, { 55: [2, 3] }, learning).audience.isSilent).toBe(false);
  });

  it('is never missed by a leader that votes alone', () => {
    expect(leadFor(500, {}, simpleConfiguration([1])).audience).toMatchObject({ isSilent: false, isAlone: false });
  });

  it('may still have its answers waiting when the host slept', () => {
    const { audience } = leadFor(20);
    audience.woke(500);
    audience.tick(500, THREE);
    expect(audience).toMatchObject({ isSilent: false, isAlone: false });
    for (let nowMs = 501; nowMs <= 550; nowMs++) audience.tick(nowMs, THREE);
    expect(audience.isSilent).toBe(true);
  });

  it('gets the time of a few heartbeats to answer in, however short the election timeout is', () => {
    const audience = new Audience(1, { electionTimeoutMs: 20, heartbeatMs: 10 }, 0);
    for (let nowMs = 1; nowMs < 30; nowMs++) audience.tick(nowMs, THREE);
    expect(audience.isSilent).toBe(false);
    audience.tick(30, THREE);
    expect(audience).toMatchObject({ isSilent: true, isAlone: false });
    audience.tick(60, THREE);
    expect(audience.isAlone).toBe(true);
  });
});

/** The slow twin: every answer is remembered, and looked through for every question. */
class SlowAudience {
  private readonly answers: { readonly peer: number; readonly atMs: number }[] = [];
  private wokeMs = 0;
  private askedMs = Number.NEGATIVE_INFINITY;

  unansweredMs = 0;

  tick(nowMs: number, configuration: Configuration): void {
    this.count(nowMs, configuration);
  }

  woke(nowMs: number): void {
    this.wokeMs = nowMs;
  }

  answered(peer: number, nowMs: number, configuration: Configuration): void {
    this.answers.push({ peer, atMs: nowMs });
    if (this.unansweredMs >= SETTINGS.electionTimeoutMs / 4) this.count(nowMs, configuration);
  }

  toBeAsked(nowMs: number, { voters, outgoing }: Configuration): number[] {
    if (this.unansweredMs < SETTINGS.electionTimeoutMs / 4) return [];
    if (nowMs - this.askedMs < SETTINGS.heartbeatMs) return [];
    this.askedMs = nowMs;
    return [2, 3, 4, 5].filter((id) => voters.includes(id) || outgoing.includes(id));
  }

  /** The latest time from which on a majority of each list is known to have answered; sleep counts as an answer of all. */
  private count(nowMs: number, { voters, outgoing }: Configuration): void {
    const heard = (id: number, sinceMs: number) =>
      id === 1 || this.answers.some(({ peer, atMs }) => peer === id && atMs >= sinceMs);
    const isQuorum = (ids: readonly number[], sinceMs: number) =>
      ids.length === 0 || 2 * ids.filter((id) => heard(id, sinceMs)).length > ids.length;
    const times = [nowMs, this.wokeMs, ...this.answers.map(({ atMs }) => atMs)].sort((a, b) => b - a);
    const sinceMs = times.find((atMs) => isQuorum(voters, atMs) && isQuorum(outgoing, atMs));
    this.unansweredMs = nowMs - Math.max(this.wokeMs, sinceMs ?? 0);
  }
}

describe('an audience, at random', () => {
  const ids = fc.subarray([1, 2, 3, 4, 5]);
  const configuration = fc.record({
    voters: fc.subarray([1, 2, 3, 4, 5], { minLength: 1 }),
    outgoing: fc.oneof(fc.constant([]), ids),
  });
  const step = fc.record({
    passMs: fc.oneof(fc.integer({ min: 1, max: 15 }), fc.constantFrom(49, 50, 51, 24, 25, 26)),
    answers: fc.oneof(fc.constant([]), fc.subarray([2, 3, 4, 5])),
    wakes: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    isTick: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  });

  it('is what its slow twin says', () => {
    fc.assert(
      fc.property(configuration, fc.array(step, { maxLength: 40 }), (members, steps) => {
        const present = { ...simpleConfiguration(members.voters), outgoing: members.outgoing };
        const audience = new Audience(1, SETTINGS, 0);
        const slow = new SlowAudience();
        const told: unknown[] = [];
        const expected: unknown[] = [];
        let nowMs = 0;
        for (const { passMs, wakes, answers, isTick } of steps) {
          nowMs += passMs;
          if (wakes) {
            audience.woke(nowMs);
            slow.woke(nowMs);
          }
          for (const id of answers) {
            audience.answered(id, nowMs, present);
            slow.answered(id, nowMs, present);
          }
          if (isTick) {
            audience.tick(nowMs, present);
            slow.tick(nowMs, present);
          }
          const { isSilent, isAlone } = audience;
          told.push([isSilent, isAlone, ...audience.toBeAsked(nowMs, present)]);
          expected.push([slow.unansweredMs >= 50, slow.unansweredMs >= 100, ...slow.toBeAsked(nowMs, present)]);
        }
        expect(told).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { Audience } from './audience.ts';
import { simpleConfiguration } from './contract.ts';

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
    audience.tick(500, THREE);
    expect(audience).toMatchObject({ isSilent: false, isAlone: false });
    for (let nowMs = 501; nowMs <= 550; nowMs++) audience.tick(nowMs, THREE);
    expect(audience.isSilent).toBe(true);
  });

  it('gets the time of a few heartbeats to answer in, however short the election timeout is', () => {
    const audience = new Audience(1, { electionTimeoutMs: 20, heartbeatMs: 10 }, 0);
    for (let nowMs = 1; nowMs < 30; nowMs++) audience.tick(nowMs, THREE);
    expect(audience.isSilent).toBe(false);
  });
});

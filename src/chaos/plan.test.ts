import { describe, expect, it } from 'vitest';
import { describeStrike, drawChaos } from './plan.ts';

const plans = Array.from({ length: 200 }, (_, seed) => drawChaos(seed, 10_000));

describe('a plan of chaos', () => {
  it('is what its seed says', () => {
    expect(drawChaos(7, 10_000)).toEqual(plans[7]);
    expect(drawChaos(8, 10_000).strikes).not.toEqual(plans[7]!.strikes);
  });

  it('of longer faults begins like the shorter', () => {
    const { strikes } = plans[3]!;
    expect(drawChaos(3, 20_000).strikes.slice(0, strikes.length)).toEqual(strikes);
  });

  it('names only servers and clients that there are, and draws every kind', () => {
    const kinds = new Set<string>();
    for (const { servers, members, clients, strikes } of plans) {
      expect(members.length).toBeGreaterThanOrEqual(3);
      for (const strike of strikes) {
        kinds.add(strike.kind);
        if ('target' in strike) expect(strike.target.server).toBeLessThanOrEqual(servers);
        if ('client' in strike) expect(strike.client).toBeLessThan(clients);
      }
    }
    expect([...kinds].sort()).toEqual([
      'client cut',
      'client deaf',
      'client mute',
      'client reset',
      'client slow',
      'deaf',
      'kill',
      'kill all',
      'mute',
      'partition',
      'pause',
      'remove',
      'slow',
      'stop',
      'transfer',
    ]);
  });

  it('says what strikes whom', () => {
    const when = { atMs: 1, lastsMs: 50 };
    const target = { leader: false, server: 2 };
    expect(describeStrike({ ...when, kind: 'pause', target: { ...target, leader: true } })).toBe(
      'pause the leader for 50 ms',
    );
    expect(describeStrike({ ...when, kind: 'partition', target, side: [3], clients: [0, 1] })).toBe(
      'partition server 2 with servers [3] and clients [0,1] for 50 ms',
    );
    expect(describeStrike({ ...when, kind: 'client reset', target, client: 1, way: 'back', bytes: 9 })).toBe(
      'client reset of client 1 server 2 back after 9 bytes',
    );
  });
});

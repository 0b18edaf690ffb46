import { describe, expect, it } from 'vitest';
import { type NodeId, RejectReason } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { Handover } from './handover.ts';
import type { LeaderView, PeerView } from './leaderView.ts';

const ELECTION_MS = 100;
const BEGAN_MS = 1000;
const TIMEOUT = { token: 7, ok: false, reason: RejectReason.Timeout };

/** Server 1 hands over to 2; its log ends at 50. */
function handedOver(peers: Readonly<Record<NodeId, PeerView>> = {}) {
  const out = new OutputBuffer<unknown>();
  const handover = new Handover(out);
  const settings = { id: 1, nowMs: BEGAN_MS, sinceMs: 0, electionTimeoutMs: ELECTION_MS, lastIndex: 50 };
  const view: LeaderView = { ...settings, peer: (id) => peers[id] };
  handover.begin(2, 7, view);
  return { handover, outcomes: () => out.requests.splice(0), leader: { view } };
}

describe('a transfer for which writes stopped', () => {
  it('tells its target once, when that holds the whole log', () => {
    const peers = { 2: { matchIndex: 49, heardMs: 0 }, 3: { matchIndex: 50, heardMs: 0 } };
    const { handover, leader } = handedOver(peers);
    expect(handover.toBeTold(leader)).toBe(0);
    peers[2].matchIndex = 50;
    expect([handover.toBeTold(leader), handover.toBeTold(leader)]).toEqual([2, 0]);
    handover.ledBy(2);
    expect(handover.toBeTold(leader)).toBe(0);
    expect(handedOver().handover.toBeTold(leader)).toBe(2);
  });

  it.each([
    [2, { token: 7, ok: true }],
    [3, { ...TIMEOUT, leader: 3 }],
    [1, { ...TIMEOUT, leader: 1 }],
  ])('ends where %d leads', (leader, outcome) => {
    const { handover, outcomes } = handedOver();
    handover.ledBy(0);
    expect([handover.isOpen, outcomes()]).toEqual([true, []]);
    handover.ledBy(leader);
    expect([handover.isOpen, outcomes()]).toEqual([false, [outcome]]);
    handover.ledBy(2);
    handover.tick(BEGAN_MS + 2 * ELECTION_MS, 2);
    expect(outcomes()).toEqual([]);
  });

  it.each([0, 1])('ends an election timeout after they stopped, where %d is known to lead', (leader) => {
    const { handover, outcomes } = handedOver();
    handover.tick(BEGAN_MS + ELECTION_MS - 1, leader);
    expect([handover.isOpen, outcomes()]).toEqual([true, []]);
    handover.tick(BEGAN_MS + ELECTION_MS, leader);
    expect([handover.isOpen, outcomes()]).toEqual([false, [{ ...TIMEOUT, leader }]]);
  });
});

import { describe, expect, it } from 'vitest';
import { RejectReason } from '../contract.ts';
import { answersLately, type LeaderView, longestLog, type PeerView, successor } from './leaderView.ts';
import { TransferPreparation } from './transferPreparation.ts';

const ELECTION_MS = 100;
const BEGAN_MS = 1000;
const VOTERS = [1, 2, 3];

/** Server 1 leads since long ago, and its log ends at 50. By default nobody has answered for very long. */
function viewAt(nowMs: number, peers: Readonly<Record<number, PeerView>> = {}): LeaderView {
  const settings = { sinceMs: 0, electionTimeoutMs: ELECTION_MS, lastIndex: 50 };
  return { id: 1, nowMs, ...settings, peer: (id) => peers[id] };
}

const heard = (heardMs: number, matchIndex = 50): PeerView => ({ heardMs, matchIndex });
const request = (to: number, unable: readonly number[] = []) => ({ to, token: 9, unable });
const transfer = (to: number, unable: readonly number[] = []) =>
  new TransferPreparation(request(to, unable), VOTERS, viewAt(BEGAN_MS));

describe('a transfer is refused at once', () => {
  const refusal = (to: number, peers: Readonly<Record<number, PeerView>>, unable: readonly number[] = []) =>
    transfer(to, unable).refusedAtOnce(request(to, unable), viewAt(BEGAN_MS, peers));
  const all = { 2: heard(BEGAN_MS), 3: heard(BEGAN_MS) };

  it('to the leader itself and to who does not vote', () => {
    expect(refusal(1, all)).toEqual({ reason: RejectReason.InvalidChange });
    expect(refusal(4, all)).toEqual({ reason: RejectReason.InvalidChange });
    expect([refusal(2, all), refusal(0, all)]).toEqual([undefined, undefined]);
  });

  it('to who cannot be told, and where there is nobody else', () => {
    expect(refusal(2, all, [2])).toEqual({ reason: RejectReason.CannotTakeOver });
    expect(refusal(0, all, [2, 3])).toEqual({ reason: RejectReason.CannotTakeOver });
    expect([refusal(0, all, [2]), refusal(3, all, [2])]).toEqual([undefined, undefined]);
    const alone = new TransferPreparation(request(0), [1], viewAt(BEGAN_MS));
    expect(alone.refusedAtOnce(request(0), viewAt(BEGAN_MS))).toMatchObject({ reason: RejectReason.NoSuccessor });
  });

  it('where nobody who might take over has answered within an election timeout', () => {
    const late = { 2: heard(BEGAN_MS - ELECTION_MS - 1), 3: heard(BEGAN_MS - ELECTION_MS) };
    expect(refusal(2, late)).toEqual({
      reason: RejectReason.TargetUnreachable,
      missing: { silent: [2], behind: [] },
    });
    expect([refusal(3, late), refusal(0, late)]).toEqual([undefined, undefined]);
    expect(refusal(0, late, [3])).toMatchObject({ reason: RejectReason.NoSuccessor, missing: { silent: [2] } });
  });
});

describe('a transfer that is waited for', () => {
  it('goes to who has answered since the request and holds what the log held then', () => {
    const asked = transfer(2);
    const at = (peer: PeerView) => asked.advance(viewAt(BEGAN_MS + 10, { 2: peer, 3: heard(BEGAN_MS + 5) }));
    expect(at(heard(BEGAN_MS))).toBeUndefined();
    expect(at(heard(BEGAN_MS + 1, 49))).toBeUndefined();
    expect(at(heard(BEGAN_MS + 1))).toEqual({ target: 2 });
  });

  it('goes to the longest log of those where nobody is named', () => {
    const peers = { 2: heard(BEGAN_MS + 1, 51), 3: heard(BEGAN_MS + 1, 52) };
    expect(transfer(0).advance(viewAt(BEGAN_MS + 10, peers))).toEqual({ target: 3 });
    expect(transfer(0, [3]).advance(viewAt(BEGAN_MS + 10, peers))).toEqual({ target: 2 });
  });

  it('is refused after an election timeout, by who was silent and who was behind', () => {
    const end = BEGAN_MS + ELECTION_MS;
    const behind = [{ id: 2, heldIndex: 40, goalIndex: 50 }];
    const peers = { 2: heard(BEGAN_MS + 1, 40), 3: heard(BEGAN_MS) };
    expect(transfer(2).advance(viewAt(end - 1, peers))).toBeUndefined();
    expect(transfer(2).advance(viewAt(end, peers))).toEqual({
      reason: RejectReason.NotCaughtUp,
      missing: { silent: [], behind },
    });
    expect(transfer(3).advance(viewAt(end, peers))).toEqual({
      reason: RejectReason.TargetUnreachable,
      missing: { silent: [3], behind: [] },
    });
    expect(transfer(0).advance(viewAt(end, peers))).toEqual({
      reason: RejectReason.NoSuccessor,
      missing: { silent: [3], behind },
    });
  });
});

describe('who takes over', () => {
  const peers = { 2: heard(900, 50), 3: heard(900, 60), 4: heard(899, 70), 5: heard(900, 60) };

  it('is the first of those with the longest log', () => {
    expect(longestLog(viewAt(1000, peers), [2, 3, 5])).toBe(3);
    expect(longestLog(viewAt(1000, peers), [5, 3])).toBe(5);
    expect(longestLog(viewAt(1000, {}), [2, 3])).toBe(2);
    expect(longestLog(viewAt(1000, peers), [])).toBe(0);
  });

  it('has answered within an election timeout, as everybody has while the leader is new', () => {
    expect([2, 4, 6].map((id) => answersLately(viewAt(1000, peers), id))).toEqual([true, false, false]);
    const isNew = { ...viewAt(1000, peers), sinceMs: 900 };
    expect([2, 4, 6].map((id) => answersLately(isNew, id))).toEqual([true, true, true]);
  });

  it('when the leader leaves, is another who answers, or nobody', () => {
    expect(successor({ ...viewAt(1000, peers), id: 3 }, [2, 3, 4])).toBe(2);
    expect(successor(viewAt(1000, peers), [1, 4])).toBe(0);
  });
});

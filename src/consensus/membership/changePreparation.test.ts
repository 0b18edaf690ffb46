import { describe, expect, it } from 'vitest';
import { ChangeType, type MembershipChange, RejectReason, simpleConfiguration } from '../contract.ts';
import { ChangePreparation, type Verdict } from './changePreparation.ts';
import { configurationAfter } from './changes.ts';
import type { LeaderView, PeerView } from './leaderView.ts';

const ELECTION_MS = 100;

/** Server 1 leads 1, 2 and 3; its log ends at 50. */
class Setting {
  readonly peers = new Map<number, PeerView>();
  readonly preparation: ChangePreparation;
  nowMs = 1000;
  lastIndex = 50;

  constructor(change: MembershipChange) {
    const after = configurationAfter(simpleConfiguration([1, 2, 3]), change)!;
    this.preparation = new ChangePreparation({ change, token: 1, quorums: [after] }, this.view);
  }

  get view(): LeaderView {
    const { nowMs, lastIndex, peers } = this;
    return { id: 1, nowMs, sinceMs: 0, electionTimeoutMs: ELECTION_MS, lastIndex, peer: (id) => peers.get(id) };
  }

  /** Time passes, then the servers given answer and hold everything up to an index. */
  pass(durationMs: number, held: Readonly<Record<number, number>> = {}): Verdict {
    this.nowMs += durationMs;
    for (const [id, matchIndex] of Object.entries(held))
      this.peers.set(Number(id), { matchIndex, heardMs: this.nowMs });
    return this.preparation.advance(this.view, true);
  }

  mark(): void {
    this.lastIndex++;
    this.preparation.marked(this.lastIndex, this.nowMs);
  }
}

describe('a voter to be added', () => {
  const add = () => new Setting({ type: ChangeType.AddVoter, id: 4 });

  it('is given four election timeouts for its first answer', () => {
    const setting = add();
    expect(setting.pass(4 * ELECTION_MS - 1)).toEqual({ kind: 'wait' });
    expect(setting.pass(1)).toMatchObject({
      kind: 'refused',
      reason: RejectReason.TargetUnreachable,
      missing: { silent: [4], behind: [] },
    });
  });

  it('catches up in rounds until one takes no longer than an election timeout (thesis §4.2.1)', () => {
    const setting = add();
    expect(setting.pass(10, { 4: 20 })).toEqual({ kind: 'wait' });
    expect(setting.preparation.pending(setting.view).missing).toEqual({
      silent: [],
      behind: [{ id: 4, heldIndex: 20, goalIndex: 50 }],
    });
    setting.lastIndex = 500;
    expect(setting.pass(5 * ELECTION_MS, { 4: 50 })).toEqual({ kind: 'wait' });
    expect(setting.pass(ELECTION_MS - 1, { 4: 499 })).toEqual({ kind: 'wait' });
    expect(setting.pass(1, { 4: 500 })).toEqual({ kind: 'mark' });
  });

  it('is given up where it comes no nearer, by whether it answers', () => {
    const stuck = add();
    stuck.pass(10, { 4: 20 });
    for (let i = 0; i < 9; i++) expect(stuck.pass(ELECTION_MS, { 4: 20 })).toEqual({ kind: 'wait' });
    expect(stuck.pass(ELECTION_MS, { 4: 20 })).toMatchObject({ reason: RejectReason.NotCaughtUp });
    const gone = add();
    gone.pass(10, { 4: 20 });
    expect(gone.pass(10 * ELECTION_MS)).toMatchObject({ reason: RejectReason.TargetUnreachable });
  });

  it('is given up after ten rounds that all took too long', () => {
    const setting = add();
    for (let round = 1; round < 10; round++) {
      const reached = setting.lastIndex;
      setting.lastIndex += 100;
      expect(setting.pass(2 * ELECTION_MS, { 4: reached })).toEqual({ kind: 'wait' });
    }
    expect(setting.pass(2 * ELECTION_MS, { 4: setting.lastIndex })).toMatchObject({ reason: RejectReason.NotCaughtUp });
  });

  it('must hold the mark itself, whatever the others do', () => {
    const setting = add();
    setting.pass(10, { 4: 50 });
    setting.mark();
    expect(setting.pass(10, { 2: 51, 3: 51 })).toEqual({ kind: 'wait' });
    expect(setting.pass(2 * ELECTION_MS)).toMatchObject({
      reason: RejectReason.TargetUnreachable,
      missing: { silent: [4], behind: [] },
    });
    expect(setting.pass(0, { 4: 51 })).toEqual({ kind: 'ready' });
  });
});

describe('what is missing for a voter to be added', () => {
  const add = () => new Setting({ type: ChangeType.AddVoter, id: 4 });
  const missing = (setting: Setting) => setting.preparation.pending(setting.view).missing;
  const NOTHING = { silent: [], behind: [] };

  it('is its own answer, not one from before, and then what it lacks of the log; nobody else', () => {
    const setting = add();
    expect(missing(setting)).toEqual({ silent: [4], behind: [] });
    setting.pass(0, { 2: 10, 4: 50 });
    expect(missing(setting)).toEqual({ silent: [4], behind: [] });
    expect(setting.pass(1)).toEqual({ kind: 'wait' });
    setting.pass(1, { 4: 49 });
    expect(missing(setting)).toEqual({ silent: [], behind: [{ id: 4, heldIndex: 49, goalIndex: 50 }] });
    expect(setting.pass(1, { 4: 50 })).toEqual({ kind: 'mark' });
    expect(missing(setting)).toEqual(NOTHING);
  });

  it('is a majority of four after the mark: two are none', () => {
    const setting = add();
    setting.pass(10, { 4: 50 });
    setting.mark();
    expect(setting.pass(10, { 2: 50, 4: 51 })).toEqual({ kind: 'wait' });
    expect(missing(setting)).toEqual({ silent: [3], behind: [{ id: 2, heldIndex: 50, goalIndex: 51 }] });
    expect(setting.pass(2 * ELECTION_MS, { 4: 51 })).toMatchObject({ reason: RejectReason.NoQuorum });
    expect(setting.pass(0, { 3: 51, 4: 51 })).toEqual({ kind: 'ready' });
    expect(missing(setting)).toEqual(NOTHING);
  });

  it('is the mark, where it answers without taking it', () => {
    const setting = add();
    setting.pass(10, { 4: 50 });
    setting.mark();
    expect(setting.pass(2 * ELECTION_MS - 1, { 2: 51, 3: 51, 4: 50 })).toEqual({ kind: 'wait' });
    expect(setting.pass(1)).toEqual({
      kind: 'refused',
      reason: RejectReason.NotCaughtUp,
      missing: { silent: [], behind: [{ id: 4, heldIndex: 50, goalIndex: 51 }] },
    });
  });

  it('is not waited for longer because it answered once with an empty log', () => {
    const setting = add();
    expect(setting.pass(10, { 4: 0 })).toEqual({ kind: 'wait' });
    expect(setting.pass(10 * ELECTION_MS - 11, { 4: 0 })).toEqual({ kind: 'wait' });
    expect(setting.pass(1, { 4: 0 })).toMatchObject({ reason: RejectReason.NotCaughtUp });
  });

  it('has ten election timeouts from its last progress on', () => {
    const setting = add();
    setting.pass(9 * ELECTION_MS, { 4: 10 });
    setting.pass(9 * ELECTION_MS, { 4: 20 });
    expect(setting.pass(10 * ELECTION_MS - 1, { 4: 20 })).toEqual({ kind: 'wait' });
    expect(setting.pass(1)).toMatchObject({ reason: RejectReason.NotCaughtUp });
  });

  it('has them from its first answer on, whatever it was known to hold before', () => {
    const setting = add();
    setting.peers.set(4, { matchIndex: 20, heardMs: 900 });
    setting.pass(10);
    expect(setting.pass(3 * ELECTION_MS, { 4: 20 })).toEqual({ kind: 'wait' });
    expect(setting.pass(10 * ELECTION_MS - 1, { 4: 20 })).toEqual({ kind: 'wait' });
    expect(setting.pass(1, { 4: 20 })).toMatchObject({ reason: RejectReason.NotCaughtUp });
  });

  it('is up to date after a round of exactly an election timeout', () => {
    expect(add().pass(ELECTION_MS, { 4: 50 })).toEqual({ kind: 'mark' });
    expect(add().pass(ELECTION_MS + 1, { 4: 50 })).toEqual({ kind: 'wait' });
  });
});

describe('a leader to be removed', () => {
  it('goes when a majority of the others holds the mark: it does not count itself', () => {
    const setting = new Setting({ type: ChangeType.Remove, id: 1 });
    expect(setting.preparation.pending(setting.view).missing).toEqual({ silent: [], behind: [] });
    setting.mark();
    expect(setting.pass(10, { 2: 51 })).toEqual({ kind: 'wait' });
    expect(setting.preparation.pending(setting.view).missing).toEqual({ silent: [3], behind: [] });
    expect(setting.pass(10, { 3: 51 })).toEqual({ kind: 'ready' });
  });
});

describe('a change through a joint configuration', () => {
  it('needs a majority of each of its configurations', () => {
    const change = { type: ChangeType.Remove, id: 3 } as const;
    const quorums = [simpleConfiguration([1, 2, 5]), simpleConfiguration([1, 3, 4])];
    const peers = new Map<number, PeerView>();
    const view = { id: 1, nowMs: 0, sinceMs: 0, electionTimeoutMs: ELECTION_MS, lastIndex: 50 };
    const preparation = new ChangePreparation({ change, token: 1, quorums }, { ...view, peer: (id) => peers.get(id) });
    preparation.marked(51, 0);
    const at = (nowMs: number, ...holders: number[]) => {
      for (const id of holders) peers.set(id, { matchIndex: 51, heardMs: nowMs });
      return preparation.advance({ ...view, nowMs, peer: (id) => peers.get(id) }, true);
    };
    expect([at(1, 2), at(2, 5)]).toEqual([{ kind: 'wait' }, { kind: 'wait' }]);
    expect(at(2 * ELECTION_MS)).toMatchObject({ missing: { silent: [3, 4], behind: [] } });
    expect(at(3 * ELECTION_MS, 4)).toEqual({ kind: 'ready' });
  });
});

describe('a voter to be removed', () => {
  const remove = (id: number) => new Setting({ type: ChangeType.Remove, id });

  it('goes when a majority of the rest holds an entry that was appended after the request', () => {
    const setting = remove(3);
    expect(setting.pass(0, { 2: 50 })).toEqual({ kind: 'mark' });
    setting.mark();
    expect(setting.pass(10, { 2: 50, 3: 51 })).toEqual({ kind: 'wait' });
    expect(setting.pass(10, { 2: 51 })).toEqual({ kind: 'ready' });
  });

  it('may go in the very moment in which the mark is held: who holds it has answered', () => {
    const setting = remove(3);
    setting.mark();
    expect(setting.pass(0, { 2: 51 })).toEqual({ kind: 'ready' });
  });

  it('stays where the rest would be no majority, and those who answer without their disk are told apart', () => {
    const silent = remove(3);
    silent.mark();
    expect(silent.pass(2 * ELECTION_MS, { 3: 51 })).toMatchObject({
      reason: RejectReason.NoQuorum,
      missing: { silent: [2], behind: [] },
    });
    const stuck = remove(3);
    stuck.mark();
    expect(stuck.pass(2 * ELECTION_MS, { 2: 50 })).toMatchObject({
      reason: RejectReason.NoQuorum,
      missing: { silent: [], behind: [{ id: 2, heldIndex: 50, goalIndex: 51 }] },
    });
  });

  it('waits for a term to be established, and no longer than for answers', () => {
    const setting = remove(3);
    setting.mark();
    setting.pass(10, { 2: 51 });
    expect(setting.preparation.advance(setting.view, false)).toEqual({ kind: 'wait' });
    setting.nowMs += 2 * ELECTION_MS;
    expect(setting.preparation.advance(setting.view, false)).toMatchObject({ reason: RejectReason.Timeout });
  });
});

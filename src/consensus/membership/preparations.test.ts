import { describe, expect, it } from 'vitest';
import { ChangeType, type MembershipChange, type NodeId, RejectReason, simpleConfiguration } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { configurationAfter } from './changes.ts';
import { Handover } from './handover.ts';
import type { LeaderView, PeerView } from './leaderView.ts';
import { Preparations, type Preparing } from './preparations.ts';

const ELECTION_MS = 100;
const MEMBERS = simpleConfiguration([1, 2, 3]);
const ADD_4 = { type: ChangeType.AddVoter, id: 4 } as const;
const REMOVE_3 = { type: ChangeType.Remove, id: 3 } as const;

/** Server 1 leads 1, 2 and 3, its log ends at 50, and what is wanted of it is noted. */
class Leader implements Preparing {
  readonly asked: unknown[] = [];
  readonly out = new OutputBuffer<unknown>();
  readonly handover = new Handover(this.out);
  readonly preparations = new Preparations(this, this.out, this.handover);
  readonly peers = new Map<NodeId, PeerView>();
  mayChange = true;
  isAllHandedOut = true;
  isChangeInLog = false;
  hasRoom = true;
  nowMs = 1000;
  lastIndex = 50;

  get view(): LeaderView {
    const { nowMs, lastIndex, peers } = this;
    return { id: 1, nowMs, sinceMs: 0, electionTimeoutMs: ELECTION_MS, lastIndex, peer: (id) => peers.get(id) };
  }

  stage(id: NodeId): void {
    this.asked.push(['stage', id]);
  }
  unstage(id: NodeId): void {
    this.asked.push(['unstage', id]);
  }
  appendMark(): number | undefined {
    this.asked.push(['mark']);
    return this.hasRoom ? ++this.lastIndex : undefined;
  }
  appendChange(change: MembershipChange, token: number): void {
    this.asked.push(['change', change, token]);
  }
  handingOver(target: NodeId): void {
    this.asked.push(['hand over', target]);
  }

  get told() {
    return this.out.events;
  }

  change(change: MembershipChange, token: number): void {
    const after = configurationAfter(MEMBERS, change);
    this.preparations.change(change, token, after && [after]);
  }

  transfer(to: NodeId, token: number): void {
    this.preparations.transfer({ to, token, unable: [] }, MEMBERS.voters);
  }

  /** Time passes, those given answer and hold the whole log, and a turn goes by. Returns what was wanted in it. */
  pass(durationMs: number, ...answering: readonly NodeId[]): unknown[] {
    this.nowMs += durationMs;
    for (const id of answering) this.peers.set(id, { matchIndex: this.lastIndex, heardMs: this.nowMs });
    this.preparations.advance();
    return [...this.asked.splice(0), ...this.refused()];
  }

  /** What was refused since it was last asked. */
  refused(): unknown[] {
    return this.out.requests.splice(0).map((outcome) => {
      return outcome.ok ? ['done', outcome.token] : ['refuse', outcome.token, outcome.reason, outcome.missing];
    });
  }

  get occupation() {
    const { occupation, newcomer, pendingChange } = this.preparations;
    return [occupation, newcomer, pendingChange?.change];
  }
}

const IDLE = [undefined, 0, undefined];

describe('a change that is prepared', () => {
  it('is told of as an addition or a removal', () => {
    for (const [type, told] of [
      [ChangeType.AddVoter, ['proposeaddserver', 'startreplicate']],
      [ChangeType.AddLearner, ['proposeaddserver']],
      [ChangeType.Remove, ['proposeremoveserver']],
    ] as const) {
      const leader = new Leader();
      leader.change({ type, id: type === ChangeType.Remove ? 3 : 4 }, 7);
      expect(leader.told).toEqual(told);
    }
  });

  it('stages its newcomer, occupies the leader, and enters the log after its mark', () => {
    const leader = new Leader();
    expect(leader.occupation).toEqual(IDLE);
    leader.change(ADD_4, 7);
    expect(leader.occupation).toEqual([RejectReason.ChangeInFlight, 4, ADD_4]);
    expect(leader.pass(10, 2, 3)).toEqual([['stage', 4]]);
    expect(leader.told).toEqual(['proposeaddserver', 'startreplicate']);
    expect(leader.pass(10, 4)).toEqual([['mark']]);
    expect(leader.told).toEqual(['proposeaddserver', 'startreplicate', 'caughtup']);
    expect(leader.pass(10)).toEqual([]);
    expect(leader.occupation).toEqual([RejectReason.ChangeInFlight, 4, ADD_4]);
    // The newcomer stays staged: from now on it is a member.
    expect(leader.pass(10, 2, 3, 4)).toEqual([['change', ADD_4, 7]]);
    expect(leader.occupation).toEqual(IDLE);
    expect(leader.pass(10, 2, 3, 4)).toEqual([]);
    leader.preparations.abandon(2);
    expect([leader.asked, leader.refused()]).toEqual([[], []]);
    expect(leader.told).toHaveLength(3);
  });

  it('waits for room for its mark, and asks for one mark only', () => {
    const leader = new Leader();
    leader.hasRoom = false;
    leader.change(REMOVE_3, 7);
    for (let i = 0; i < 2; i++) expect(leader.pass(10)).toEqual([['mark']]);
    expect(leader.told).toEqual(['proposeremoveserver']);
    leader.hasRoom = true;
    expect(leader.pass(5 * ELECTION_MS)).toEqual([['mark']]);
    // Its time begins with the mark, not with the request.
    expect(leader.pass(2 * ELECTION_MS - 1)).toEqual([]);
    expect(leader.pass(0, 2)).toEqual([['change', REMOVE_3, 7]]);
  });

  it.each(['mayChange', 'isAllHandedOut'] as const)('waits while not %s', (condition) => {
    const leader = new Leader();
    leader[condition] = false;
    leader.change(REMOVE_3, 7);
    expect(leader.pass(10)).toEqual([['mark']]);
    expect(leader.pass(10, 2)).toEqual([]);
    leader[condition] = true;
    expect(leader.pass(10)).toEqual([['change', REMOVE_3, 7]]);
  });

  it('is refused by what is missing, and its newcomer, where it has one, is let go', () => {
    const leader = new Leader();
    leader.change(ADD_4, 7);
    expect(leader.pass(4 * ELECTION_MS)).toEqual([
      ['stage', 4],
      ['unstage', 4],
      ['refuse', 7, RejectReason.TargetUnreachable, { silent: [4], behind: [] }],
    ]);
    expect(leader.occupation).toEqual(IDLE);
    leader.change(REMOVE_3, 8);
    expect(leader.pass(0)).toEqual([['mark']]);
    const missing = { silent: [2], behind: [] };
    expect(leader.pass(2 * ELECTION_MS)).toEqual([['refuse', 8, RejectReason.NoQuorum, missing]]);
    expect([leader.occupation, leader.pass(10)]).toEqual([IDLE, []]);
  });

  it('ends with the leadership', () => {
    const leader = new Leader();
    leader.change(ADD_4, 7);
    leader.preparations.abandon(2);
    const outcome = { ok: false, reason: RejectReason.NotLeader, leader: 2 };
    expect(leader.out.requests.splice(0)).toEqual([{ token: 7, ...outcome }]);
    expect(leader.asked).toEqual([
      ['stage', 4],
      ['unstage', 4],
    ]);
    expect(leader.occupation).toEqual(IDLE);
    leader.change(REMOVE_3, 8);
    leader.preparations.abandon(2);
    expect(leader.out.requests.splice(0)).toEqual([{ token: 8, ...outcome }]);
    expect(leader.asked).toHaveLength(2);
    leader.asked.length = 0;
    expect(leader.pass(10, 2)).toEqual([]);
  });
});

describe('a transfer that is prepared', () => {
  it('occupies the leader until its target is told, once', () => {
    const leader = new Leader();
    leader.pass(0, 2, 3);
    leader.transfer(2, 7);
    expect(leader.occupation).toEqual([RejectReason.Transferring, 0, undefined]);
    expect(leader.pass(10)).toEqual([]);
    expect(leader.pass(10, 2)).toEqual([['hand over', 2]]);
    expect(leader.occupation).toEqual([RejectReason.Transferring, 0, undefined]);
    expect(leader.pass(10, 2)).toEqual([]);
    leader.handover.ledBy(2);
    expect(leader.occupation).toEqual(IDLE);
    expect(leader.pass(10)).toEqual([['done', 7]]);
  });

  it('to the leader itself is done', () => {
    const leader = new Leader();
    leader.transfer(1, 7);
    expect([leader.refused(), leader.occupation]).toEqual([[['done', 7]], IDLE]);
  });

  it('waits, and so does a change, while anything else that was asked for is under way', () => {
    const leader = new Leader();
    leader.pass(0, 2, 3);
    const refusals = () => {
      leader.transfer(2, 8);
      leader.change(REMOVE_3, 9);
      return leader.refused();
    };
    const refused = (reason: RejectReason) => [8, 9].map((token) => ['refuse', token, reason, undefined]);
    leader.change(ADD_4, 7);
    expect(refusals()).toEqual(refused(RejectReason.ChangeInFlight));
    leader.preparations.abandon(0);
    leader.refused();
    leader.isChangeInLog = true;
    expect(refusals()).toEqual(refused(RejectReason.ChangeInFlight));
    leader.isChangeInLog = false;
    leader.transfer(2, 7);
    expect(refusals()).toEqual(refused(RejectReason.Transferring));
    leader.pass(10, 2);
    expect(refusals()).toEqual(refused(RejectReason.Transferring));
  });

  it('is refused at once where nobody answers, and occupies nothing', () => {
    const leader = new Leader();
    leader.transfer(2, 7);
    expect(leader.refused()).toEqual([['refuse', 7, RejectReason.TargetUnreachable, { silent: [2], behind: [] }]]);
    expect(leader.occupation).toEqual(IDLE);
  });

  it('is refused in the end by what is missing, and ends with the leadership', () => {
    const leader = new Leader();
    leader.pass(0, 2, 3);
    leader.transfer(3, 7);
    const missing = { silent: [3], behind: [] };
    expect(leader.pass(ELECTION_MS)).toEqual([['refuse', 7, RejectReason.TargetUnreachable, missing]]);
    expect(leader.occupation).toEqual(IDLE);
    leader.transfer(3, 8);
    leader.preparations.abandon(2);
    expect(leader.refused()).toEqual([['refuse', 8, RejectReason.NotLeader, undefined]]);
    expect([leader.occupation, leader.pass(ELECTION_MS)]).toEqual([IDLE, []]);
  });
});

it('a change that makes no sense is refused', () => {
  const leader = new Leader();
  leader.change({ type: ChangeType.Remove, id: 9 }, 7);
  expect([leader.refused(), leader.occupation]).toEqual([[['refuse', 7, RejectReason.InvalidChange, undefined]], IDLE]);
});

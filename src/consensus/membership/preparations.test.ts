import { describe, expect, it } from 'vitest';
import {
  ChangeType,
  type MembershipChange,
  type NodeId,
  RejectReason,
  simpleConfiguration,
  type ToldEvent,
} from '../contract.ts';
import { configurationAfter } from './changes.ts';
import type { LeaderView, PeerView } from './leaderView.ts';
import { Preparations, type Preparing } from './preparations.ts';

const ELECTION_MS = 100;
const MEMBERS = simpleConfiguration([1, 2, 3]);
const ADD_4 = { type: ChangeType.AddVoter, id: 4 } as const;
const REMOVE_3 = { type: ChangeType.Remove, id: 3 } as const;

/** Server 1 leads 1, 2 and 3, its log ends at 50, and what is wanted of it is noted. */
class Leader implements Preparing {
  readonly asked: unknown[] = [];
  readonly told: ToldEvent[] = [];
  readonly preparations = new Preparations(this);
  readonly peers = new Map<NodeId, PeerView>();
  mayChange = true;
  isAllHandedOut = true;
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
  handOver(target: NodeId, token: number): void {
    this.asked.push(['hand over', target, token]);
  }
  refuse(token: number, reason: RejectReason, missing?: unknown): void {
    this.asked.push(['refuse', token, reason, missing]);
  }

  record(event: ToldEvent): void {
    this.told.push(event);
  }

  change(change: MembershipChange, token: number): void {
    this.preparations.change({ change, token, quorums: [configurationAfter(MEMBERS, change)!] });
  }

  transfer(to: NodeId, token: number): void {
    this.preparations.transfer({ to, token, unable: [] }, MEMBERS.voters);
  }

  /** Time passes, those given answer and hold the whole log, and a turn goes by. Returns what was wanted in it. */
  pass(durationMs: number, ...answering: readonly NodeId[]): unknown[] {
    this.nowMs += durationMs;
    for (const id of answering) this.peers.set(id, { matchIndex: this.lastIndex, heardMs: this.nowMs });
    this.preparations.advance();
    return this.asked.splice(0);
  }

  get occupation() {
    const { occupation, newcomer, pendingChange } = this.preparations;
    return [occupation, newcomer, pendingChange?.change];
  }
}

const IDLE = [undefined, 0, undefined];

describe('a change that is prepared', () => {
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
    expect(leader.preparations.abandon()).toEqual([]);
    expect(leader.asked).toEqual([]);
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
    expect(leader.preparations.abandon()).toEqual([7]);
    expect(leader.asked).toEqual([
      ['stage', 4],
      ['unstage', 4],
    ]);
    expect(leader.occupation).toEqual(IDLE);
    leader.change(REMOVE_3, 8);
    expect(leader.preparations.abandon()).toEqual([8]);
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
    expect(leader.pass(10, 2)).toEqual([['hand over', 2, 7]]);
    expect(leader.occupation).toEqual(IDLE);
    expect(leader.pass(10, 2)).toEqual([]);
  });

  it('is refused at once where nobody answers, and occupies nothing', () => {
    const leader = new Leader();
    leader.transfer(2, 7);
    expect(leader.asked).toEqual([['refuse', 7, RejectReason.TargetUnreachable, { silent: [2], behind: [] }]]);
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
    expect(leader.preparations.abandon()).toEqual([8]);
    expect([leader.occupation, leader.pass(ELECTION_MS)]).toEqual([IDLE, []]);
  });
});

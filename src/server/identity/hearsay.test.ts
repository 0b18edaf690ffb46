import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../consensus/contract.ts';
import { ASK_TIMES, type Asker } from './asking.ts';
import { Hearsay, UNCONFIRMED, wantsAdmission } from './hearsay.ts';
import { blankIdentity, type Identity, introductionOf, startedAgain, withChanges } from './identity.ts';
import { KeptIdentity } from './keptIdentity.ts';
import type { Answer, Wish } from './startDecision.ts';

class Kept extends KeptIdentity {
  isFull = false;
  protected override store(): void {
    if (this.isFull) throw new Error('the disk is full');
  }
}

function member(id: NodeId, boots = 1): Identity {
  let identity = withChanges(blankIdentity(id, 'etcd', `folder ${id}`, 'member'), { cluster: 'c' });
  for (let boot = 1; boot <= boots; boot++) identity = startedAgain(identity, `life ${id}.${boot}`);
  return identity;
}

function introduced(identity: Identity, wish?: Wish): Answer {
  const introduction = introductionOf(identity);
  return { kind: 'introduced', introduction, misfit: undefined, isVoter: true, leader: 0, known: new Map(), wish };
}

interface Question {
  readonly peer: NodeId;
  readonly timeoutMs: number;
  readonly isMember: boolean;
  readonly answered: (answer: Answer) => void;
}

/** Server 1, questions that are answered when a test says so, and time that passes then. */
function world() {
  const kept = new Kept(member(1, 0), 'life 1.1');
  kept.countStart();
  const questions: Question[] = [];
  const later: { readonly atMs: number; readonly run: () => void }[] = [];
  let nowMs = 0;
  const asker: Asker = {
    times: ASK_TIMES,
    nowMs: () => nowMs,
    after: (delayMs, run) => void later.push({ atMs: nowMs + delayMs, run }),
    ask: (peer, { isMember }, timeoutMs, answered) => void questions.push({ peer, isMember, timeoutMs, answered }),
  };
  const pass = (ms: number) => {
    nowMs += ms;
    for (const each of later.splice(0)) {
      if (each.atMs <= nowMs) each.run();
      else later.push(each);
    }
  };
  return { kept, questions, pass, hearsay: new Hearsay(kept, asker) };
}

describe('what is said under the name of a server', () => {
  it('is noted once that server has said the same at its address, and by nobody before', () => {
    const { kept, questions, hearsay } = world();
    const claim = introductionOf(member(2));
    let isSettled = false;
    hearsay.settle(claim, () => {
      isSettled = true;
    });
    expect(isSettled).toBe(false);
    expect(hearsay.objectionTo(claim)).toBe(UNCONFIRMED);
    expect(kept.identity.known.size).toBe(0);
    // As one who asks whether it may go on: it is noted by nobody, and raises no question.
    expect(questions).toMatchObject([{ peer: 2, isMember: false }]);
    questions[0]!.answered(introduced(member(2)));
    expect(isSettled).toBe(true);
    expect(hearsay.objectionTo(claim)).toBeUndefined();
    expect(kept.identity.known.get(2)).toMatchObject({ instance: 'folder 2', life: 'life 2.1', ran: true });
  });

  it.each([
    ['an admission that is to come', { admitted: 2 ** 52 }],
    ['starts that are to come', { boots: 2 ** 52, life: 'no life', earlierLives: ['life 2.1'] }],
    ['another folder', { instance: 'no folder', admitted: 2 ** 52 }],
  ])('was noted: %s ended that server at its next start', (_what, part) => {
    const { kept, questions, hearsay, pass } = world();
    kept.meet(introductionOf(member(2)));
    const forged = { ...introductionOf(member(2)), ...part };
    for (const answer of [introduced(member(2)), { kind: 'silent' }, { kind: 'original' }] as const) {
      let settled = 0;
      hearsay.settle(forged, () => settled++);
      questions.at(-1)!.answered(answer);
      expect(settled).toBe(1);
      expect(hearsay.objectionTo(forged)).toBe(UNCONFIRMED);
      pass(1000);
    }
    expect(hearsay.objectionTo(introductionOf(member(2)))).toBeUndefined();
    const next = introductionOf(member(2, 2));
    hearsay.settle(next, () => {});
    questions.at(-1)!.answered(introduced(member(2, 2)));
    expect(hearsay.objectionTo(next)).toBeUndefined();
  });

  it('takes no question where it is known, does not fit, or is noted by nobody', () => {
    const { kept, questions, hearsay } = world();
    kept.meet(introductionOf(member(2)));
    const claims = [
      introductionOf(member(2)),
      { ...introductionOf(member(2)), instance: 'another' },
      { ...introductionOf(member(3)), cluster: 'another' },
      introductionOf(member(3), false),
    ];
    const objections = claims.map((claim) => {
      let objection: ReturnType<Hearsay['objectionTo']> | 'not settled' = 'not settled';
      hearsay.settle(claim, () => {
        objection = hearsay.objectionTo(claim);
      });
      return objection;
    });
    expect(objections).toEqual([undefined, 'forgotten', 'other-cluster', undefined]);
    expect(questions).toEqual([]);
  });

  it('is no reason to ask twice at a time, nor again at once, and who asks too much is not waited for', () => {
    const { questions, hearsay, pass } = world();
    let settled = 0;
    for (let i = 0; i < 100; i++)
      hearsay.settle({ ...introductionOf(member(2)), life: `no life ${i}` }, () => settled++);
    expect(questions.length).toBe(1);
    // 64 wait for the answer, and the others hear at once that there is none.
    expect(settled).toBe(100 - 64);
    questions[0]!.answered({ kind: 'silent' });
    expect(settled).toBe(100);
    hearsay.settle(introductionOf(member(2)), () => settled++);
    hearsay.settle(introductionOf(member(3)), () => settled++);
    expect(questions.map(({ peer }) => peer)).toEqual([2, 3]);
    pass(99);
    expect(questions.length).toBe(2);
    pass(1);
    expect(questions.map(({ peer }) => peer)).toEqual([2, 3, 2]);
    questions[2]!.answered(introduced(member(2)));
    expect(settled).toBe(101);
    pass(100);
    hearsay.settle(introductionOf(member(2, 2)), () => {});
    expect(questions.length).toBe(4);
  });

  it('of a server far away is waited for longer each time', () => {
    const { questions, hearsay, pass } = world();
    for (let i = 0; i < 3; i++) {
      hearsay.settle(introductionOf(member(2)), () => {});
      pass(questions.at(-1)!.timeoutMs);
      questions.at(-1)!.answered({ kind: 'silent', isLate: true });
      pass(100);
    }
    expect(questions.map(({ timeoutMs }) => timeoutMs)).toEqual([1000, 2000, 4000]);
  });

  it('is not taken where what was heard cannot be noted', () => {
    const { kept, questions, hearsay, pass } = world();
    const claim = introductionOf(member(2));
    kept.isFull = true;
    hearsay.settle(claim, () => {});
    questions[0]!.answered(introduced(member(2)));
    expect(hearsay.objectionTo(claim)).toBe(UNCONFIRMED);
    expect(hearsay.explain(UNCONFIRMED, claim)).toContain('cannot note whom it speaks to: the disk is full');
    kept.isFull = false;
    pass(1000);
    hearsay.settle(claim, () => {});
    questions[1]!.answered({ kind: 'silent' });
    expect(hearsay.explain(UNCONFIRMED, claim)).toContain('did not hear the same at the address that -servers names');
  });

  it('is told from what is known of that server, in words that say so', () => {
    const { kept, hearsay } = world();
    kept.meet(introductionOf(member(2)));
    const forged = { ...introductionOf(member(2)), instance: 'another' };
    expect(hearsay.objectionTo(forged)).toBe('forgotten');
    expect(hearsay.explain('forgotten', forged)).toContain('knows server 2 by another folder (instance folder 2)');
  });

  it('is not noted once the server is being stopped', () => {
    const { kept, questions, hearsay } = world();
    hearsay.settle(introductionOf(member(2)), () => expect.unreachable());
    hearsay.close();
    questions[0]!.answered(introduced(member(2)));
    expect(kept.identity.known.size).toBe(0);
  });

  it('of one that is met as an older copy at its address does not help that copy', () => {
    const { kept, questions, hearsay } = world();
    kept.meet(introductionOf(member(2, 3)));
    const claim = introductionOf(member(2, 4));
    hearsay.settle(claim, () => {});
    const copy = startedAgain(member(2, 2), 'life of the copy');
    questions[0]!.answered(introduced(copy));
    expect(hearsay.objectionTo(claim)).toBe(UNCONFIRMED);
    expect(hearsay.objectionTo(introductionOf(copy))).toBe('older-copy');
  });
});

describe('who asks for admission', () => {
  const empty = startedAgain(blankIdentity(2, 'etcd', 'folder 2', 'new'), 'life 2.1');
  const asker = introductionOf(empty);
  const plain = { asker, rejoin: false, bySurvivor: false };

  it('is admitted where that very start is at its address, and waits', () => {
    expect(wantsAdmission(1, plain, introduced(empty))).toBe(true);
    const others: Answer[] = [
      { kind: 'silent' },
      { kind: 'original' },
      introduced(member(2)),
      introduced(startedAgain(empty, 'life 2.2')),
      introduced(blankIdentity(2, 'etcd', 'another', 'new')),
      introduced({ ...empty, stage: 'member' }),
      introduced({ ...empty, id: 3 }),
      introduced({ ...empty, instance: 'another' }),
      introduced({ ...empty, life: 'another' }),
      introduced({ ...empty, life: 'another' }, { rejoin: true, survivor: 1 }),
    ];
    for (const answer of others) expect(wantsAdmission(1, plain, answer)).toBe(false);
  });

  it('gets no more than its operator told it to ask for, where it tells', () => {
    const answers = (wish?: Wish) =>
      [plain, { ...plain, rejoin: true }, { ...plain, rejoin: true, bySurvivor: true }].map((request) =>
        wantsAdmission(1, request, introduced(empty, wish)),
      );
    expect(answers({ rejoin: false, survivor: 0 })).toEqual([true, false, false]);
    expect(answers({ rejoin: true, survivor: 0 })).toEqual([true, true, false]);
    expect(answers({ rejoin: true, survivor: 3 })).toEqual([true, true, false]);
    expect(answers({ rejoin: true, survivor: 1 })).toEqual([true, true, true]);
    // An earlier version.
    expect(answers()).toEqual([true, true, true]);
  });

  it('is asked each time', () => {
    const { questions, hearsay, pass } = world();
    const heard: boolean[] = [];
    hearsay.confirm(plain, (isTrue) => heard.push(isTrue));
    questions[0]!.answered(introduced(empty));
    pass(1000);
    hearsay.confirm(plain, (isTrue) => heard.push(isTrue));
    questions[1]!.answered({ kind: 'silent' });
    expect(heard).toEqual([true, false]);
  });
});

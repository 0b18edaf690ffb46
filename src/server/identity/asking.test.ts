import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../consensus/contract.ts';
import {
  type Answers,
  ASK_TIMES,
  type Asker,
  askOfMember,
  askWhetherNew,
  isCertain,
  LATE,
  Patience,
} from './asking.ts';
import { type Identity, introductionOf } from './identity.ts';
import { type Answer, decideStart, type StartDecision, type Unconfirmed } from './startDecision.ts';

const NOT_RUNNING: Answer = { kind: 'silent' };

function identity(id: NodeId, part: Partial<Identity> = {}): Identity {
  const fresh = { engine: 'etcd', cluster: '', stage: 'new', boots: 1, life: 'life', admitted: 0 } as const;
  return { id, instance: `${id}-1`, known: new Map(), earlierLives: [], isBound: false, ...fresh, ...part };
}

function introduced(who: Identity, isVoter = false, leader = 0): Answer {
  return {
    kind: 'introduced',
    introduction: introductionOf(who),
    misfit: undefined,
    isVoter,
    leader,
    known: who.known,
  };
}

/** Time that passes when it is told to, and servers that answer after a time of their own, or never. */
class World implements Asker {
  readonly times = ASK_TIMES;
  asked = 0;
  private nowValue = 0;
  private readonly due: { atMs: number; run: () => void }[] = [];
  private readonly replies = new Map<NodeId, { afterMs: number; answer: Answer }>();

  readonly nowMs = () => this.nowValue;

  readonly after = (delayMs: number, run: () => void) => {
    this.due.push({ atMs: this.nowValue + delayMs, run });
  };

  answers(peer: NodeId, afterMs: number, answer: Answer): this {
    this.replies.set(peer, { afterMs, answer });
    return this;
  }

  readonly ask: Asker['ask'] = (peer, _own, timeoutMs, answered) => {
    this.asked++;
    const reply = this.replies.get(peer);
    const isInTime = reply !== undefined && reply.afterMs < timeoutMs;
    this.after(isInTime ? reply.afterMs : timeoutMs, () => answered(isInTime ? reply.answer : LATE));
  };

  /** Until `isDone`, or nothing is left to happen. */
  run(isDone: () => boolean): void {
    while (!isDone()) {
      this.due.sort((a, b) => a.atMs - b.atMs);
      const next = this.due.shift();
      if (next === undefined) throw new Error('nothing is left to happen');
      this.nowValue = next.atMs;
      next.run();
    }
  }
}

const BOOTSTRAP = [1, 2, 3];

/** Asks as Starting does, at most so many rounds, and returns the decision that ended it. */
function decideIn(world: World, patience: Patience, peers: readonly NodeId[], own: Identity, roundsMax = 20) {
  let before: Unconfirmed | undefined;
  for (let round = 1; round <= roundsMax; round++) {
    let answers: Answers | undefined;
    const certain = (heard: Answers) => isCertain(decideStart(own, BOOTSTRAP, heard, before), BOOTSTRAP, own.id, heard);
    askWhetherNew(world, patience, peers, introductionOf(own), certain, (all) => {
      answers = all;
    });
    world.run(() => answers !== undefined);
    const decision: StartDecision = decideStart(own, BOOTSTRAP, answers!, before);
    before = decision.kind === 'confirm' ? decision.next : undefined;
    if (decision.kind !== 'confirm' && decision.kind !== 'wait') return { decision, round };
  }
  return undefined;
}

describe('servers that are asked who they are', () => {
  it.each([1_200, 2_500, 4_900])('were never founded where an answer takes %i ms', (roundTripMs) => {
    const world = new World();
    for (const peer of [2, 3]) world.answers(peer, roundTripMs, introduced(identity(peer)));
    const end = decideIn(world, new Patience(), [2, 3], identity(1));
    expect(end?.decision.kind).toBe('found');
    // Less than twice as long in vain, and two rounds.
    expect(world.nowMs()).toBeLessThan(5 * roundTripMs);
  });

  it('are waited for each as long as it needs', () => {
    const world = new World().answers(2, 5, introduced(identity(2))).answers(3, 3_000, introduced(identity(3)));
    const patience = new Patience();
    expect(decideIn(world, patience, [2, 3], identity(1))?.decision.kind).toBe('found');
    expect(patience.timeoutMs(2)).toBe(ASK_TIMES.leastMs);
    expect(patience.timeoutMs(3)).toBe(6_000);
  });

  it('that are not running have as long as before', () => {
    const patience = new Patience();
    patience.heard(2, NOT_RUNNING, 700);
    expect(patience.timeoutMs(2)).toBe(ASK_TIMES.leastMs);
  });

  it('have in the next round what the last one showed that they need, also where that begins at once', () => {
    const world = new World().answers(2, 900, introduced(identity(2)));
    const patience = new Patience();
    let nextMs = 0;
    askWhetherNew(
      world,
      patience,
      [2],
      introductionOf(identity(1)),
      () => false,
      () => {
        nextMs = patience.timeoutMs(2);
      },
    );
    world.run(() => nextMs > 0);
    expect(nextMs).toBe(1_800);
  });

  it('have all been heard, but for who asks, where it is certain that there is nothing but to wait', () => {
    const heard = (...ids: NodeId[]) => new Map(ids.map((id) => [id, introduced(identity(id))]));
    const isWaitCertain = (answers: Answers) => isCertain({ kind: 'wait' } as StartDecision, BOOTSTRAP, 1, answers);
    expect([heard(), heard(2), heard(3), heard(2, 3)].map(isWaitCertain)).toEqual([false, false, false, true]);
  });

  it('have no more than ten seconds, and a second again once they answer soon', () => {
    const patience = new Patience();
    for (let asked = 0; asked < 10; asked++) patience.heard(2, LATE, patience.timeoutMs(2));
    expect(patience.timeoutMs(2)).toBe(10_000);
    patience.heard(2, NOT_RUNNING, 3);
    expect(patience.timeoutMs(2)).toBe(10_000);
    patience.heard(2, introduced(identity(2)), 3);
    expect(patience.timeoutMs(2)).toBe(1_000);
  });

  it('do not hold up what is certain without them', () => {
    const knows = { known: new Map([[1, { instance: '1-1', boots: 1, life: 'life', admitted: 0, ran: false }]]) };
    const member = identity(2, { stage: 'member', cluster: 'c', ...knows });
    const world = new World().answers(2, 5, introduced(member, true, 2));
    const patience = new Patience();
    for (let asked = 0; asked < 10; asked++) patience.heard(3, LATE, patience.timeoutMs(3));
    expect(decideIn(world, patience, [2, 3], identity(1))?.decision.kind).toBe('join');
    expect(world.nowMs()).toBe(2 * ASK_TIMES.leastMs);
  });

  it('are waited for where the one that answers names no leader', () => {
    const leaderless = identity(2, { stage: 'member', cluster: 'c' });
    const world = new World()
      .answers(2, 5, introduced(leaderless, false, 0))
      .answers(3, 2_500, introduced(identity(3, { stage: 'member', cluster: 'c' }), false, 3));
    const end = decideIn(world, new Patience(), [2, 3], identity(1), 3);
    expect(end?.decision).toMatchObject({ kind: 'admission' });
    let answers: Answers | undefined;
    const patience = new Patience();
    patience.heard(3, LATE, 1_000);
    patience.heard(3, LATE, 2_000);
    const certain = (heard: Answers) =>
      isCertain(decideStart(identity(1), BOOTSTRAP, heard, undefined), BOOTSTRAP, 1, heard);
    askWhetherNew(world, patience, [2, 3], introductionOf(identity(1)), certain, (all) => {
      answers = all;
    });
    world.run(() => answers !== undefined);
    expect(decideStart(identity(1), BOOTSTRAP, answers!, undefined)).toMatchObject({ kind: 'admission', leader: 3 });
  });

  it('outside of the initial members are not waited for by those who found', () => {
    const world = new World();
    for (const peer of [2, 3]) world.answers(peer, 5, introduced(identity(peer)));
    const patience = new Patience();
    for (let asked = 0; asked < 10; asked++) patience.heard(4, LATE, patience.timeoutMs(4));
    expect(decideIn(world, patience, [2, 3, 4], identity(1))?.decision.kind).toBe('found');
    expect(world.nowMs()).toBe(2 * ASK_TIMES.leastMs);
  });
});

describe('a member that starts again', () => {
  const own = introductionOf(identity(1, { stage: 'member', cluster: 'c' }));
  const member = (id: NodeId) => introduced(identity(id, { stage: 'member', cluster: 'c' }), true, 2);

  function asked(world: World, peers: readonly NodeId[], bootstrap: readonly NodeId[]) {
    const heard: { all?: Answers; atMs?: number; later: Answers[] } = { later: [] };
    const then = (all: Answers) => {
      heard.all = all;
      heard.atMs = world.nowMs();
    };
    askOfMember(world, peers, own, bootstrap, then, (all) => heard.later.push(all));
    world.run(() => heard.all !== undefined);
    return heard;
  }

  it('went on after a second, unheard, where an answer takes longer, and heard none of what was said then', () => {
    const world = new World().answers(2, 2_500, member(2)).answers(3, 2_600, member(3));
    const heard = asked(world, [2, 3], BOOTSTRAP);
    expect(heard.all!.get(2)).toEqual(member(2));
    world.run(() => heard.later.length > 0);
    expect(heard.later[0]!.get(3)).toEqual(member(3));
  });

  it('does not wait long for one of three that says nothing', () => {
    const heard = asked(new World().answers(2, 5, member(2)), [2, 3], BOOTSTRAP);
    expect(heard.atMs).toBe(5 + ASK_TIMES.silenceMs);
    expect(heard.all!.get(3)).toEqual(LATE);
  });

  it('takes half of the initial members, itself among them, for most of no even number', () => {
    expect(asked(new World().answers(2, 5, member(2)), [2, 3, 4], [1, 2, 3, 4]).atMs).toBe(ASK_TIMES.leastMs);
    expect(asked(new World().answers(2, 5, member(2)).answers(3, 7, member(3)), [2, 3, 4], [1, 2, 3, 4]).atMs).toBe(
      7 + ASK_TIMES.silenceMs,
    );
  });

  it('hears once that the round is over, whatever is heard afterwards and whoever is waited for no longer', () => {
    const world = new World().answers(2, 5, member(2)).answers(3, 100, member(3)).answers(4, 2_000, member(4));
    let isOver = false;
    const ends: number[] = [];
    const later: number[] = [];
    const then = () => void ends.push(world.nowMs());
    askOfMember(world, [2, 3, 4], own, [1, 2, 3, 4], then, () => void later.push(world.nowMs()));
    world.after(30_000, () => {
      isOver = true;
    });
    world.run(() => isOver);
    expect([ends, later]).toEqual([[100 + ASK_TIMES.silenceMs], [2_000]]);
  });

  it('goes on at once where nobody else runs', () => {
    const world = new World().answers(2, 1, NOT_RUNNING).answers(3, 1, NOT_RUNNING);
    expect(asked(world, [2, 3], BOOTSTRAP).atMs).toBe(1);
  });

  it('goes on after ten seconds where nobody says anything, and soon where it was the first of all alone', () => {
    expect(asked(new World(), [2, 3], BOOTSTRAP).atMs).toBe(ASK_TIMES.mostMs);
    expect(asked(new World(), [2, 3], [1]).atMs).toBe(ASK_TIMES.silenceMs);
  });

  it('has nobody to wait for where it is alone', () => {
    expect(asked(new World(), [], [1]).atMs).toBe(0);
  });
});

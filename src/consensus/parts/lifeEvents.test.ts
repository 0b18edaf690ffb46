import { describe, expect, it } from 'vitest';
import { type EngineSummary, Role, simpleConfiguration } from '../contract.ts';
import { LifeEvents } from './lifeEvents.ts';

const THREE = simpleConfiguration([1, 2, 3]);
const FOUR = simpleConfiguration([1, 2, 3, 4]);

function summary(role: Role, term: number, leader: number, configuration = THREE): EngineSummary {
  return { role, term, leader, configuration };
}

const FOLLOWS = summary(Role.Follower, 1, 2);
const LEADS = summary(Role.Leader, 1, 1);

describe('what follows from one turn to the next', () => {
  const cases: readonly (readonly [string, EngineSummary, EngineSummary, readonly string[]])[] = [
    ['a leader is not heard', FOLLOWS, summary(Role.PreCandidate, 1, 0), ['failure', 'preelection']],
    ['nothing was heard of one, ever', summary(Role.Follower, 1, 0), summary(Role.PreCandidate, 1, 0), ['preelection']],
    ['a leader is told to stand', FOLLOWS, summary(Role.Candidate, 2, 0), ['election']],
    ['the pre-vote is won', summary(Role.PreCandidate, 1, 0), summary(Role.Candidate, 2, 0), ['election']],
    ['an election brought nobody', summary(Role.Candidate, 2, 0), summary(Role.Candidate, 3, 0), ['election']],
    ['an election is won', summary(Role.Candidate, 2, 0), summary(Role.Leader, 2, 1), ['becomeleader']],
    ['all of it in one turn', FOLLOWS, summary(Role.Leader, 2, 1), ['election', 'becomeleader']],
    [
      'it stands again and is elected',
      summary(Role.Candidate, 2, 0),
      summary(Role.Leader, 3, 1),
      ['election', 'becomeleader'],
    ],
    ['again, in one turn', LEADS, summary(Role.Leader, 3, 1), ['election', 'becomeleader']],
    ['no quorum answers', LEADS, summary(Role.Leader, 1, 0), ['failure']],
    ['a leader steps down by itself', LEADS, summary(Role.Follower, 1, 0), ['failure']],
    ['a leader is removed', LEADS, summary(Role.Passive, 1, 0), []],
    ['a later leader is heard', LEADS, summary(Role.Follower, 2, 3), []],
    ['a later term is heard', FOLLOWS, summary(Role.Follower, 2, 0), []],
    ['who takes no part hears nobody', summary(Role.Passive, 1, 2), summary(Role.Passive, 1, 0), []],
    ['a quorum answers again', summary(Role.Leader, 1, 0), LEADS, []],
    ['another configuration', FOLLOWS, summary(Role.Follower, 1, 2, FOUR), ['applyconfiguration']],
    [
      'another learner',
      FOLLOWS,
      summary(Role.Follower, 1, 2, simpleConfiguration([1, 2, 3], [4])),
      ['applyconfiguration'],
    ],
    ['joint', FOLLOWS, summary(Role.Follower, 1, 2, { ...THREE, outgoing: [1, 2] }), ['applyconfiguration']],
    [
      'with another learner to come',
      FOLLOWS,
      summary(Role.Follower, 1, 2, { ...THREE, learnersNext: [3] }),
      ['applyconfiguration'],
    ],
    ['an equal one', FOLLOWS, summary(Role.Follower, 1, 2, simpleConfiguration([3, 2, 1])), []],
    ['nothing', FOLLOWS, summary(Role.Follower, 1, 2), []],
  ];
  it.each(cases)('%s', (_what, before, now, events) => {
    const life = new LifeEvents(1, before, THREE, 0);
    expect(life.turned(now)).toEqual(events);
    expect(life.turned(now)).toEqual([]);
  });
});

describe('what follows from a committed configuration', () => {
  const joint = { ...simpleConfiguration([1, 2, 4]), outgoing: [1, 2, 3] };
  const cases = [
    ['a new member', THREE, FOUR, ['added']],
    ['a learner is a member', THREE, simpleConfiguration([1, 2, 3], [4]), ['added']],
    ['one that becomes a voter was one before', simpleConfiguration([1, 2, 3], [4]), FOUR, []],
    ['a member less', FOUR, THREE, ['removed']],
    ['itself', THREE, simpleConfiguration([2, 3]), ['removed', 'terminated']],
    ['on the way: who leaves is there still', THREE, joint, ['added']],
    ['at its end', joint, simpleConfiguration([1, 2, 4]), ['removed']],
    ['the same', THREE, simpleConfiguration([1, 2, 3]), []],
  ] as const;
  it.each(cases)('%s', (_what, before, now, events) => {
    const life = new LifeEvents(1, FOLLOWS, before, 4);
    expect(life.applied(5, FOLLOWS, now)).toEqual(events);
    expect(life.applied(6, FOLLOWS, now)).toEqual([]);
  });

  it('comes after the configuration is in force, and not where it was known before the start', () => {
    const life = new LifeEvents(1, FOLLOWS, THREE, 4);
    expect(life.applied(4, summary(Role.Follower, 1, 2, FOUR), FOUR)).toEqual([]);
    expect(life.turned(summary(Role.Follower, 1, 2, FOUR))).toEqual([]);
    expect(life.applied(5, FOLLOWS, THREE)).toEqual(['applyconfiguration', 'removed']);
  });
});

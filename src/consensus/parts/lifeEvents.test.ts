import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, type DerivedEvent, type EngineSummary, Role, simpleConfiguration } from '../contract.ts';
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

type Rule = (before: EngineSummary, now: EngineSummary) => boolean;

const inTurn = (rule: (roles: string) => boolean): Rule => {
  return (before, now) => rule(`${before.role} ${now.role} ${before.term === now.term ? 'same' : 'later'} term`);
};

/** Of each event, in the order in which they are told, when it is: by itself, without a look at the others. */
const RULES: readonly (readonly [DerivedEvent, Rule])[] = [
  [
    'failure',
    (before, now) => before.leader > 0 && now.leader < 1 && before.term === now.term && now.role !== Role.Passive,
  ],
  ['preelection', inTurn((roles) => /^(?!pre-candidate ).* pre-candidate/.test(roles))],
  ['election', inTurn((roles) => / candidate later|^(?!candidate ).* candidate| leader later/.test(roles))],
  ['becomeleader', inTurn((roles) => / leader later|^(?!leader ).* leader /.test(roles))],
  [
    'applyconfiguration',
    ({ configuration: before }, { configuration: now }) =>
      JSON.stringify({ ...before, autoLeave: 0 }) !== JSON.stringify({ ...now, autoLeave: 0 }),
  ],
];

/** The slow obvious twin: of everybody who ever was a server, whether it is a member now, and was. */
function membership(self: number, before: Configuration, now: Configuration): DerivedEvent[] {
  const isIn = ({ voters, learners, outgoing }: Configuration, id: number) =>
    [voters, learners, outgoing].some((list) => list.some((each) => each === id));
  const came = [1, 2, 3, 4, 5].filter((id) => !isIn(before, id) && isIn(now, id));
  const left = [1, 2, 3, 4, 5].filter((id) => isIn(before, id) && !isIn(now, id));
  const events: DerivedEvent[] = [];
  if (came.length > 0) events.push('added');
  if (left.length > 0) events.push('removed');
  if (left.indexOf(self) !== -1) events.push('terminated');
  return events;
}

describe('a life, at random', () => {
  const ids = fc.subarray([1, 2, 3, 4, 5], { maxLength: 3 });
  const configuration: fc.Arbitrary<Configuration> = fc.oneof(
    fc.constantFrom(THREE, FOUR),
    fc.record({ voters: ids, learners: ids, outgoing: ids, learnersNext: ids, autoLeave: fc.boolean() }),
  );
  const turn = fc.record({
    role: fc.constantFrom(...Object.values(Role)),
    rises: fc.nat(2).map((rise) => Math.max(0, rise - 1)),
    leader: fc.nat(2),
    isNew: fc.boolean(),
    configuration,
    applied: fc.option(configuration, { nil: undefined }),
  });

  it('is told as a rule of each event by itself says', () => {
    const knownIndex = 3;
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 12 }), (turns) => {
        const life = new LifeEvents(2, FOLLOWS, THREE, knownIndex);
        let [before, members, index] = [FOLLOWS, THREE, 0];
        for (const { role, rises, leader, isNew, configuration: latest, applied } of turns) {
          const now = summary(role, before.term + rises, leader, isNew ? latest : before.configuration);
          const turned = RULES.filter(([, rule]) => rule(before, now)).map(([event]) => event);
          if (applied === undefined) {
            expect(life.turned(now)).toEqual(turned);
            before = now;
          } else if (++index <= knownIndex) {
            expect(life.applied(index, now, applied)).toEqual([]);
            before = { ...before, configuration: now.configuration };
          } else {
            expect(life.applied(index, now, applied)).toEqual([...turned, ...membership(2, members, applied)]);
            before = now;
          }
          members = applied ?? members;
        }
      }),
      { numRuns: 500 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangeType, type Configuration, simpleConfiguration } from '../contract.ts';
import { configurationAfter } from './changes.ts';

/** The slow obvious twin: a role for every server, and a table of what a change makes of it. */
function twin(from: Configuration, type: ChangeType, id: number): Configuration | undefined {
  const roles = new Map<number, 'voter' | 'learner'>();
  for (const voter of from.voters) roles.set(voter, 'voter');
  for (const learner of from.learners) roles.set(learner, 'learner');
  const role = roles.get(id) ?? 'none';
  const becomes = {
    [ChangeType.AddVoter]: { none: 'voter', learner: 'voter', voter: undefined },
    [ChangeType.AddLearner]: { none: 'learner', learner: undefined, voter: undefined },
    [ChangeType.Demote]: { none: undefined, learner: undefined, voter: 'learner' },
    [ChangeType.Remove]: { none: undefined, learner: 'none', voter: 'none' },
  } as const;
  const next = becomes[type][role];
  if (next === undefined) return undefined;
  roles.delete(id);
  if (next !== 'none') roles.set(id, next);
  const having = (wanted: string) => [...roles].filter(([, each]) => each === wanted).map(([each]) => each);
  return having('voter').length === 0 ? undefined : simpleConfiguration(having('voter'), having('learner'));
}

const configurations = fc
  .uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 })
  .chain((ids) =>
    fc
      .integer({ min: 1, max: ids.length })
      .map((voters) => simpleConfiguration(ids.slice(0, voters), ids.slice(voters))),
  );
const types = fc.constantFrom(...Object.values(ChangeType));

describe('configurationAfter', () => {
  it('agrees with a table of roles', () => {
    fc.assert(
      fc.property(configurations, types, fc.integer({ min: 0, max: 8 }), (from, type, id) => {
        expect(configurationAfter(from, { type, id })).toEqual(id === 0 ? undefined : twin(from, type, id));
      }),
    );
  });

  it('leaves overlapping majorities (thesis §4.1)', () => {
    fc.assert(
      fc.property(configurations, types, fc.integer({ min: 1, max: 8 }), (from, type, id) => {
        const to = configurationAfter(from, { type, id });
        if (to === undefined) return;
        const differing = simpleConfiguration([...from.voters, ...to.voters]).voters.filter(
          (voter) => from.voters.includes(voter) !== to.voters.includes(voter),
        );
        expect(differing.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('leaves somebody to vote, be there learners or not', () => {
    for (const learners of [[], [2]]) {
      for (const type of [ChangeType.Remove, ChangeType.Demote]) {
        expect(configurationAfter(simpleConfiguration([1], learners), { type, id: 1 })).toBeUndefined();
      }
    }
  });

  it('refuses what is not a server', () => {
    for (const id of [-1, 0, 1.5, Number.NaN]) {
      expect(configurationAfter(simpleConfiguration([1]), { type: ChangeType.AddVoter, id })).toBeUndefined();
    }
  });
});

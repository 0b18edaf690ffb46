import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangeType, type Configuration, MalformedMessageError, simpleConfiguration } from '../contract.ts';
import { MalformedEntryError } from '../entryCodec.ts';
import { changed, decodeConfiguration, encodeConfiguration, members } from './configuration.ts';

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

describe('changed', () => {
  it('agrees with a table of roles', () => {
    fc.assert(
      fc.property(configurations, types, fc.integer({ min: 0, max: 8 }), (from, type, id) => {
        expect(changed(from, { type, id })).toEqual(id === 0 ? undefined : twin(from, type, id));
      }),
    );
  });

  it('leaves overlapping majorities (thesis §4.1)', () => {
    fc.assert(
      fc.property(configurations, types, fc.integer({ min: 1, max: 8 }), (from, type, id) => {
        const to = changed(from, { type, id });
        if (to === undefined) return;
        const differing = members(simpleConfiguration([...from.voters, ...to.voters])).filter(
          (voter) => from.voters.includes(voter) !== to.voters.includes(voter),
        );
        expect(differing.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('refuses what is not a server', () => {
    for (const id of [-1, 0, 1.5, Number.NaN]) {
      expect(changed(simpleConfiguration([1]), { type: ChangeType.AddVoter, id })).toBeUndefined();
    }
  });
});

describe('the data of a membership entry', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(configurations, (configuration) => {
        expect(decodeConfiguration(encodeConfiguration(configuration))).toEqual(configuration);
      }),
    );
  });

  it('is refused by name where it is malformed', () => {
    const refused = [
      [],
      [2, 1, 1, 0],
      [1, 1, 1],
      [1, 2, 2, 1, 0],
      [1, 1, 0, 0],
      [1, 1, 1, 1, 1],
      [1, 9, 1, 0],
      [1, 1, 1, 0, 7],
    ];
    for (const bytes of refused) {
      let thrown: unknown;
      try {
        decodeConfiguration(Uint8Array.from(bytes));
      } catch (error) {
        thrown = error;
      }
      expect(thrown instanceof MalformedMessageError || thrown instanceof MalformedEntryError, String(bytes)).toBe(
        true,
      );
    }
  });
});

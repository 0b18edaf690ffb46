import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, simpleConfiguration } from '../contract.ts';
import { jointVote, VoteResult } from '../parts/quorum.ts';
import { Inflights } from './inflights.ts';
import {
  applyChange,
  ChangeKind,
  type ChangeStep,
  type ConfChange,
  ConfChangeError,
  decodeConfChange,
  encodeConfChange,
  isJoint,
  LEAVE_JOINT,
  MalformedConfChangeError,
  type Members,
  memberIds,
  membersOf,
  simpleChange,
  Transition,
} from './membership.ts';
import { Progress } from './progress.ts';

const newProgress = (_id: number, learner: boolean) => new Progress(0, 1, learner, new Inflights(1, 1));
const empty: Members = membersOf(simpleConfiguration([1, 2, 3]), newProgress);

/** Everybody's part, by name: the slow obvious twin. `old` is the part in the outgoing half. */
type Parts = Map<number, 'voter' | 'learner' | 'next' | 'out'>;

function twin(before: Parts, old: ReadonlySet<number>, steps: readonly ChangeStep[]): Parts {
  const parts: Parts = new Map(before);
  for (const { kind, id } of steps) {
    if (id === 0) continue;
    if (kind === ChangeKind.AddVoter) parts.set(id, 'voter');
    if (kind === ChangeKind.AddLearner && parts.get(id) !== 'learner') parts.set(id, old.has(id) ? 'next' : 'learner');
    if (kind === ChangeKind.Remove) {
      if (old.has(id)) parts.set(id, 'out');
      else parts.delete(id);
    }
  }
  return parts;
}

function partsOf(configuration: Configuration): Parts {
  const parts: Parts = new Map();
  for (const id of configuration.outgoing) parts.set(id, 'out');
  for (const id of configuration.learnersNext) parts.set(id, 'next');
  for (const id of configuration.learners) parts.set(id, 'learner');
  for (const id of configuration.voters) parts.set(id, 'voter');
  return parts;
}

const step = fc.record({
  kind: fc.constantFrom(...Object.values(ChangeKind)),
  id: fc.integer({ min: 0, max: 6 }),
});
const change: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom(...Object.values(Transition)),
  steps: fc.array(step, { maxLength: 5 }),
});

function checkInvariants({ configuration, progress }: Members): void {
  expect([...progress.keys()]).toEqual(memberIds(configuration));
  const { voters, outgoing, learners, learnersNext } = configuration;
  for (const id of learners) {
    expect(voters).not.toContain(id);
    expect(outgoing).not.toContain(id);
  }
  for (const id of learnersNext) {
    expect(outgoing).toContain(id);
    expect(voters).not.toContain(id);
  }
  for (const [id, { learner }] of progress) expect(learner).toBe(learners.includes(id));
  if (outgoing.length === 0) expect([learnersNext, configuration.autoLeave]).toEqual([[], false]);
}

function everyMajority(configuration: Configuration): number[][] {
  const ids = memberIds(configuration);
  const sets = Array.from({ length: 2 ** ids.length }, (_, mask) => ids.filter((_id, bit) => mask & (1 << bit)));
  const wins = (set: number[]) =>
    jointVote(configuration.voters, configuration.outgoing, (id) => set.includes(id)) === VoteResult.Won;
  return sets.filter(wins);
}

describe('configuration changes (Raft §6, thesis §4)', () => {
  it('does what the parts of the members say, keeps the invariants, and keeps majorities intersecting', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        let members = empty;
        for (const each of changes) {
          const before = members;
          try {
            members = applyChange(members, each, newProgress);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfChangeError);
            continue;
          }
          checkInvariants(members);
          const { configuration } = members;
          const old = new Set(configuration.outgoing);
          if (each.steps.length > 0) {
            const start = partsOf(before.configuration);
            expect(partsOf(configuration)).toEqual(twin(start, old, each.steps));
          }
          for (const a of everyMajority(before.configuration)) {
            for (const b of everyMajority(configuration)) expect(a.some((id) => b.includes(id))).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps what is known of a voter that becomes a learner', () => {
    const members = membersOf(simpleConfiguration([1, 2, 3]), newProgress);
    members.progress.get(2)!.acknowledge(17);
    const demote: ConfChange = {
      transition: Transition.JointImplicit,
      steps: [{ kind: ChangeKind.AddLearner, id: 2 }],
    };
    const joint = applyChange(members, demote, newProgress);
    expect(isJoint(joint.configuration)).toBe(true);
    expect(joint.configuration).toMatchObject({ learnersNext: [2], autoLeave: true });
    const left = applyChange(joint, LEAVE_JOINT, newProgress);
    expect(left.configuration).toEqual(simpleConfiguration([1, 3], [2]));
    expect(left.progress.get(2)).toMatchObject({ match: 17, learner: true });
  });
});

describe('a change that does not fit', () => {
  const apply = (members: Members, transition: Transition, ...steps: readonly [ChangeKind, number][]) =>
    applyChange(members, { transition, steps: steps.map(([kind, id]) => ({ kind, id })) }, newProgress);
  const { Auto, JointExplicit, JointImplicit } = Transition;
  const { AddVoter, AddLearner, Remove } = ChangeKind;
  const joint = apply(empty, JointExplicit, [AddVoter, 4]);
  const nobody = membersOf(simpleConfiguration([]), newProgress);

  it.each<[string, () => Members]>([
    ["can't apply simple config change in joint config", () => apply(joint, Auto, [AddVoter, 5])],
    ['config is already joint', () => apply(joint, JointImplicit, [AddVoter, 5])],
    ["can't make a zero-voter config joint", () => apply(nobody, JointImplicit, [AddVoter, 5])],
    ["can't leave a non-joint config", () => apply(empty, Auto)],
    ['removed all voters', () => apply(membersOf(simpleConfiguration([1]), newProgress), Auto, [Remove, 1])],
    [
      'more than one voter changed without entering joint config',
      () =>
        simpleChange(
          empty,
          [
            { kind: AddVoter, id: 4 },
            { kind: Remove, id: 1 },
          ],
          newProgress,
        ),
    ],
  ])('is refused: %s', (why, make) => {
    expect(make).toThrow(ConfChangeError);
    expect(make).toThrow(why);
  });

  it('goes through a joint configuration where it asks for one, or is more than a step', () => {
    expect(apply(empty, Auto, [AddVoter, 4]).configuration).toEqual(simpleConfiguration([1, 2, 3, 4]));
    expect(apply(empty, Auto, [AddVoter, 4], [Remove, 1]).configuration).toMatchObject({
      voters: [2, 3, 4],
      outgoing: [1, 2, 3],
      autoLeave: true,
    });
    expect(apply(empty, JointExplicit).configuration).toMatchObject({ outgoing: [1, 2, 3], autoLeave: false });
  });

  it('does not demote who becomes a voter again in the same change', () => {
    const { configuration } = apply(empty, JointExplicit, [AddLearner, 3], [AddVoter, 3]);
    expect(configuration).toMatchObject({ voters: [1, 2, 3], learnersNext: [] });
  });
});

describe('membership entries', () => {
  it('survive encoding', () => {
    fc.assert(
      fc.property(change, (each) => {
        expect(decodeConfChange(encodeConfChange(each))).toEqual(each);
      }),
    );
  });

  it.each([
    ['of version 2, expected 1', [2, 0, 0, 4]],
    ['of version undefined, expected 1', []],
    ['with transition undefined, expected 0 to 2', [1]],
    ['with transition 3, expected 0 to 2', [1, 3]],
    ['of kind 4, expected 0 to 3', [1, 0, 4, 4]],
    ['a number that is cut off', [1, 0, 0]],
  ])('are refused %s', (why, bytes) => {
    expect(() => decodeConfChange(new Uint8Array(bytes))).toThrow(MalformedConfChangeError);
    if (!why.startsWith('a number')) expect(() => decodeConfChange(new Uint8Array(bytes))).toThrow(why);
  });

  it('are refused by name where they cannot be read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        try {
          decodeConfChange(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedConfChangeError);
        }
      }),
    );
  });
});

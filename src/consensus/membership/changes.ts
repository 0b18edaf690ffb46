import { ChangeType, type Configuration, type MembershipChange, simpleConfiguration } from '../contract.ts';

/**
 * The configuration after `change`, which moves at most one voter; undefined where the change makes no sense in `from`, which is
 * not joint. The majorities of the two configurations share a member (thesis §4.1).
 */
export function configurationAfter(from: Configuration, { type, id }: MembershipChange): Configuration | undefined {
  if (!Number.isSafeInteger(id) || id < 1) return undefined;
  const isVoter = from.voters.includes(id);
  const isLearner = from.learners.includes(id);
  const otherVoters = from.voters.filter((voter) => voter !== id);
  const otherLearners = from.learners.filter((learner) => learner !== id);
  switch (type) {
    case ChangeType.AddVoter:
      return isVoter ? undefined : simpleConfiguration([...from.voters, id], otherLearners);
    case ChangeType.AddLearner:
      return isVoter || isLearner ? undefined : simpleConfiguration(from.voters, [...from.learners, id]);
    case ChangeType.Demote:
      if (!isVoter || otherVoters.length === 0) return undefined;
      return simpleConfiguration(otherVoters, [...from.learners, id]);
    case ChangeType.Remove:
      if (isLearner) return simpleConfiguration(from.voters, otherLearners);
      return isVoter && otherVoters.length > 0 ? simpleConfiguration(otherVoters, from.learners) : undefined;
    default:
      return undefined;
  }
}

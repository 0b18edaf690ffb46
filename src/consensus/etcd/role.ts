/** What a node is. The words are those that status and traces print. */
export const RaftRole = {
  Follower: 'StateFollower',
  PreCandidate: 'StatePreCandidate',
  Candidate: 'StateCandidate',
  Leader: 'StateLeader',
} as const;
export type RaftRole = (typeof RaftRole)[keyof typeof RaftRole];

import { describe, expect, it } from 'vitest';
import type { NodeId } from '../contract.ts';
import { ChangeKind, Transition } from './membership.ts';
import { MessageType } from './messages.ts';
import { StepError } from './node.ts';
import { stage, unstage } from './reconfigure.ts';
import { RaftRole } from './state.ts';
import { OneNode, type OneNodeInit } from './testing/oneNode.ts';

const { Append, AppendResp } = MessageType;
const { AddLearner, AddVoter, Remove } = ChangeKind;

function leading(init: OneNodeInit = {}): OneNode {
  const server = new OneNode(init);
  server.lead();
  server.receive(AppendResp, 2, { term: 1, index: 1 });
  server.run();
  return server;
}

function apply(server: OneNode, ...steps: readonly [ChangeKind, NodeId][]): void {
  const transition = steps.length > 1 ? Transition.JointExplicit : Transition.Auto;
  server.node.applyConfChange({ transition, steps: steps.map(([kind, id]) => ({ kind, id })) });
}

describe('a change of the members that takes effect at their leader', () => {
  it('gives new ones an election timeout to answer', () => {
    const server = leading({ voters: [1], options: { checkQuorum: true } });
    apply(server, [AddVoter, 2], [AddVoter, 3]);
    server.tick(10);
    expect(server.state.role).toBe(RaftRole.Leader);
    server.tick(10);
    expect(server.state.role).toBe(RaftRole.Follower);
  });

  it.each([
    ['at once', false],
    ['when the turn is over, where appends are coalesced', true],
  ])('sends new ones what is there %s', (_what, coalesceAppends) => {
    const server = leading({ options: { coalesceAppends } });
    apply(server, [AddVoter, 4]);
    expect(server.run().map(({ type, to }) => [type, to])).toEqual([[Append, 4]]);
  });

  it('commits what the voters that are left hold, and says so', () => {
    const server = leading({ voters: [1, 2], learners: [3] });
    server.receive(AppendResp, 3, { term: 1, index: 1 });
    server.propose('a');
    server.run();
    expect(server.state.log.committed).toBe(1);
    apply(server, [Remove, 2]);
    expect(server.state.log.committed).toBe(2);
    expect(server.run()).toMatchObject([{ type: Append, to: 3, commit: 2 }]);
  });

  it.each<[string, ChangeKind]>([
    ['removed', Remove],
    ['a learner', AddLearner],
  ])('leaves it leading when it is %s itself, and steps down where it shall', (_what, kind) => {
    for (const [stepDownOnRemoval, role] of [
      [false, RaftRole.Leader],
      [true, RaftRole.Follower],
    ] as const) {
      const server = leading({ options: { stepDownOnRemoval } });
      server.propose('a');
      server.run();
      apply(server, [kind, 1]);
      expect([server.state.role, server.state.lead]).toEqual([role, role === RaftRole.Leader ? 1 : 0]);
      expect(server.run()).toEqual([]);
    }
  });

  it('ends a transfer to who is no voter any more, and no other', () => {
    const server = leading();
    server.node.transferLeadership(3);
    apply(server, [Remove, 2]);
    expect(server.propose('a')).toBe(StepError.ProposalDropped);
    apply(server, [AddVoter, 2]);
    apply(server, [Remove, 3]);
    expect(server.propose('a')).toBeUndefined();
  });

  it('is nothing that a follower acts on', () => {
    const server = new OneNode();
    apply(server, [AddVoter, 4]);
    expect([server.state.configuration.voters, server.run()]).toEqual([[1, 2, 3, 4], []]);
  });
});

describe('a server that is staged', () => {
  const known = ({ state }: OneNode) =>
    [...state.members.progress].map(([id, { match, learner }]) => [id, match, learner]);

  it('counts for nothing, and is forgotten again', () => {
    const server = leading({ voters: [1, 3] });
    stage(server.state, 2);
    expect(known(server).map(([id, , learner]) => [id, learner])).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ]);
    expect(server.state.configuration).toMatchObject({ voters: [1, 3], learners: [] });
    unstage(server.state, 2);
    expect(known(server).map(([id]) => id)).toEqual([1, 3]);
  });

  it('is no member: of those everything stays known', () => {
    const server = leading();
    const before = known(server);
    expect(before).toContainEqual([2, 1, false]);
    stage(server.state, 2);
    unstage(server.state, 2);
    expect(known(server)).toEqual(before);
  });
});

import { describe, expect, it } from 'vitest';
import { type NodeId, RejectReason } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { ChangeKind, Transition } from './membership.ts';
import { type Message, MessageType } from './messages.ts';
import { ReadMode } from './options.ts';
import { ClientReads } from './reads.ts';
import { RaftRole } from './state.ts';
import { OneNode } from './testing/oneNode.ts';

const { AppendResp, Heartbeat, HeartbeatResp } = MessageType;
const sentTo = (messages: readonly Message[], type: MessageType) =>
  messages.filter((message) => message.type === type).map(({ to }) => to);

describe('reads (thesis §6.4)', () => {
  const led = (options = {}) => {
    const server = new OneNode({ options });
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    return server;
  };

  it('wait for a majority that answers after them', () => {
    const server = led();
    server.node.readIndex(7);
    const heartbeats = server.run().filter(({ type }) => type === Heartbeat);
    expect(heartbeats.map(({ readSequence }) => readSequence)).toEqual([1, 1]);
    server.receive(HeartbeatResp, 2, { term: 1 });
    expect(server.state.readStates).toEqual([]);
    server.receive(HeartbeatResp, 2, { term: 1, readSequence: 1 });
    expect(server.state.readStates).toMatchObject([{ index: 1, context: 7 }]);
  });

  it('are proven together with those before them, and never by answers from the future', () => {
    const server = led();
    for (const context of [7, 8, 9]) server.node.readIndex(context);
    server.receive(HeartbeatResp, 3, { term: 1, readSequence: 50 });
    expect(server.state.readStates).toEqual([]);
    server.receive(HeartbeatResp, 3, { term: 1, readSequence: 2 });
    expect(server.state.readStates.map(({ context }) => context)).toEqual([7, 8]);
  });

  it('are handed over once', () => {
    const server = led();
    server.node.readIndex(7);
    server.run();
    server.receive(HeartbeatResp, 2, { term: 1, readSequence: 1 });
    expect(server.node.ready().readStates).toMatchObject([{ context: 7 }]);
    server.propose('more');
    expect(server.node.ready().readStates).toEqual([]);
  });

  it('wait until an entry of the leader’s term is committed', () => {
    const server = new OneNode({ terms: [1], hardState: { term: 1, commit: 1 } });
    server.lead();
    server.node.readIndex(7);
    expect(sentTo(server.run(), Heartbeat)).toEqual([]);
    server.receive(AppendResp, 2, { term: 2, index: 2 });
    expect(sentTo(server.run(), Heartbeat)).toEqual([2, 3]);
    server.receive(HeartbeatResp, 2, { term: 2, readSequence: 1 });
    expect(server.state.readStates).toMatchObject([{ index: 2, context: 7 }]);
  });

  it('are answered at once by lease', () => {
    const server = led({ checkQuorum: true, readMode: ReadMode.LeaseBased });
    server.node.readIndex(7);
    expect(server.state.readStates).toMatchObject([{ index: 1, context: 7 }]);
  });

  it('go through a follower to the leader and back', () => {
    const follower = new OneNode({ id: 2 });
    follower.receive(Heartbeat, 1, { term: 1 });
    follower.run();
    follower.node.readIndex(7);
    const [request] = follower.run();
    const server = led();
    server.node.step(request!);
    server.run();
    server.receive(HeartbeatResp, 3, { term: 1, readSequence: 1 });
    const [answer] = server.run().filter(({ type }) => type === MessageType.ReadIndexResp);
    follower.node.step(answer!);
    expect(follower.state.readStates).toMatchObject([{ index: 1, context: 7 }]);
  });
});

describe('reads of a leader that is not all of its quorum', () => {
  const changed = (steps: readonly { kind: ChangeKind; id: NodeId }[], transition: Transition) => {
    const server = new OneNode({ voters: [1, 2] });
    server.lead();
    server.receive(AppendResp, 2, { term: 1, index: 1 });
    server.run();
    server.node.applyConfChange({ transition, steps });
    server.run();
    return server;
  };

  it.each([
    ['removed itself', [{ kind: ChangeKind.Remove, id: 1 }], Transition.Auto],
    ['removes the other one, which still counts', [{ kind: ChangeKind.Remove, id: 2 }], Transition.JointExplicit],
  ])('wait for the other one, though it %s', (_what, steps, transition) => {
    const server = changed(steps, transition);
    expect(server.state.role).toBe(RaftRole.Leader);
    server.node.readIndex(7);
    expect(server.state.readStates).toEqual([]);
    server.receive(HeartbeatResp, 2, { term: 1, readSequence: 1 });
    expect(server.state.readStates).toMatchObject([{ context: 7 }]);
  });

  it('need nobody where it is alone', () => {
    const server = changed([{ kind: ChangeKind.Remove, id: 2 }], Transition.Auto);
    server.node.readIndex(7);
    expect(server.state.readStates).toMatchObject([{ context: 7 }]);
  });

  it('that came early are proven once', () => {
    const server = new OneNode({ terms: [1], hardState: { term: 1, commit: 1 } });
    server.lead();
    server.node.readIndex(7);
    const sent: Message[] = [];
    for (const index of [2, 3]) {
      server.propose('more');
      sent.push(...server.run());
      server.receive(AppendResp, 2, { term: 2, index });
      sent.push(...server.run());
    }
    expect(sentTo(sent, Heartbeat)).toEqual([2, 3]);
  });
});

describe('clients’ reads', () => {
  it('of one turn share a name, are answered together, and are refused once', () => {
    const out = new OutputBuffer<Message>();
    const reads = new ClientReads(out);
    expect(reads.takeNew()).toBe(0);
    for (const token of [1, 2]) reads.add(token);
    const first = reads.takeNew();
    reads.add(3);
    const second = reads.takeNew();
    expect(new Set([0, first, second]).size).toBe(3);
    reads.answer([{ index: 9, context: first, origin: 0 }]);
    expect(out.reads).toEqual([1, 2].map((token) => ({ token, ok: true, index: 9 })));
    out.reads = [];
    reads.add(4);
    for (let times = 0; times < 2; times++) reads.refuse(2);
    expect(out.reads).toEqual([3, 4].map((token) => ({ token, ok: false, reason: RejectReason.NotLeader, leader: 2 })));
    expect(reads.takeNew()).toBe(0);
    reads.answer([{ index: 9, context: second, origin: 0 }]);
    expect(out.reads).toHaveLength(2);
  });
});

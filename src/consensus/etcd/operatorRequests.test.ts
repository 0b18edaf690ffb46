import { describe, expect, it } from 'vitest';
import { ChangeType, RejectReason } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { type Message, MessageType } from './messages.ts';
import { OperatorRequests } from './operatorRequests.ts';
import { OneNode } from './testing/oneNode.ts';

describe('a change that the log does not take', () => {
  it('is refused as overloaded, and nothing goes to the server that was to be added', () => {
    const server = new OneNode();
    server.lead();
    const out = new OutputBuffer<Message>();
    const around = { id: 1, settings: TEST_SETTINGS, node: server.node, out, nowMs: 0 };
    const requests = new OperatorRequests({ ...around, leadership: undefined, leaderHint: 1, openChange: 0 });
    requests.stage(4);
    server.receive(MessageType.AppendResp, 2, { term: 1, index: 1 });
    server.node.transferLeadership(2);
    expect([...server.state.members.progress.keys()]).toEqual([1, 2, 3, 4]);
    requests.appendChange({ type: ChangeType.AddVoter, id: 4 }, 9);
    expect(out.requests).toMatchObject([{ token: 9, ok: false, reason: RejectReason.Transferring, leader: 1 }]);
    expect([...server.state.members.progress.keys()]).toEqual([1, 2, 3]);
    expect(requests.isChangeInLog).toBe(false);
  });
});

describe('a change that the log takes', () => {
  it('goes on to the server that it adds, whom nobody forgets before it is a member', () => {
    const server = new OneNode();
    server.lead();
    const out = new OutputBuffer<Message>();
    const around = { id: 1, settings: TEST_SETTINGS, node: server.node, out, nowMs: 0 };
    const requests = new OperatorRequests({ ...around, leadership: undefined, leaderHint: 1, openChange: 0 });
    requests.stage(4);
    server.receive(MessageType.AppendResp, 2, { term: 1, index: 1 });
    server.run();
    requests.appendChange({ type: ChangeType.AddVoter, id: 4 }, 9);
    expect([out.requests, requests.isChangeInLog]).toEqual([[], true]);
    expect([...server.state.members.progress.keys()]).toEqual([1, 2, 3, 4]);
  });
});

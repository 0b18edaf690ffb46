import { describe, expect, it } from 'vitest';
import { RejectReason } from '../contract.ts';
import { OutputBuffer } from '../parts/outputBuffer.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { type Message, MessageType } from './messages.ts';
import { ClientProposals } from './proposals.ts';
import { OneNode } from './testing/oneNode.ts';

function leading(batch: boolean) {
  const server = new OneNode();
  server.lead();
  const out = new OutputBuffer<Message>();
  const proposals = new ClientProposals({
    id: 1,
    settings: { ...TEST_SETTINGS, batch },
    node: server.node,
    out,
    nowMs: 0,
  });
  return { server, out, proposals };
}

const commands = (count: number) => new Array<Uint8Array>(count).fill(new Uint8Array(1));

describe('clients’ commands', () => {
  it('are refused where the log takes none, for it is being handed over', () => {
    const { server, out, proposals } = leading(true);
    server.receive(MessageType.AppendResp, 2, { term: 1, index: 1 });
    proposals.add({ token: 6, commands: [] });
    proposals.add({ token: 7, commands: commands(2) });
    server.node.transferLeadership(2);
    proposals.add({ token: 8, commands: commands(2) });
    proposals.add({ token: 9, commands: [] });
    expect(out.accepted).toMatchObject([{ token: 7, offset: 0, count: 2, firstIndex: 2, term: 1 }]);
    const refusal = { reason: RejectReason.Transferring, leader: 1 };
    expect(out.rejected).toMatchObject([{ token: 8, offset: 0, count: 2, ...refusal }]);
  });

  it('wait one behind the other without batching', () => {
    const { out, proposals } = leading(false);
    proposals.add({ token: 7, commands: commands(2) });
    expect(proposals.areQueued).toBe(true);
    proposals.appendQueued();
    expect(out.accepted).toMatchObject([{ token: 7, offset: 0, count: 1, firstIndex: 2 }]);
    // Until that one is on disk.
    proposals.appendQueued();
    expect(out.accepted).toHaveLength(1);
  });
});

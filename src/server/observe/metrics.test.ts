import { describe, expect, it } from 'vitest';
import { defaultMetricsPort } from '../../settings/metricsPort.ts';
import { ServerMetrics } from './metrics.ts';

const NAMES = [
  'leader',
  'commit_index',
  'read_requests',
  'write_requests',
  'reads',
  'writes',
  'catchups',
  'handle_append_entries_request',
  'handle_append_entries_response',
  'handle_request_vote_request',
  'handle_request_vote_response',
  'commit_client_command',
  'io_read',
  'io_write',
];

describe('ServerMetrics', () => {
  it("has every metric of the original's", async () => {
    const text = await new ServerMetrics().registry.metrics();
    for (const name of NAMES) expect(text).toMatch(new RegExp(`^# TYPE raft_server_${name} `, 'm'));
  });

  it('tells summaries in seconds', async () => {
    const metrics = new ServerMetrics();
    for (let i = 1; i <= 100; i++) metrics.ioWrite.observeUs(i * 1000);
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/^raft_server_io_write\{quantile="0.5"\} 0\.05/m);
    expect(text).toMatch(/^raft_server_io_write_sum 5\.05$/m);
    expect(text).toMatch(/^raft_server_io_write_count 100$/m);
  });

  it('tells who takes what, bounded in number: who takes little any more is one of the others', async () => {
    const metrics = new ServerMetrics();
    const none = { connections: 0, sessions: 0, pending: 0, heldBytes: 0, refusals: 0 };
    const caller = (name: string) => ({ address: '::1', role: 'client', name, ...none, connections: 2 });
    metrics.setCallers({ callers: [caller('alice')], others: none, othersCount: 0 });
    metrics.setCallers({ callers: [caller('b\x1bo"b')], others: { ...none, connections: 7 }, othersCount: 3 });
    const lines = (await metrics.registry.metrics()).split('\n');
    expect(lines.filter((line) => line.startsWith('raft_server_by_client_connections{'))).toEqual([
      'raft_server_by_client_connections{address="::1",role="client",name="b\\\\x1bo\\"b"} 2',
      'raft_server_by_client_connections{address="others",role="",name=""} 7',
    ]);
    expect(lines).toContain('raft_server_clients 4');
  });

  it('has the port 590 followed by the id', () => {
    expect([defaultMetricsPort(1), defaultMetricsPort(7), defaultMetricsPort(10)]).toEqual([5901, 5907, 59010]);
  });
});

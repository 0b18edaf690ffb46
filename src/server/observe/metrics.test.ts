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

  it('has the port 590 followed by the id', () => {
    expect([defaultMetricsPort(1), defaultMetricsPort(7), defaultMetricsPort(10)]).toEqual([5901, 5907, 59010]);
  });
});

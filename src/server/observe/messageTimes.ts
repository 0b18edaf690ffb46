import type { ServerMetrics } from './metrics.ts';
import type { HdrSummary } from './summary.ts';

/**
 * The original's four summaries of message handling, for whatever engine runs: its messages are told apart by the words
 * in their type. Messages of other kinds are not timed.
 */
export function handlingTimes(metrics: ServerMetrics): (message: unknown, latencyUs: number) => void {
  const byType = new Map<unknown, HdrSummary | undefined>();
  return (message, latencyUs) => {
    const type = (message as { readonly type?: unknown }).type;
    let summary = byType.get(type);
    if (summary === undefined && !byType.has(type)) {
      summary = summaryFor(String(type), metrics);
      byType.set(type, summary);
    }
    summary?.observeUs(latencyUs);
  };
}

function summaryFor(type: string, metrics: ServerMetrics): HdrSummary | undefined {
  const isResponse = /resp|reply/i.test(type);
  if (/vote/i.test(type)) return isResponse ? metrics.handleRequestVoteResponse : metrics.handleRequestVoteRequest;
  if (!/app|heartbeat/i.test(type)) return undefined;
  return isResponse ? metrics.handleAppendEntriesResponse : metrics.handleAppendEntriesRequest;
}

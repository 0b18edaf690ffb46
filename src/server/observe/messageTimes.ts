import { type EngineEntry, type MessageSubject, messageType } from '../../consensus/engineEntry.ts';
import type { ServerMetrics } from './metrics.ts';
import type { HdrSummary } from './summary.ts';

/** The original's four summaries of message handling, for whatever engine runs. Messages of other subjects are not timed. */
export function handlingTimes(
  metrics: ServerMetrics,
  { subjects }: Pick<EngineEntry, 'subjects'>,
): (message: unknown, latencyUs: number) => void {
  const summaries: Readonly<Record<MessageSubject, HdrSummary>> = {
    append: metrics.handleAppendEntriesRequest,
    'append-response': metrics.handleAppendEntriesResponse,
    vote: metrics.handleRequestVoteRequest,
    'vote-response': metrics.handleRequestVoteResponse,
  };
  const byType = new Map([...subjects].map(([type, subject]) => [type, summaries[subject]]));
  return (message, latencyUs) => byType.get(messageType(message))?.observeUs(latencyUs);
}

import { findLeader } from '../scenarios/samples.ts';
import type { Cluster, ServerReport } from './cluster.ts';
import type { ClusterEventListener } from './events.ts';

const POLL_MS = 500;

/** Tells of every change of leader after `reports`, at most one a poll. Returns how to end that. */
export function watchLeader(
  cluster: Pick<Cluster, 'status'>,
  onEvent: ClusterEventListener,
  reports: readonly ServerReport[],
): () => void {
  let known = name(findLeader(reports));
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const poll = async (): Promise<void> => {
    const leader = findLeader(await cluster.status());
    if (ended) return;
    if (name(leader) !== known) {
      known = name(leader);
      onEvent(leader === undefined ? { type: 'no-leader' } : { type: 'leader', id: leader.id, term: leader.term! });
    }
    schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => void poll(), POLL_MS);
  };
  schedule();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

function name(leader: ServerReport | undefined): string {
  return leader === undefined ? 'none' : `${leader.id} in ${leader.term}`;
}

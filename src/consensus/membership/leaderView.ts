import type { NodeId } from '../contract.ts';

/** What a leader knows of one other server, whatever its engine. */
export interface PeerView {
  /** Up to here its log is known to be the leader's, on its disk. */
  readonly matchIndex: number;
  /** When it last answered, by the engine's clock, ms; negative: never. */
  readonly heardMs: number;
}

/** What decisions about members and successors are made from. */
export interface LeaderView {
  readonly id: NodeId;
  readonly nowMs: number;
  /** When this leadership began. */
  readonly sinceMs: number;
  readonly electionTimeoutMs: number;
  readonly lastIndex: number;
  /** undefined: nothing is sent to it. */
  peer(id: NodeId): PeerView | undefined;
}

/** Whether `id` answered within the last election timeout. A new leader takes it for granted as long. */
export function answersLately(view: LeaderView, id: NodeId): boolean {
  const heardMs = Math.max(view.sinceMs, view.peer(id)?.heardMs ?? Number.NEGATIVE_INFINITY);
  return view.nowMs - heardMs <= view.electionTimeoutMs;
}

/** Who of `ids` holds most of the log, the first of equals; 0 where there is nobody. */
export function longestLog(view: LeaderView, ids: readonly NodeId[]): NodeId {
  let best = 0;
  let bestMatch = -1;
  for (const id of ids) {
    const match = view.peer(id)?.matchIndex ?? 0;
    if (match <= bestMatch) continue;
    best = id;
    bestMatch = match;
  }
  return best;
}

/**
 * Who is to stand at once when this leader leaves for good: of the voters that answer, the one with the longest log. 0 where
 * none does: telling a server that is gone would only delay the election that follows anyway.
 */
export function successor(view: LeaderView, voters: readonly NodeId[]): NodeId {
  return longestLog(
    view,
    voters.filter((id) => id !== view.id && answersLately(view, id)),
  );
}

import type { Snapshot } from '../../contract.ts';
import type { Entry } from '../../entry.ts';

/** `term` is the sender's, but in pre-votes: these name the term that would be stood for (thesis §9.6). */
export type PrimerMessage =
  /** Raft figure 2, RequestVote. */
  | {
      readonly type: 'vote';
      readonly term: number;
      readonly lastIndex: number;
      readonly lastTerm: number;
      readonly preVote: boolean;
    }
  | { readonly type: 'vote-reply'; readonly term: number; readonly preVote: boolean; readonly granted: boolean }
  /** Raft figure 2, AppendEntries; without entries where there is only to be found out whether the logs agree. */
  | {
      readonly type: 'append';
      readonly term: number;
      readonly prevIndex: number;
      readonly prevTerm: number;
      readonly commit: number;
      readonly entries: readonly Entry[];
    }
  | { readonly type: 'snapshot'; readonly term: number; readonly snapshot: Snapshot }
  /** To both. ok: the log is the leader's up to `index`, durably. Otherwise `index` is the `prevIndex` that did not fit; go on after `hint`. */
  | {
      readonly type: 'append-reply';
      readonly term: number;
      readonly ok: boolean;
      readonly index: number;
      readonly hint: number;
    }
  /** `commit` goes no further than what the receiver is known to hold. */
  | { readonly type: 'heartbeat'; readonly term: number; readonly round: number; readonly commit: number }
  | { readonly type: 'heartbeat-reply'; readonly term: number; readonly round: number; readonly lastIndex: number }
  /** Stand for election at once (thesis §3.10). */
  | { readonly type: 'take-over'; readonly term: number };

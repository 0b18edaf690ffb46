import type { Missing, NodeId, RejectReason } from '../../consensus/contract.ts';
import type { ApplyResult } from './stateMachine.ts';

/** What became of a command. `unknown`: it may or may not have been applied, or may be later; retry under its session. */
export type CommandOutcome =
  | ApplyResult
  | { readonly status: 'not-leader' | 'unknown' | 'overloaded'; readonly leader: NodeId }
  /** The server takes none, and says why. */
  | { readonly status: 'disk-full'; readonly detail: string };

/** What became of a lookup. `value`, in UTF-8, is undefined where the key is not there; it is a view that holds until the sink returns. */
export type LookupOutcome =
  | { readonly status: 'ok'; readonly value: Uint8Array | undefined }
  | { readonly status: 'not-leader' | 'overloaded'; readonly leader: NodeId };

export type RequestResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: RejectReason;
      readonly leader: NodeId;
      /** What it was refused for the lack of. */
      readonly missing?: Missing | undefined;
    };

/** Receives the outcomes of the commands and lookups it submitted, each under the tag it gave. */
export interface CommandSink {
  commandDone(tag: number, outcome: CommandOutcome): void;
  lookupDone(tag: number, outcome: LookupOutcome): void;
}

import type { NodeId } from '../contract.ts';
import type { PeerView } from '../membership/leaderView.ts';
import type { SnapshotSender } from '../parts/snapshotChunks.ts';
import { IN_ORDER_BYTES_MAX, transitMs } from '../parts/transit.ts';
import { AgreementSearch } from './agreementSearch.ts';
import { CATCH_UP_BYTES_MAX, CATCH_UP_MESSAGES_MAX, UNANSWERED_CALLS_MAX } from './limits.ts';

/** A call that a peer has not answered. */
interface Sent {
  readonly call: number;
  /** The last index that its success proves. */
  readonly end: number;
  readonly sentMs: number;
  /** Of the entries that it brings; 0 once it no longer matters whether they arrive. */
  bytes: number;
  /** It brings them to a follower that catches up; otherwise it is the part of a round that everybody gets. */
  isCatchUp: boolean;
  /** Its answer says nothing about the calls before it, which it may have overtaken. */
  readonly overtakes: boolean;
}

/** What a leader knows of one other server, and how far it may go ahead of the answers of one that catches up. */
export class Peer implements PeerView {
  readonly id: NodeId;
  matchIndex = 0;
  /** When it last answered, ms; -1: never. */
  heardMs = -1;
  /**
   * steady: takes part in rounds. behind: refused a round, so it gets empty ones until it asks. catching-up: what it
   * asked for, and what follows that, is on its way.
   */
  state: 'steady' | 'behind' | 'catching-up' = 'steady';
  /** What it asked for with CatchMeUp and the next round will bring. */
  injectFrom: number | undefined;
  /** It is being brought up to date until it holds this; 0: it is not. */
  behindUntil = 0;
  /** The snapshot on its way to it, which the log follows once it is installed. */
  sender: SnapshotSender | undefined;
  /** The first index that is not on its way, while it catches up. */
  nextIndex = 0;
  /** Where catching up has to begin. */
  readonly search = new AgreementSearch();
  /** Refusals of calls before this one say nothing new. */
  private injectedCall = 0;
  /** Messages that may be on their way while it catches up: one until it agreed, then one more with each success (slow start). */
  private window = 1;
  /** Ascending by call. */
  private unanswered: Sent[] = [];
  /** When what it holds last became more. */
  private progressMs = Number.NEGATIVE_INFINITY;

  constructor(id: NodeId) {
    this.id = id;
  }

  /** Call `call` begins to bring it up to date, and goes up to before `nextIndex`. */
  beginCatchUp(call: number, nextIndex: number): void {
    this.state = 'catching-up';
    this.injectFrom = undefined;
    this.injectedCall = call;
    this.nextIndex = nextIndex;
    this.window = 1;
    // Whatever is still on its way was overtaken by the question.
    for (const sent of this.unanswered) {
      sent.isCatchUp = false;
      sent.bytes = 0;
    }
  }

  sent(sent: Sent): void {
    if (this.unanswered.length >= UNANSWERED_CALLS_MAX) this.unanswered.shift();
    this.unanswered.push(sent);
  }

  /** Call `call` succeeded: the last index that this proves; undefined where it is not remembered. */
  succeeded(call: number, nowMs: number): number | undefined {
    const sent = this.take(call);
    if (sent === undefined) return undefined;
    this.search.agreed(call);
    if (sent.isCatchUp) this.window = Math.min(this.window + 1, CATCH_UP_MESSAGES_MAX);
    if (sent.end > this.matchIndex) {
      this.matchIndex = sent.end;
      this.progressMs = nowMs;
    }
    if (sent.end >= this.behindUntil) this.behindUntil = 0;
    return sent.end;
  }

  /** So much is on its way that a heartbeat would overtake it: one that follows on it would be refused. */
  isOvertaken(nowMs: number): boolean {
    let bytes = 0;
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const sent of this.unanswered) {
      bytes += sent.bytes;
      if (sent.bytes > 0) sinceMs = Math.min(sinceMs, sent.sentMs);
    }
    return bytes > IN_ORDER_BYTES_MAX && nowMs - Math.max(sinceMs, this.progressMs) < transitMs(bytes);
  }

  /** It holds what the snapshot on its way does, so that it goes on from there; at `nowMs` it said so. */
  installed(nowMs: number): void {
    const { index } = this.sender!.snapshot;
    this.sender = undefined;
    this.state = 'catching-up';
    this.nextIndex = index + 1;
    this.window = Math.min(this.window + 1, CATCH_UP_MESSAGES_MAX);
    this.matchIndex = Math.max(this.matchIndex, index);
    this.progressMs = nowMs;
    if (index >= this.behindUntil) this.behindUntil = 0;
  }

  refused(call: number): void {
    this.take(call);
    this.search.refused(call);
    if (call >= this.injectedCall) this.state = 'behind';
  }

  /** An answer to a later call says what those before it would have said, unless it overtook them. */
  private take(call: number): Sent | undefined {
    const sent = this.unanswered.find((each) => each.call === call);
    this.unanswered = this.unanswered.filter((each) => each.call > call || (sent?.overtakes && each !== sent));
    return sent;
  }

  /** Whether more may go to it before it answers. */
  get hasCatchUpRoom(): boolean {
    let messages = 0;
    let bytes = 0;
    for (const sent of this.unanswered) {
      if (!sent.isCatchUp) continue;
      messages++;
      bytes += sent.bytes;
    }
    return messages < this.window && bytes < CATCH_UP_BYTES_MAX;
  }
}

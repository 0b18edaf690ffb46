import type { Configuration, EngineSettings, NodeId } from '../contract.ts';
import { jointReached } from './quorum.ts';

/** What a lease takes for granted: every server's clock runs at 1 ± this much of the true rate, without a jump or a stop. */
export const CLOCK_DRIFT_MAX = 0.1;
/** Time by a slow clock at least, for each ms that a fast one counts. */
const KEPT_SHARE = (1 - CLOCK_DRIFT_MAX) / (1 + CLOCK_DRIFT_MAX);
/** A reading may be cut to whole ms, here and where the promise is given. */
const READINGS_MS = 2;

/** How long a promise counts where it was asked for, from when the question left there; ms. */
export function leaseMs(promisedMs: number): number {
  return promisedMs * KEPT_SHARE - READINGS_MS;
}

/**
 * For how long a leader may take itself for the only one without asking (thesis §6.4.1; Gray, Cheriton: "Leases", 1989). Each server that
 * hears its leader may answer with a promise (`LeaderPromise`): for so long it neither votes nor stands for election, restarts included.
 * While a majority's promises last nobody else is elected. They count from when that was *sent* which they answer: when it was heard
 * nobody knows here, only that it was later. Where the lease does not hold a read is proven as without one, so that it costs no more
 * than that, and servers that promise nothing make nothing unsafe.
 *
 * What else may elect another ends the lease before it is said: who is told to take over (thesis §3.10) is voted for at once. The
 * message may arrive whenever it likes, so the lease of that term never comes back.
 */
export class LeaderLease {
  private readonly self: NodeId;
  readonly isWanted: boolean;
  /** When the promises of each server run out. */
  private readonly untilMs = new Map<NodeId, number>();
  /** What was sent before counts for nothing. */
  private floorMs = Number.NEGATIVE_INFINITY;
  private isOver = false;
  /** The clock was read since the last read came: a lease that held before proves nothing. */
  private isClockRead = false;

  constructor(self: NodeId, { readProof }: Pick<EngineSettings, 'readProof'>) {
    this.self = self;
    this.isWanted = readProof === 'lease';
  }

  /** A read came. */
  asked(): void {
    this.isClockRead = false;
  }

  /** The clock was read. */
  tick(): void {
    this.isClockRead = true;
  }

  /** `by` answered what was sent at `sentMs`, and promised so much. */
  promised(by: NodeId, sentMs: number, promisedMs: number): void {
    if (promisedMs <= 0 || sentMs < this.floorMs) return;
    const untilMs = sentMs + leaseMs(promisedMs);
    if (untilMs > (this.untilMs.get(by) ?? Number.NEGATIVE_INFINITY)) this.untilMs.set(by, untilMs);
  }

  /** The host slept: promises that were asked for before may have run out by clocks that did not stop. */
  woke(nowMs: number): void {
    this.floorMs = nowMs;
    this.untilMs.clear();
  }

  /** Somebody is about to be told to take over. */
  end(): void {
    this.isOver = true;
  }

  /** Whether the reads that came may be answered: a majority, of both halves of a joint configuration, has promised, itself included. */
  holds(nowMs: number, { voters, outgoing }: Configuration): boolean {
    if (!this.isWanted || this.isOver || !this.isClockRead) return false;
    const untilMs = (id: NodeId) => {
      return id === this.self ? Number.POSITIVE_INFINITY : (this.untilMs.get(id) ?? Number.NEGATIVE_INFINITY);
    };
    return nowMs < jointReached(voters, outgoing, untilMs);
  }
}

/** How reads are proven, for the record of a measurement. `else`: where the lease does not hold. */
export function readProofText({ readProof, electionTimeoutMs }: EngineSettings, otherwise: string): string {
  if (readProof !== 'lease') return otherwise;
  const heldMs = Math.max(0, Math.floor(leaseMs(electionTimeoutMs)));
  return `lease of ${heldMs} ms, sound while clocks run at 1 ± ${CLOCK_DRIFT_MAX} and do not stop; else ${otherwise}`;
}

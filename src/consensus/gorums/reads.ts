/** A read that may be answered once `index` is applied. */
export interface ConfirmedRead {
  readonly token: number;
  readonly index: number;
}

/** Reads that round `call` carries. They came before it began, and must see what was committed then. */
interface CarriedReads {
  readonly call: number;
  readonly index: number;
  readonly tokens: readonly number[];
}

/**
 * Linearizable reads of a leader (thesis §6.4): each waits for a round that begins after it came, and is answered once a quorum
 * replied to that round at all, which proves that this server still leads.
 */
export class Reads {
  private waiting: number[] = [];
  /** Ascending by call. */
  private carried: CarriedReads[] = [];

  get areWaiting(): boolean {
    return this.waiting.length > 0;
  }

  /** Whether a round with unconfirmed reads is out. */
  get areCarried(): boolean {
    return this.carried.length > 0;
  }

  add(token: number): void {
    this.waiting.push(token);
  }

  /** Round `call` begins, and takes along what waits. */
  roundBegan(call: number, index: number): void {
    if (this.waiting.length === 0) return;
    this.carried.push({ call, index, tokens: this.waiting });
    this.waiting = [];
  }

  /** A quorum replied to `call`: the reads of that round and of those before it are confirmed. */
  confirm(call: number): ConfirmedRead[] {
    let done = 0;
    while (done < this.carried.length && this.carried[done]!.call <= call) done++;
    if (done === 0) return NONE;
    return this.carried.splice(0, done).flatMap(({ index, tokens }) => tokens.map((token) => ({ token, index })));
  }

  /** The rounds are given up: what they carried waits for another, first of all. */
  roundsAbandoned(): void {
    this.waiting = this.abandon();
  }

  /** All of them, in the order in which they came; they are no longer this leader's. */
  abandon(): number[] {
    const tokens = [...this.carried.flatMap((one) => one.tokens), ...this.waiting];
    this.waiting = [];
    this.carried = [];
    return tokens;
  }
}

const NONE: ConfirmedRead[] = [];

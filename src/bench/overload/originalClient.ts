import { InsertRequest, RegisterResponse } from '../../wire/generated/rkv.ts';
import { type CallOwner, RawConnection } from '../calls/rawConnection.ts';
import type { Retry, RetryWheel } from './retryWheel.ts';

const REGISTER = '/rkvpb.RKV/Register';
const INSERT = '/rkvpb.RKV/Insert';
const BACKOFF_MIN_MS = 1;
const BACKOFF_MAX_MS = 1000;
const RECONNECT_MS = 20;
/** Calls in flight at most, as the original's client bounds them. */
const IN_FLIGHT_MAX = 50_000;
const REFUSALS_A_SAMPLE = 16;
/** Field 2 of an InsertRequest, and the most bytes that it takes. */
const SEQ_TAG = 0x10;
const SEQ_BYTES_MAX = 9;

/** What came of the inserts since the last `take`. */
export interface Tally {
  /** Of each acknowledged insert: the time since the attempt that was taken was made, and since it was due, ms. */
  readonly sinceSentMs: number[];
  readonly sinceDueMs: number[];
  /** Of each, how long that attempt waited with the client, because the server allowed no more at once, ms. */
  readonly waitedMs: number[];
  /** Attempts that failed, by server (as in its addresses). */
  readonly failed: number[];
  /** How long some of those took, one of REFUSALS_A_SAMPLE, ms. */
  readonly refusedMs: number[];
  /** Inserts that were due while too many were in flight. */
  dropped: number;
}

export const emptyTally = (): Tally => ({
  sinceSentMs: [],
  sinceDueMs: [],
  waitedMs: [],
  failed: [],
  refusedMs: [],
  dropped: 0,
});

/** An InsertRequest's key and value, encoded: they stand behind what differs from insert to insert. */
export function keyAndValue(key: string, value: string): Buffer {
  return Buffer.from(InsertRequest.encode({ clientID: 0, clientSeq: 0, key, value }).finish());
}

/**
 * A client that behaves as the original's: unary calls; it registers, then numbers its inserts from 2; after an error it
 * goes on with the next server, and tries the same insert again after 1 ms, 2 ms … 1 s.
 */
export class OriginalClient {
  private readonly addresses: readonly { readonly host: string; readonly port: number }[];
  private readonly connections: (RawConnection | undefined)[];
  private readonly triedAtMs: number[];
  private readonly wheel: RetryWheel;
  private target = 0;
  /** The InsertRequest's client id, encoded. */
  private clientId: Buffer = Buffer.alloc(0);
  private seq = 1;
  private inFlight = 0;
  private stopped = false;
  private readonly backoffMsMax: number;
  private tally: Tally = emptyTally();

  constructor(
    addresses: readonly { readonly host: string; readonly port: number }[],
    wheel: RetryWheel,
    backoffMsMax = BACKOFF_MAX_MS,
  ) {
    this.backoffMsMax = backoffMsMax;
    this.wheel = wheel;
    this.addresses = addresses;
    this.connections = addresses.map(() => undefined);
    this.triedAtMs = addresses.map(() => Number.NEGATIVE_INFINITY);
  }

  get open(): number {
    return this.inFlight;
  }

  async register(): Promise<void> {
    for (let backoffMs = BACKOFF_MIN_MS; !this.stopped; backoffMs = Math.min(this.backoffMsMax, 2 * backoffMs)) {
      const answer = await new Promise<Buffer | undefined>((resolve) => {
        this.connection(this.target).call(REGISTER, Buffer.alloc(0), { finished: resolve });
      });
      if (answer !== undefined) {
        const { clientID } = RegisterResponse.decode(answer);
        this.clientId = Buffer.from(InsertRequest.encode({ clientID, clientSeq: 0, key: '', value: '' }).finish());
        return;
      }
      this.moveOn(this.target);
      await new Promise((resolve) => setTimeout(resolve, backoffMs));
    }
  }

  /** An insert of `fields` (keyAndValue) that is due now; `done` follows when it is acknowledged. */
  insert(fields: Buffer, done?: () => void): void {
    if (this.inFlight >= IN_FLIGHT_MAX) {
      this.tally.dropped++;
      return;
    }
    this.inFlight++;
    const { clientId } = this;
    const message = Buffer.allocUnsafe(clientId.length + SEQ_BYTES_MAX + fields.length);
    message.set(clientId, 0);
    let at = clientId.length;
    message[at++] = SEQ_TAG;
    let seq = ++this.seq;
    for (; seq > 127; seq = Math.floor(seq / 128)) message[at++] = (seq % 128) + 128;
    message[at++] = seq;
    message.set(fields, at);
    this.attempt(new PendingInsert(this, message.subarray(0, at + fields.length), done));
  }

  attempt(insert: PendingInsert): void {
    if (this.stopped) return;
    insert.target = this.target;
    insert.sentMs = performance.now();
    this.connection(this.target).call(INSERT, insert.message, insert);
  }

  acknowledged(insert: PendingInsert): void {
    this.inFlight--;
    const nowMs = performance.now();
    this.tally.sinceSentMs.push(nowMs - insert.sentMs);
    this.tally.sinceDueMs.push(nowMs - insert.dueMs);
    this.tally.waitedMs.push(insert.leftMs - insert.sentMs);
    insert.done?.();
  }

  failed(insert: PendingInsert): void {
    const { failed, refusedMs } = this.tally;
    const count = (failed[insert.target] ?? 0) + 1;
    failed[insert.target] = count;
    if (count % REFUSALS_A_SAMPLE === 0) refusedMs.push(performance.now() - insert.sentMs);
    this.moveOn(insert.target);
    if (this.stopped) return;
    this.wheel.after(insert.backoffMs, insert);
    insert.backoffMs = Math.min(this.backoffMsMax, 2 * insert.backoffMs);
  }

  /** Many calls fail together: only the first of them changes the server. */
  private moveOn(from: number): void {
    if (this.target === from) this.target = (from + 1) % this.addresses.length;
  }

  private connection(at: number): RawConnection {
    const existing = this.connections[at];
    if (existing !== undefined && !existing.closed) return existing;
    const nowMs = performance.now();
    if (existing !== undefined && nowMs - this.triedAtMs[at]! < RECONNECT_MS) return existing;
    const made = new RawConnection(this.addresses[at]!);
    this.connections[at] = made;
    this.triedAtMs[at] = nowMs;
    return made;
  }

  take(): Tally {
    const { tally } = this;
    this.tally = emptyTally();
    return tally;
  }

  stop(): void {
    this.stopped = true;
    for (const connection of this.connections) connection?.close();
  }
}

/** One insert, until it is acknowledged. All that its attempts need is here, so that an attempt makes nothing. */
class PendingInsert implements CallOwner, Retry {
  readonly message: Buffer;
  readonly done: (() => void) | undefined;
  readonly dueMs = performance.now();
  sentMs = 0;
  leftMs = 0;
  target = 0;
  backoffMs = BACKOFF_MIN_MS;
  private readonly client: OriginalClient;

  constructor(client: OriginalClient, message: Buffer, done: (() => void) | undefined) {
    this.client = client;
    this.message = message;
    this.done = done;
  }

  left(): void {
    this.leftMs = performance.now();
  }

  finished(answer: Buffer | undefined): void {
    if (answer === undefined) this.client.failed(this);
    else this.client.acknowledged(this);
  }

  retry(): void {
    this.client.attempt(this);
  }
}

import { InsertRequest, RegisterResponse } from '../../wire/generated/rkv.ts';
import { RawConnection } from './rawConnection.ts';

const REGISTER = '/rkvpb.RKV/Register';
const INSERT = '/rkvpb.RKV/Insert';
const BACKOFF_MIN_MS = 1;
const BACKOFF_MAX_MS = 1000;
const RECONNECT_MS = 20;
/** Calls in flight at most, as the original's client bounds them. */
const IN_FLIGHT_MAX = 50_000;

/** What came of the inserts since the last `take`. */
export interface Tally {
  /** When each acknowledged insert was due, was sent for the last time, and was acknowledged, ms. */
  readonly acknowledged: { readonly dueMs: number; readonly sentMs: number; readonly doneMs: number }[];
  /** Attempts that failed. */
  failed: number;
  /** Inserts that were due while too many were in flight. */
  dropped: number;
}

/**
 * A client that behaves as the original's: unary calls; it registers, then numbers its inserts from 2; after an error it
 * goes on with the next server, and tries the same insert again after 1 ms, 2 ms … 1 s.
 */
export class OriginalClient {
  private readonly addresses: readonly { readonly host: string; readonly port: number }[];
  private readonly connections: (RawConnection | undefined)[];
  private readonly triedAtMs: number[];
  private target = 0;
  private clientId = 0;
  private seq = 1;
  private inFlight = 0;
  private stopped = false;
  private readonly backoffMsMax: number;
  private tally: Tally = { acknowledged: [], failed: 0, dropped: 0 };

  constructor(addresses: readonly { readonly host: string; readonly port: number }[], backoffMsMax = BACKOFF_MAX_MS) {
    this.backoffMsMax = backoffMsMax;
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
        this.connection(this.target).call(REGISTER, Buffer.alloc(0), resolve);
      });
      if (answer !== undefined) {
        this.clientId = RegisterResponse.decode(answer).clientID;
        return;
      }
      this.moveOn(this.target);
      await new Promise((resolve) => setTimeout(resolve, backoffMs));
    }
  }

  /** An insert that is due now; `done` follows when it is acknowledged. */
  insert(key: string, value: string, done: () => void = () => {}): void {
    if (this.inFlight >= IN_FLIGHT_MAX) {
      this.tally.dropped++;
      return;
    }
    this.inFlight++;
    const message = Buffer.from(
      InsertRequest.encode({ clientID: this.clientId, clientSeq: ++this.seq, key, value }).finish(),
    );
    this.attempt(message, performance.now(), BACKOFF_MIN_MS, done);
  }

  private attempt(message: Buffer, dueMs: number, backoffMs: number, done: () => void): void {
    const { target } = this;
    const sentMs = performance.now();
    this.connection(target).call(INSERT, message, (answer) => {
      if (answer !== undefined) {
        this.inFlight--;
        this.tally.acknowledged.push({ dueMs, sentMs, doneMs: performance.now() });
        done();
        return;
      }
      this.tally.failed++;
      this.moveOn(target);
      if (this.stopped) return;
      setTimeout(() => this.attempt(message, dueMs, Math.min(this.backoffMsMax, 2 * backoffMs), done), backoffMs);
    });
  }

  /** Many calls fail together: only the first of them changes the server. */
  private moveOn(from: number): void {
    if (this.target === from) this.target = (from + 1) % this.addresses.length;
  }

  private connection(at: number): RawConnection {
    const existing = this.connections[at];
    const nowMs = performance.now();
    if (existing !== undefined && (!existing.closed || nowMs - this.triedAtMs[at]! < RECONNECT_MS)) return existing;
    const { host, port } = this.addresses[at]!;
    const made = new RawConnection(host, port);
    this.connections[at] = made;
    this.triedAtMs[at] = nowMs;
    return made;
  }

  take(): Tally {
    const { tally } = this;
    this.tally = { acknowledged: [], failed: 0, dropped: 0 };
    return tally;
  }

  stop(): void {
    this.stopped = true;
    for (const connection of this.connections) connection?.close();
  }
}

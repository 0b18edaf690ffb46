import type { Pausable } from '../../net/grpc/method.ts';
import { Allowance } from './allowance.ts';

/** Refusals for all clients together that are given at once, and how many a second more. */
export const REFUSALS_BURST = 10_000;
export const REFUSALS_PER_SECOND = 10_000;
/** Nobody waits longer than this to be read on. */
export const PAUSED_MS_MAX = 250;
/** How often it is seen who has waited for long enough. */
const LOOK_MS = 10;

/**
 * Paces clients that ask again and again what only another server can do. A refusal costs little, but the next attempt follows
 * it, and whoever shares the machine or the network with such clients pays for all of them: the leader, too. Beyond so many
 * refusals a second a connection is left unread for as long as its last ones are worth; what it wants next waits with the client.
 */
export class RefusalPace {
  private readonly nowMs: () => number;
  private readonly reasonNow: () => object | undefined;
  private readonly allowance: Allowance;
  /** Until when each is not read. */
  private readonly paused = new Map<Pausable, number>();
  /** What calls were refused for when the first of them was paused. */
  private reason: object | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** `reasonNow`: what calls are refused for, undefined where they are not; once it is something else, everybody is read on. */
  constructor(nowMs: () => number, reasonNow: () => object | undefined) {
    this.nowMs = nowMs;
    this.reasonNow = reasonNow;
    this.allowance = new Allowance(REFUSALS_BURST, REFUSALS_PER_SECOND, nowMs());
  }

  /** So many calls of `connection` were just refused. */
  refused(connection: Pausable, count: number): void {
    const reason = this.reasonNow();
    const nowMs = this.nowMs();
    if (reason === undefined || this.paused.has(connection) || this.allowance.use(nowMs, count)) return;
    if (this.paused.size === 0) this.begin(reason);
    // So many share what is given a second.
    const sharing = this.paused.size + 1;
    const worthMs = (count * sharing * 1000) / REFUSALS_PER_SECOND;
    this.paused.set(connection, nowMs + Math.min(worthMs, PAUSED_MS_MAX));
    connection.pause();
  }

  private begin(reason: object): void {
    this.reason = reason;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  private look(): void {
    const nowMs = this.nowMs();
    const isOver = this.reasonNow() !== this.reason;
    for (const [connection, untilMs] of this.paused) {
      if (!isOver && untilMs > nowMs) continue;
      this.paused.delete(connection);
      connection.resume();
    }
    if (this.paused.size === 0) clearInterval(this.timer);
  }
}

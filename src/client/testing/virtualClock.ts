import type { ClientEnvironment } from '../environment.ts';

/** Virtual time. */
export class VirtualClock implements ClientEnvironment {
  private now = 0;
  private due: { atMs: number; run: () => void }[] = [];
  readonly nowMs = () => this.now;
  readonly random = () => 0;
  readonly soon = (turn: () => void) => void this.after(0, turn);
  readonly after = (delayMs: number, run: () => void) => {
    const event = { atMs: this.now + delayMs, run };
    this.due.push(event);
    return () => {
      this.due = this.due.filter((each) => each !== event);
    };
  };

  /** The thread is busy for so long: what is due meanwhile runs late. */
  block(durationMs: number): void {
    this.now += durationMs;
  }

  runUntil(isDone: () => boolean, untilMs: number): void {
    while (!isDone()) {
      this.due.sort((a, b) => a.atMs - b.atMs);
      const next = this.due.shift();
      if (next === undefined || next.atMs > untilMs) return;
      this.now = Math.max(this.now, next.atMs);
      next.run();
    }
  }
}

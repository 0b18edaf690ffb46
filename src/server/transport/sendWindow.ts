/** Bytes that may always be on their way, and may be until the way is known. */
const BYTES_MIN = 256 * 1024;
const BYTES_AT_FIRST = 1024 * 1024;
const BYTES_MAX = 64 * 1024 * 1024;
/** How long what is under way beyond a round trip may make an urgent message wait, ms. */
const QUEUE_MS = 50;
/** Sent bytes are timed in steps of this many. */
const STEP_BYTES = 64 * 1024;

interface Step {
  /** Sent in all, this step included. */
  readonly sentBytes: number;
  readonly atMs: number;
  /** Taken in all when it was sent. */
  readonly takenBytes: number;
  readonly takenAtMs: number;
}

/**
 * How much may be on its way to a peer. The kernel would take megabytes, and an urgent message would stand behind all of them:
 * on a slow way for seconds. So no more is sent than the way carries in a round trip and a little: both are learnt from
 * when the peer says how much it has taken in (the idea of BBR: Cardwell and others, 2016).
 */
export class SendWindow {
  private bytesMax = BYTES_AT_FIRST;
  private sentBytes = 0;
  private takenBytes = 0;
  private takenAtMs = 0;
  private shortestMs = Number.POSITIVE_INFINITY;
  private steps: Step[] = [];
  private unmarkedBytes = 0;
  /** Something waited for the window since it was last set: what came through says how fast the way is. */
  private wasFull = false;

  /** Whether more may be sent now. */
  get isOpen(): boolean {
    if (this.sentBytes - this.takenBytes < this.bytesMax) return true;
    this.wasFull = true;
    return false;
  }

  get sizeBytes(): number {
    return this.bytesMax;
  }

  sent(bytes: number, nowMs: number): void {
    if (this.sentBytes === this.takenBytes) this.takenAtMs = nowMs;
    this.sentBytes += bytes;
    this.unmarkedBytes += bytes;
    if (this.unmarkedBytes < STEP_BYTES) return;
    this.unmarkedBytes = 0;
    const { sentBytes, takenBytes, takenAtMs } = this;
    this.steps.push({ sentBytes, atMs: nowMs, takenBytes, takenAtMs });
  }

  /** The peer has taken in `bytes` in all. More than was sent is no true word, and changes nothing. */
  taken(bytes: number, nowMs: number): void {
    if (bytes <= this.takenBytes || bytes > this.sentBytes) return;
    this.takenBytes = bytes;
    this.takenAtMs = nowMs;
    const done = this.steps.findIndex(({ sentBytes }) => sentBytes > bytes);
    const passed = this.steps.splice(0, done < 0 ? this.steps.length : done);
    const step = passed.at(-1);
    if (step === undefined) return;
    this.shortestMs = Math.min(this.shortestMs, nowMs - step.atMs);
    if (!this.wasFull) return;
    this.wasFull = false;
    const tookMs = Math.max(1, nowMs - step.takenAtMs);
    const bytesPerMs = (bytes - step.takenBytes) / tookMs;
    const ms = this.shortestMs + Math.max(QUEUE_MS, this.shortestMs);
    this.bytesMax = Math.min(BYTES_MAX, Math.max(BYTES_MIN, Math.ceil(bytesPerMs * ms)));
  }
}

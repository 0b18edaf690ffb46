import type { Timeline } from './timeline.ts';

/**
 * What happened, twice: as a running hash of everything (two runs of one seed must agree on it) and, only where someone
 * reads it, as lines of text.
 */
export class Trace {
  private readonly timeline: Timeline;
  private readonly print: ((line: string) => void) | undefined;
  /** Told of everything that is noted. */
  noted: ((who: string, what: string) => void) | undefined;
  private low = 0x811c9dc5 | 0;
  private high = 0x9e3779b9 | 0;

  constructor(timeline: Timeline, print?: (line: string) => void) {
    this.timeline = timeline;
    this.print = print;
  }

  /** Takes a number into the hash, with the present time. */
  mix(what: number, value: number): void {
    const time = this.timeline.nowUs;
    this.low = Math.imul(this.low ^ (time | 0) ^ (what << 24), 0x01000193);
    this.high = Math.imul(this.high ^ (value | 0) ^ (this.low >>> 15), 0x85ebca6b);
    this.low ^= this.high >>> 13;
  }

  /** Takes bytes into the hash. */
  mixBytes(what: number, bytes: Uint8Array): void {
    let hash = 0x811c9dc5;
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    this.mix(what, hash);
  }

  /** Notes what happened at `who` (a server's or client's name). `detail` is called only where the trace is read. */
  note(who: string, what: string, detail?: () => string): void {
    let hash = 0;
    for (let i = 0; i < what.length; i++) hash = Math.imul(hash ^ what.charCodeAt(i), 0x01000193);
    for (let i = 0; i < who.length; i++) hash = Math.imul(hash ^ who.charCodeAt(i), 0x01000193);
    this.mix(1, hash);
    this.noted?.(who, what);
    this.tell(who, what, detail);
  }

  /** As `note`, for what is in the hash already. */
  tell(who: string, what: string, detail?: () => string): void {
    if (this.print === undefined) return;
    const seconds = (this.timeline.nowUs / 1e6).toFixed(6).padStart(12);
    this.print(`${seconds}  ${who.padEnd(9)} ${what.padEnd(18)} ${detail?.() ?? ''}`.trimEnd());
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.high) + hex(this.low);
  }
}

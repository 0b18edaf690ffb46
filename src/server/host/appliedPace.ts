/** Rates are of windows of so long. */
const WINDOW_MS = 250;
/** The fastest of so many windows counts: a pause of the disk or of the process is not the end of its pace. */
const WINDOWS = 8;
/** What may be open is what the fastest window's pace applies in this time. */
const OPEN_MS_MAX = 400;
/** So much may be open whatever the pace was: it is not known of a server that had nothing to do, and grows with what it then applies. */
const COMMANDS_MIN = 4096;
const BYTES_MIN = 8 * 1024 * 1024;

interface Window {
  commands: number;
  bytes: number;
}

/**
 * How much a server may take on: no more than it lately applied in OPEN_MS_MAX. What comes on top would wait for longer, and mostly for
 * somebody who has given up by then; it is better told so at once. By Little's law (1961) that bounds the wait whatever the commands
 * cost; followers measure as leaders do, so that a new leader knows its pace.
 */
export class AppliedPace {
  private windowEndMs: number | undefined;
  private current: Window = { commands: 0, bytes: 0 };
  private recent: readonly Window[] = [];
  /** Commands that may be open. */
  commandsMax = COMMANDS_MIN;
  /** Bytes of them. */
  bytesMax = BYTES_MIN;

  applied(bytes: number): void {
    this.current.commands++;
    this.current.bytes += bytes;
  }

  tick(nowMs: number): void {
    this.windowEndMs ??= nowMs + WINDOW_MS;
    if (nowMs < this.windowEndMs) return;
    // A window that ends late was longer.
    const share = OPEN_MS_MAX / (nowMs - this.windowEndMs + WINDOW_MS);
    const { commands, bytes } = this.current;
    this.recent = [...this.recent.slice(1 - WINDOWS), { commands: commands * share, bytes: bytes * share }];
    this.current = { commands: 0, bytes: 0 };
    this.windowEndMs = nowMs + WINDOW_MS;
    this.commandsMax = Math.max(COMMANDS_MIN, ...this.recent.map((each) => each.commands));
    this.bytesMax = Math.max(BYTES_MIN, ...this.recent.map((each) => each.bytes));
  }
}

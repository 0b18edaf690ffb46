/** Where a command writes: results on `out`, everything for people to follow on `err`. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** `err` is a terminal that takes a line back. */
  readonly interactive: boolean;
}

export const processTerminal: Terminal = {
  out: (text) => {
    process.stdout.write(text);
  },
  err: (text) => {
    process.stderr.write(text);
  },
  get interactive() {
    return process.stderr.isTTY === true;
  },
};

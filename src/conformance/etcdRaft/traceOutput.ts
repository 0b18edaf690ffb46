const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'];

/**
 * The trace of one step. Traces are compared without log output, so none is written; of the levels only NONE matters, which
 * silences everything but errors.
 */
export class TraceOutput {
  private lines: string[] = [];
  private quiet = false;
  private indent = '';

  get text(): string {
    return this.lines.join('\n');
  }

  clear(): void {
    this.lines = [];
  }

  setLevel(name: string): void {
    const level = name.toUpperCase();
    if (!LEVELS.includes(level)) {
      this.error(`log levels must be either of [${LEVELS.join(' ')}]`);
      return;
    }
    this.quiet = level === 'NONE';
  }

  /** Runs at another level, then goes back to the present one. */
  atLevel(name: string, run: () => void): void {
    const before = this.quiet;
    this.setLevel(name);
    try {
      run();
    } finally {
      this.quiet = before;
    }
  }

  /** One or more lines. */
  write(text: string): void {
    if (!this.quiet) for (const line of text.split('\n')) this.lines.push(this.indent + line);
  }

  /** Written at every level. */
  error(text: string): void {
    this.lines.push(this.indent + text);
  }

  /** A heading, with everything that `run` writes indented below it. */
  under(heading: string, run: () => void): void {
    this.write(heading);
    const before = this.indent;
    this.indent += '  ';
    try {
      run();
    } finally {
      this.indent = before;
    }
  }
}

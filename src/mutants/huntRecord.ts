import { JsonLines } from '../files/jsonLines.ts';
import type { Outcome } from './hunt.ts';

/** An outcome, and the sources that it is for. */
interface Line extends Outcome {
  readonly sources: string;
}

/** What became of mutants so far, kept in a file where one was asked for: a run may be ended and gone on with. */
export class HuntRecord {
  private readonly file: JsonLines<Line> | undefined;
  private readonly sources: string;
  private readonly lines: Map<string, Line>;

  /** `sources` names the code that outcomes are for: those of other code only say where to look first. Throws UnusableFileError. */
  constructor(path: string | undefined, sources: string) {
    this.file = path === undefined ? undefined : new JsonLines<Line>(path);
    this.sources = sources;
    this.lines = new Map(this.file?.read().map((line) => [line.key, line]));
  }

  /** What became of it, of the same code. */
  outcomeOf(key: string): Outcome | undefined {
    const line = this.lines.get(key);
    return line?.sources === this.sources ? line : undefined;
  }

  /** What noticed it, be it in other code. */
  killerOf(key: string): Outcome['killer'] {
    return this.lines.get(key)?.killer;
  }

  add(outcome: Outcome): void {
    const line = { ...outcome, sources: this.sources };
    this.lines.set(outcome.key, line);
    this.file?.add(line);
  }
}

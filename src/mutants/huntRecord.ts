import { JsonLines } from '../files/jsonLines.ts';
import type { Outcome } from './hunt.ts';

/** An outcome, and the sources that it is for. */
interface Line extends Outcome {
  readonly sources: string;
  /** How many seeds of each engine might be run against it. */
  readonly seeds: number;
}

/** What became of mutants so far, kept in a file where one was asked for: a run may be ended and gone on with. */
export class HuntRecord {
  private readonly file: JsonLines<Line> | undefined;
  private readonly sources: string;
  private readonly seeds: number;
  private readonly lines: Map<string, Line>;

  /** `sources` names the code that outcomes are for: those of other code only say where to look first. Throws UnusableFileError. */
  constructor(path: string | undefined, sources: string, seeds: number) {
    this.file = path === undefined ? undefined : new JsonLines<Line>(path);
    this.sources = sources;
    this.seeds = seeds;
    this.lines = new Map(this.file?.read().map((line) => [line.key, line]));
  }

  /** What became of it, of the same code; undefined where more seeds may be run now than it survived then. */
  outcomeOf(key: string): Outcome | undefined {
    const line = this.lineOf(key);
    return line?.killer !== undefined || (line?.seeds ?? 0) >= this.seeds ? line : undefined;
  }

  /** Whether all tests let it pass, of the same code: only seeds can notice it. */
  hasPassedTests(key: string): boolean {
    const line = this.lineOf(key);
    return line !== undefined && line.killer === undefined;
  }

  /** Whether it survived, be it in other code. */
  hasSurvived(key: string): boolean {
    const line = this.lines.get(key);
    return line !== undefined && line.killer === undefined;
  }

  /** What noticed it, be it in other code. */
  killerOf(key: string): Outcome['killer'] {
    return this.lines.get(key)?.killer;
  }

  add(outcome: Outcome): void {
    const line = { ...outcome, sources: this.sources, seeds: this.seeds };
    this.lines.set(outcome.key, line);
    this.file?.add(line);
  }

  private lineOf(key: string): Line | undefined {
    const line = this.lines.get(key);
    return line?.sources === this.sources ? line : undefined;
  }
}

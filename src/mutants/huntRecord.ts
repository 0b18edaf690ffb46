import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Outcome } from './hunt.ts';

/** An outcome, and the sources that it is for. */
interface Line extends Outcome {
  readonly sources: string;
}

/** What became of mutants so far, one JSON line each in a file, where one was asked for: a run may be ended and gone on with. */
export class HuntRecord {
  readonly #path: string | undefined;
  readonly #sources: string;
  readonly #lines = new Map<string, Line>();

  /** `sources` names the code that outcomes are for: those of other code only say where to look first. */
  constructor(path: string | undefined, sources: string) {
    this.#path = path;
    this.#sources = sources;
    if (path === undefined || !existsSync(path)) return;
    // What is no whole line was cut short: that mutant is run again.
    const lines = readFileSync(path, 'utf8').split('\n');
    for (const text of lines.filter((line) => line.startsWith('{') && line.endsWith('}'))) {
      const line = JSON.parse(text) as Line;
      this.#lines.set(line.key, line);
    }
  }

  /** What became of it, of the same code. */
  outcomeOf(key: string): Outcome | undefined {
    const line = this.#lines.get(key);
    return line?.sources === this.#sources ? line : undefined;
  }

  /** What noticed it, be it in other code. */
  killerOf(key: string): Outcome['killer'] {
    return this.#lines.get(key)?.killer;
  }

  add(outcome: Outcome): void {
    const line = { ...outcome, sources: this.#sources };
    this.#lines.set(outcome.key, line);
    if (this.#path !== undefined) appendFileSync(this.#path, `\n${JSON.stringify(line)}\n`);
  }
}

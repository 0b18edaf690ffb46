import { appendFileSync, existsSync } from 'node:fs';
import { readTextFile } from '../files/regularFile.ts';
import type { SeedReport } from './campaign.ts';

/** A hundred thousand damages and more. */
const BYTES_MAX = 64 * 1024 * 1024;

/** What came of the damages so far, one JSON line each in a file, where one was asked for: a campaign may be ended and gone on with. */
export class RunRecord {
  readonly #path: string | undefined;
  readonly #reports: SeedReport[];
  readonly #known: Set<string>;

  private constructor(path: string | undefined, reports: SeedReport[]) {
    this.#path = path;
    this.#reports = reports;
    this.#known = new Set(reports.map(nameOf));
  }

  /** Goes on with what the file at `path` holds, if it is there. */
  static open(path: string | undefined): RunRecord {
    const text = path !== undefined && existsSync(path) ? readTextFile(path, BYTES_MAX) : '';
    // What follows the last line break is half a line: that damage is run again.
    const lines = text.split('\n').slice(0, -1);
    const whole = lines.filter((line) => line.startsWith('{') && line.endsWith('}'));
    const reports = whole.map((line) => JSON.parse(line) as SeedReport);
    return new RunRecord(path, [...new Map(reports.map((report) => [nameOf(report), report])).values()]);
  }

  get reports(): readonly SeedReport[] {
    return this.#reports;
  }

  has(engine: string, seed: number): boolean {
    return this.#known.has(nameOf({ engine, seed }));
  }

  add(report: SeedReport): void {
    this.#reports.push(report);
    this.#known.add(nameOf(report));
    // The break comes first where an earlier run left half a line.
    if (this.#path !== undefined) appendFileSync(this.#path, `\n${JSON.stringify(report)}\n`);
  }
}

function nameOf({ engine, seed }: Pick<SeedReport, 'engine' | 'seed'>): string {
  return `${engine} ${seed}`;
}

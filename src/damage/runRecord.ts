import { JsonLines } from '../files/jsonLines.ts';
import type { SeedReport } from './campaign.ts';

/** What came of the damages so far, kept in a file where one was asked for: a campaign may be ended and gone on with. */
export class RunRecord {
  readonly #lines: JsonLines<SeedReport> | undefined;
  readonly #reports: SeedReport[];
  readonly #known: Set<string>;

  private constructor(lines: JsonLines<SeedReport> | undefined, reports: SeedReport[]) {
    this.#lines = lines;
    this.#reports = reports;
    this.#known = new Set(reports.map(nameOf));
  }

  /** Goes on with what the file at `path` holds, if it is there. Throws UnusableFileError. */
  static open(path: string | undefined): RunRecord {
    const lines = path === undefined ? undefined : new JsonLines<SeedReport>(path);
    const reports = lines?.read() ?? [];
    return new RunRecord(lines, [...new Map(reports.map((report) => [nameOf(report), report])).values()]);
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
    this.#lines?.add(report);
  }
}

function nameOf({ engine, seed }: Pick<SeedReport, 'engine' | 'seed'>): string {
  return `${engine} ${seed}`;
}

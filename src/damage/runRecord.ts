import { JsonLines } from '../files/jsonLines.ts';
import type { SeedReport } from './campaign.ts';

/** What came of the damages so far, kept in a file where one was asked for: a campaign may be ended and gone on with. */
export class RunRecord {
  private readonly lines: JsonLines<SeedReport> | undefined;
  private readonly noted: SeedReport[];
  private readonly known: Set<string>;

  private constructor(lines: JsonLines<SeedReport> | undefined, reports: SeedReport[]) {
    this.lines = lines;
    this.noted = reports;
    this.known = new Set(reports.map(nameOf));
  }

  /** Goes on with what the file at `path` holds, if it is there. Throws UnusableFileError. */
  static open(path: string | undefined): RunRecord {
    const lines = path === undefined ? undefined : new JsonLines<SeedReport>(path);
    const reports = lines?.read() ?? [];
    return new RunRecord(lines, [...new Map(reports.map((report) => [nameOf(report), report])).values()]);
  }

  get reports(): readonly SeedReport[] {
    return this.noted;
  }

  has(engine: string, seed: number): boolean {
    return this.known.has(nameOf({ engine, seed }));
  }

  add(report: SeedReport): void {
    this.noted.push(report);
    this.known.add(nameOf(report));
    this.lines?.add(report);
  }
}

function nameOf({ engine, seed }: Pick<SeedReport, 'engine' | 'seed'>): string {
  return `${engine} ${seed}`;
}

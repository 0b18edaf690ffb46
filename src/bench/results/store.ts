import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { printable } from '../../cli/printable.ts';
import { latencyHistogram } from '../../client/load/latencyRecorder.ts';
import { makeFolders } from '../../files/folders.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { histogramLog, readHistogramLog } from './histogramLog.ts';
import type { RepeatHistograms } from './repeatHistograms.ts';
import { type RunRecord, runSchema, SCHEMA_VERSION } from './schema.ts';
import { upgraded } from './upgrade.ts';

/** Results that cannot be read or written. */
export class ResultsError extends Error {
  override readonly name: string = 'ResultsError';
}

/** There is no such run. */
export class ResultsMissingError extends ResultsError {
  override readonly name = 'ResultsMissingError';
}

/** A run.json that is not what this version writes; the message names every field that is wrong. */
export class ResultsInvalidError extends ResultsError {
  override readonly name = 'ResultsInvalidError';
}

/** A run.json of a later version of rkv-bench. */
export class ResultsVersionError extends ResultsError {
  override readonly name = 'ResultsVersionError';
}

const FILE = 'run.json';
const WRITES_FILE = 'writes.hlog';
const READS_FILE = 'reads.hlog';
const SERVICE_FILE = 'service.hlog';
/** A timeline of a day takes a tenth of it. */
const RUN_BYTES_MAX = 256 * 1024 * 1024;
/** Wrong fields that an error names. */
const PROBLEMS_SHOWN_MAX = 5;

/** The folder of a run. Throws ResultsError where there is one of that name: results are never overwritten. */
export function runFolder(results: string, name: string): string {
  const folder = join(results, name);
  if (existsSync(folder)) throw new ResultsError(`${folder} is there already: give this run another --name`);
  return folder;
}

/** Writes run.json and the histogram logs. run.json comes last and whole: where it is, the rest is too. */
export async function writeRun(
  folder: string,
  record: RunRecord,
  repeats: readonly RepeatHistograms[],
): Promise<string> {
  const path = join(folder, FILE);
  try {
    makeFolders(folder);
    await writeWhole(join(folder, WRITES_FILE), histogramLog(repeats, 'writes'));
    if (record.settings.load.reads > 0) await writeWhole(join(folder, READS_FILE), histogramLog(repeats, 'reads'));
    if (repeats.some(({ service }) => service !== undefined)) {
      await writeWhole(join(folder, SERVICE_FILE), histogramLog(repeats, 'service'));
    }
    await writeWhole(path, `${JSON.stringify(runSchema.parse(record), null, 2)}\n`);
  } catch (error) {
    throw new ResultsError(`cannot write ${folder}: ${(error as Error).message}`, { cause: error });
  }
  return path;
}

/** Whoever ends this process, the file is the one before or this one. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}

/** A run with the histograms of its repeats. Throws one of the classes above. */
export async function readMeasured(folder: string): Promise<{ record: RunRecord; repeats: RepeatHistograms[] }> {
  const record = await readRun(folder);
  const logOf = (file: string) => {
    const text = readTextFile(join(folder, file), RUN_BYTES_MAX);
    try {
      return readHistogramLog(text);
    } catch (cause) {
      throw new Error(`${file}: ${(cause as Error).message}`, { cause });
    }
  };
  try {
    const writes = logOf(WRITES_FILE);
    const reads = record.settings.load.reads > 0 ? logOf(READS_FILE) : record.repeats.map(() => latencyHistogram());
    const service = existsSync(join(folder, SERVICE_FILE)) ? logOf(SERVICE_FILE) : [];
    const repeats = record.repeats.map(({ startedAt, windowMs }, at): RepeatHistograms => {
      const [ofWrites, ofReads] = [writes[at], reads[at]];
      if (ofWrites === undefined || ofReads === undefined) throw new Error(`repeat ${at + 1} is not there`);
      return { startedAtMs: Date.parse(startedAt), windowMs, writes: ofWrites, reads: ofReads, service: service[at] };
    });
    return { record, repeats };
  } catch (error) {
    throw new ResultsError(
      `cannot read the histograms of ${printable(folder)}: ${printable((error as Error).message)}`,
      {
        cause: error,
      },
    );
  }
}

/** Reads a run from its folder, or from its run.json. Throws one of the classes above. */
export async function readRun(place: string): Promise<RunRecord> {
  const path = place.endsWith('.json') ? place : join(place, FILE);
  let text: string;
  try {
    text = readTextFile(path, RUN_BYTES_MAX);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      const why = existsSync(place) ? `${printable(place)} holds no ${FILE}` : `there is no ${printable(place)}`;
      throw new ResultsMissingError(`${why}: expected the folder of a run, such as results/demo`, { cause: error });
    }
    throw new ResultsError(`cannot read ${printable(path)}: ${printable((error as Error).message, 1000)}`, {
      cause: error,
    });
  }
  return parseRun(text, path);
}

/** Checks the text of a run.json; `path` is for the errors. */
export function parseRun(text: string, path: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ResultsInvalidError(`${printable(path)} is not JSON: ${printable((error as Error).message)}`, {
      cause: error,
    });
  }
  const version = z.object({ schemaVersion: z.int() }).safeParse(value);
  if (!version.success)
    throw new ResultsInvalidError(`${printable(path)}: expected a run of rkv-bench, with a schemaVersion`);
  if (version.data.schemaVersion > SCHEMA_VERSION) {
    throw new ResultsVersionError(
      `${printable(path)} has schema version ${version.data.schemaVersion}; this rkv-bench reads up to ${SCHEMA_VERSION}`,
    );
  }
  const run = runSchema.safeParse(upgraded(value, version.data.schemaVersion));
  if (run.success) return run.data;
  const { issues } = run.error;
  const shown = issues
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map((issue) => `  ${printable(issue.path.join('.'))}: ${printable(issue.message)}`);
  const more = issues.length > shown.length ? [`  and ${issues.length - shown.length} more`] : [];
  throw new ResultsInvalidError([`${printable(path)} is not a run of rkv-bench:`, ...shown, ...more].join('\n'));
}

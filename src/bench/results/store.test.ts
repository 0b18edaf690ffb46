import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HistogramLogReader } from 'hdr-histogram-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampleHistograms, sampleRun } from '../testing/sampleRun.ts';
import {
  parseRun,
  ResultsError,
  ResultsInvalidError,
  ResultsMissingError,
  ResultsVersionError,
  readMeasured,
  readRun,
  runFolder,
  writeRun,
} from './store.ts';

let results: string;
beforeEach(async () => {
  results = await mkdtemp(join(tmpdir(), 'rkv-results-'));
});
afterEach(() => rm(results, { recursive: true, force: true }));

describe('a run on disk', () => {
  it('comes back as it was written', async () => {
    const run = sampleRun('sample', [100, 200, 300]);
    const folder = runFolder(results, run.name);
    const path = await writeRun(folder, run, [sampleHistograms([100, 200, 300])]);
    expect(await readRun(folder)).toEqual(run);
    expect(await readRun(path)).toEqual(run);
  });

  it('has a histogram log that others can read, an interval for each repeat', async () => {
    const folder = join(results, 'sample');
    const startMs = Date.UTC(2030, 0, 2);
    await writeRun(folder, sampleRun('sample', [100]), [
      sampleHistograms([100, 200], startMs),
      sampleHistograms([5000], startMs + 60_000),
    ]);
    const reader = new HistogramLogReader(await readFile(join(folder, 'writes.hlog'), 'utf8'));
    const first = reader.nextIntervalHistogram();
    const second = reader.nextIntervalHistogram();
    expect([first?.tag, first?.totalCount, first?.minNonZeroValue]).toEqual(['repeat-1', 2, 100]);
    expect([second?.tag, second?.totalCount, second?.getValueAtPercentile(50)]).toEqual(['repeat-2', 1, 5003]);
    expect(second!.startTimeStampMsec - first!.startTimeStampMsec).toBe(60_000);
    expect(reader.nextIntervalHistogram()).toBeNull();
  });

  it('whose histogram log is damaged says which interval of which file', async () => {
    const folder = join(results, 'sample');
    await writeRun(folder, sampleRun('sample', [100]), [sampleHistograms([100]), sampleHistograms([200])]);
    const log = join(folder, 'writes.hlog');
    const text = await readFile(log, 'utf8');
    const last = text.trimEnd().lastIndexOf(',');
    for (const damaged of [text.slice(0, last), text.slice(0, last + 9), `${text.slice(0, last)},AAAA`]) {
      await writeFile(log, damaged);
      await expect(readMeasured(folder)).rejects.toThrow(
        /cannot read the histograms of .*sample: writes\.hlog: interval 2 is .* damaged/,
      );
    }
  });

  it('is never overwritten', async () => {
    await mkdir(join(results, 'sample'));
    expect(() => runFolder(results, 'sample')).toThrow(ResultsError);
  });

  it('that is not there is told from a folder without a run', async () => {
    await expect(readRun(join(results, 'none'))).rejects.toThrow(/there is no .*none: expected the folder of a run/);
    await expect(readRun(results)).rejects.toThrow(/holds no run\.json/);
    await expect(readRun(results)).rejects.toBeInstanceOf(ResultsMissingError);
  });

  it('that cannot be read says why', async () => {
    await mkdir(join(results, 'odd', 'run.json'), { recursive: true });
    await expect(readRun(join(results, 'odd'))).rejects.toBeInstanceOf(ResultsError);
  });

  it('that is a pipe, or has no end, is refused and not waited for', async () => {
    execFileSync('mkfifo', [join(results, 'run.json')]);
    await expect(readRun(results)).rejects.toThrow(/run\.json is a pipe or a device: expected a regular file/);
    await rm(join(results, 'run.json'));
    await writeFile(join(results, 'run.json'), '');
    await truncate(join(results, 'run.json'), 2 ** 40);
    await expect(readRun(results)).rejects.toThrow(/run\.json is too large/);
  });

  it('that cannot be written says why', async () => {
    await writeFile(join(results, 'file'), '');
    const writing = writeRun(join(results, 'file', 'run'), sampleRun('run', [1]), [sampleHistograms([1])]);
    await expect(writing).rejects.toThrow(/cannot write .*file/);
  });
});

describe('parseRun', () => {
  it('reads a run of version 1, whose incidents were words without a time', async () => {
    const path = join(import.meta.dirname, 'testdata', 'run-version-1.json');
    const { schemaVersion, name, repeats } = await readRun(path);
    expect([schemaVersion, name]).toEqual([2, 'older']);
    expect(repeats[0]!.incidents.map(({ kind, atMs, what }) => [kind, atMs, what])).toEqual([
      ['notice', null, 'server 2 (pid 7) crashed: signal SIGKILL'],
      ['notice', null, 'server 2 restarts in 500 ms (first crash)'],
    ]);
  });

  it('refuses what is not JSON, not a run, or of a later version, each in its own way', () => {
    expect(() => parseRun('{', 'x.json')).toThrow(ResultsInvalidError);
    expect(() => parseRun('[]', 'x.json')).toThrow(/x\.json: expected a run of rkv-bench, with a schemaVersion/);
    expect(() => parseRun('{"schemaVersion": 99}', 'x.json')).toThrow(ResultsVersionError);
    expect(() => parseRun('{"schemaVersion": 99}', 'x.json')).toThrow(
      /has schema version 99; this rkv-bench reads up to 2/,
    );
  });

  it('names the fields that are wrong', () => {
    const run = sampleRun('sample', [100]);
    const broken = { ...run, merged: { ...run.merged, writes: -1 }, machine: { ...run.machine, cores: 'two' } };
    expect(() => parseRun(JSON.stringify(broken), 'x.json')).toThrow(/machine\.cores: .*\n.*merged\.writes: /);
  });

  it('refuses a latency that is no whole number of microseconds', () => {
    const run = sampleRun('sample', [100]);
    const latency = { ...run.merged.writeLatencyUs, p50: 0.5 };
    const broken = { ...run, merged: { ...run.merged, writeLatencyUs: latency } };
    expect(() => parseRun(JSON.stringify(broken), 'x.json')).toThrow(/merged\.writeLatencyUs\.p50/);
  });
});

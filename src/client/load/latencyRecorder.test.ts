import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LatencyCsv } from './latencyCsv.ts';
import { digest, LATENCY_US_MAX, LatencyRecorder, type SecondRow } from './latencyRecorder.ts';

describe('LatencyRecorder', () => {
  it('keeps rows for every second and histograms of whole microseconds', () => {
    const rows: SecondRow[] = [];
    const recorder = new LatencyRecorder((row) => rows.push(row));
    recorder.started(500);
    recorder.completed(false, 500, 502);
    recorder.completed(true, 501, 501.0004);
    recorder.failed(false, 'timeout', 600, 1400);
    recorder.dropped(7, 1450);
    expect(rows).toEqual([]);
    recorder.completed(false, 600, 3600);
    expect(rows).toEqual([
      {
        second: 0,
        reads: 1,
        writes: 1,
        failed: 1,
        dropped: 7,
        latencyUsP50: expect.any(Number),
        latencyUsP99: 2000,
        latencyUsMax: 2000,
      },
      { second: 1, reads: 0, writes: 0, failed: 0, dropped: 0, latencyUsP50: 0, latencyUsP99: 0, latencyUsMax: 0 },
      { second: 2, reads: 0, writes: 0, failed: 0, dropped: 0, latencyUsP50: 0, latencyUsP99: 0, latencyUsMax: 0 },
    ]);
    recorder.finish();
    expect(recorder.seconds).toEqual(rows);
    expect(rows[3]).toMatchObject({ second: 3, writes: 1 });
    recorder.finish();
    expect(rows.length).toBe(4);
    expect(digest(recorder.writes)).toMatchObject({ count: 2, p50Us: 2000 });
    // Three digits.
    expect(Math.abs(digest(recorder.writes).maxUs - 3_000_000)).toBeLessThan(3000);
    expect(recorder.reads.totalCount).toBe(1);
    expect([...recorder.failuresByKind]).toEqual([['timeout', 1]]);
    expect(recorder.droppedCount).toBe(7);
  });

  it('agrees with a sorted list', () => {
    const recorder = new LatencyRecorder();
    recorder.started(0);
    const all: number[] = [];
    for (let i = 0; i < 5000; i++) {
      const us = (i * 7919) % 90_000;
      all.push(us);
      recorder.completed(false, 0, us / 1000);
    }
    recorder.finish();
    all.sort((a, b) => a - b);
    const { p50Us, p99Us } = digest(recorder.writes);
    expect(Math.abs(p50Us - all[2500]!) / all[2500]!).toBeLessThan(0.002);
    expect(Math.abs(p99Us - all[4950]!) / all[4950]!).toBeLessThan(0.002);
  });

  it('takes absurd latencies without throwing', () => {
    const recorder = new LatencyRecorder();
    recorder.started(0);
    recorder.completed(false, 10, 5);
    recorder.completed(false, 0, 2 * (LATENCY_US_MAX / 1000));
    recorder.finish();
    expect(recorder.writes.totalCount).toBe(2);
    expect(digest(new LatencyRecorder().writes)).toMatchObject({ count: 0, p99Us: 0, maxUs: 0, meanUs: 0 });
  });
});

describe('LatencyCsv', () => {
  it('writes a row a command, in Unix nanoseconds', async () => {
    const csv = new LatencyCsv(1_700_000_000_000);
    for (let i = 0; i < 10_000; i++) csv.completed(false, i, i + 0.5);
    const folder = await mkdtemp(join(tmpdir(), 'rkv-csv-'));
    try {
      const path = await csv.write(folder);
      expect(path).toMatch(/latency-\d{19}\.csv$/);
      const lines = (await readFile(path, 'utf8')).split('\n');
      expect(lines.length).toBe(10_002);
      expect(lines.slice(0, 3)).toEqual([
        'start,end',
        '1700000000000000000,1700000000000500000',
        '1700000000001000000,1700000000001500000',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

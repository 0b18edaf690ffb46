import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { Recorder } from './recorder.ts';

it("writes the original's two files, times in Unix nanoseconds", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rkv-recorder-'));
  let nowUs = 1_795_459_762_000_000;
  const recorder = new Recorder(() => nowUs);
  const startUs = nowUs;
  nowUs += 1500;
  recorder.command(startUs);
  recorder.event('becomeleader');
  const files = await recorder.write(folder, 3);
  expect([basename(files.latency), basename(files.event)]).toEqual([
    'latency-1795459762001500000-server-3.csv',
    'event-1795459762001500000-server-3.csv',
  ]);
  expect(await readFile(files.latency, 'utf8')).toBe('start,end\n1795459762000000000,1795459762001500000\n');
  expect(await readFile(files.event, 'utf8')).toBe('event,time\nbecomeleader,1795459762001500000\n');
  await rm(folder, { recursive: true });
});

import { appendFileSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownFolder } from '../files/testing/ownFolder.ts';
import { RunRecord } from './runRecord.ts';

let folder: string;
ownFolder('record', (made) => {
  folder = made;
});

const report = (engine: string, seed: number) =>
  ({ engine, seed, kind: 'cut: log', outcome: 'refused', what: 'LostWritesError' }) as const;

it('goes on where a campaign was ended, also in the middle of a line', () => {
  const path = join(folder, 'record');
  const first = RunRecord.open(path);
  for (const seed of [1, 2]) first.add(report('etcd', seed));
  truncateSync(path, readFileSync(path).length - 5);
  const second = RunRecord.open(path);
  expect([second.has('etcd', 1), second.has('etcd', 2), second.has('gorums', 1)]).toEqual([true, false, false]);
  second.add(report('etcd', 2));
  second.add(report('gorums', 1));
  appendFileSync(path, '{"engine":');
  expect(RunRecord.open(path).reports).toEqual([report('etcd', 1), report('etcd', 2), report('gorums', 1)]);
});

it('keeps nothing anywhere where no file was named', () => {
  const record = RunRecord.open(undefined);
  record.add(report('etcd', 1));
  expect(record.reports).toHaveLength(1);
});

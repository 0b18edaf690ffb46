import { mkdirSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ownFolder } from '../files/testing/ownFolder.ts';
import { clusterFilePath, readClusterFile } from './findCluster.ts';

const before = process.cwd();
ownFolder('find', (folder) => process.chdir(folder));
afterEach(() => process.chdir(before));

it('takes the cluster files that come with the package under the names that its documentation types', () => {
  const plan = readClusterFile('configs/5node.yaml');
  expect(plan.servers).toHaveLength(5);
  expect(plan.directory).toBe(join(process.cwd(), 'rkv-data', '5node'));
  expect(isAbsolute(clusterFilePath('./configs/5node.yaml'))).toBe(true);
});

it('prefers what is there, and finds nothing under other names', () => {
  mkdirSync('configs');
  writeFileSync('configs/5node.yaml', 'nodes: 1\n');
  expect(readClusterFile('configs/5node.yaml').servers).toHaveLength(1);
  for (const path of ['5node.yaml', 'other/5node.yaml', 'configs/none.yaml', 'configs/../configs/x/5node.yaml']) {
    expect(clusterFilePath(path)).toBe(path);
    expect(() => readClusterFile(path)).toThrow('ENOENT');
  }
});

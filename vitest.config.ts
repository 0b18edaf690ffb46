import { defineConfig } from 'vitest/config';
import { BothCoresBusy } from './test/setup/bothCoresBusy.ts';

export default defineConfig({
  test: {
    projects: [
      // They share a process' modules from file to file: to load them anew for each took half of the time that these tests take.
      { extends: true, test: { name: 'units', include: ['src/**/*.test.ts'], isolate: false } },
      { extends: true, test: { name: 'processes', include: ['test/**/*.test.ts'] } },
    ],
    setupFiles: ['test/setup/fixedSeed.ts'],
    pool: 'forks',
    // The machines this runs on have two cores, and the end-to-end tests start processes of their own.
    maxWorkers: 2,
    sequence: { sequencer: BothCoresBusy },
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});

import { defineConfig } from 'vitest/config';
import { BothCoresBusy } from './test/setup/bothCoresBusy.ts';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/setup/fixedSeed.ts'],
    pool: 'forks',
    // The machines this runs on have two cores, and the end-to-end tests start processes of their own.
    maxWorkers: 2,
    sequence: { sequencer: BothCoresBusy },
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});

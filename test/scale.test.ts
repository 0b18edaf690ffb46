import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SCALE_MODES } from '../src/bench/scale/modes.ts';
import { runScale } from '../src/bench/scale/scaleRun.ts';
import { StopRequests } from '../src/cli/interrupts.ts';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { enginesOfHost } from './setup/engines.ts';

let folder: string;
ownFolder('scale', (made) => {
  folder = made;
});

it.each(enginesOfHost('hashicorp'))(
  '%s: a run at scale tells pauses, memory and data of every server, snapshots, and how one came back from nothing and from its data',
  async (engine) => {
    const [mode] = SCALE_MODES;
    const { bounds: _, quick, ...keys } = mode!;
    const measured = await runScale({
      engine,
      mode: { ...keys, restarts: true },
      size: { ...keys.size, ...quick, rate: 1000, timeMs: 3000, warmupMs: 0, snapshotEntries: 1000 },
      name: 'scale',
      results: join(folder, 'results'),
      dataDirectory: folder,
      interrupts: new StopRequests(),
      progress: () => ({ phase: () => {}, second: () => {}, end: () => {} }),
    });
    const { figures, record } = measured!;
    expect(record.verdict.problems).toEqual([]);
    expect(figures.perSecond).toBeGreaterThan(0);
    const { servers, snapshots, returns } = figures;
    expect(servers.map(({ id }) => id)).toEqual([1, 2, 3]);
    for (const { pauseMsMax, residentBytesMax, folderBytesMax, resident } of servers) {
      expect(resident.length).toBeGreaterThan(1);
      expect(pauseMsMax).toBeGreaterThan(0);
      expect(residentBytesMax).toBeGreaterThan(30e6);
      expect(folderBytesMax).toBeGreaterThan(8 << 20);
    }
    expect(new Set(snapshots.map(({ kind }) => kind))).toEqual(new Set(['taken', 'installed']));
    expect(returns.map(({ kind }) => kind)).toEqual(['rejoin', 'restart']);
  },
  120_000,
);

import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import type { DiskFacts, MachineFacts } from '../results/schema.ts';

export function machineFacts(): MachineFacts {
  return {
    // Some virtual machines and containers do not tell.
    cpuModel: cpus()[0]?.model.trim() || 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${platform()} ${process.arch}`,
    kernel: release(),
    node: process.version,
  };
}

const SYNCS = 200;
const SYNC_BYTES = 4096;
/** A slow disk is not measured for longer, ms. */
const SYNCS_MS_MAX = 500;
const memoryFileSystems = new Set(['tmpfs', 'ramfs']);

/** What a durable write costs in a folder: the file system, and the time of appending 4 KiB and fdatasync, µs. */
export async function diskFacts(folder: string): Promise<DiskFacts> {
  const fileSystem = fileSystemOf(resolve(folder), await readFile('/proc/self/mounts', 'utf8').catch(() => ''));
  const own = await mkdtemp(join(folder, 'sync-'));
  try {
    const times = await timeSyncs(join(own, 'file'));
    return { fileSystem, inMemory: memoryFileSystems.has(fileSystem), syncUs: syncDigest(times) };
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

async function timeSyncs(path: string): Promise<number[]> {
  const file = await open(path, 'w');
  try {
    const bytes = Buffer.alloc(SYNC_BYTES, 'rkv');
    const times: number[] = [];
    const untilMs = performance.now() + SYNCS_MS_MAX;
    while (times.length < SYNCS && (times.length === 0 || performance.now() < untilMs)) {
      const startMs = performance.now();
      await file.write(bytes);
      await file.datasync();
      times.push(Math.round((performance.now() - startMs) * 1000));
    }
    return times;
  } finally {
    await file.close();
  }
}

function syncDigest(timesUs: number[]): DiskFacts['syncUs'] {
  const sorted = [...timesUs].sort((a, b) => a - b);
  const at = (fraction: number) => sorted[Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1)] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

/** The type of the file system that holds `folder`, by a table such as /proc/self/mounts (fstab(5)). */
export function fileSystemOf(folder: string, mounts: string): string {
  let longest = '';
  let type = 'unknown';
  for (const line of mounts.split('\n')) {
    const [, escaped, found] = line.split(' ');
    if (escaped === undefined || found === undefined) continue;
    const mount = escaped.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const below = mount.endsWith('/') ? mount : `${mount}/`;
    // Of two mounts on one folder, the later covers the earlier.
    if ((folder === mount || folder.startsWith(below)) && mount.length >= longest.length) {
      longest = mount;
      type = found;
    }
  }
  return type;
}

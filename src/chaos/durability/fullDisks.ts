import { execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makeFolder } from '../../files/privateFile.ts';
import { serverDirectory } from '../../supervisor/clusterPlan.ts';
import { FaultError, type FaultReport } from '../../supervisor/faults/clusterFaults.ts';
import type { RunningCluster } from '../../supervisor/launcher.ts';

/** Makes the disks of servers full, one after the other or together. */
export interface FullDisks {
  /** In words: what is full. */
  readonly how: string;
  /** What is on them is gone once they are closed; otherwise servers take them for full by a fault. */
  readonly areInMemory: boolean;
  /** Before the servers of the cluster in `directory` are started for the first time. */
  prepare(directory: string, ids: readonly number[]): void;
  /** Resolves with how to make room again. */
  fill(cluster: RunningCluster, id: number, freeBytes: number): Promise<() => Promise<void>>;
  /** The servers have ended. */
  close(): void;
}

const STARTS_MS_MAX = 30_000;
const POLL_MS = 50;

/** By the fault that servers take on purpose: all their writes fail, and nothing else on the machine is full. */
export class FaultedDisks implements FullDisks {
  readonly how = "the servers' fault full-disk";
  readonly areInMemory = false;

  prepare(): void {}

  async fill({ faults }: RunningCluster, id: number): Promise<() => Promise<void>> {
    const fault = await this.begin(faults, id);
    return async () => {
      await faults.heal([fault!.id]);
    };
  }

  /** A server that has just been started cannot be told yet. */
  private async begin(faults: RunningCluster['faults'], id: number): Promise<FaultReport | undefined> {
    for (const deadlineMs = performance.now() + STARTS_MS_MAX; ; ) {
      try {
        return await faults.begin({ what: { kind: 'full-disk', targets: String(id) } });
      } catch (error) {
        if (!(error instanceof FaultError) || performance.now() >= deadlineMs) throw error;
        await pause(POLL_MS);
      }
    }
  }

  close(): void {}
}

/** Twice what three servers' worth of a round takes. */
const SIZE_BYTES = 96 << 20;
const BALLAST = 'ballast';
const BALLAST_BYTES_AT_ONCE = 1 << 20;

/**
 * By a file system in memory for each server, which a file beside its data fills up. To be used in a process whose mounts nobody else sees
 * (`withOwnMounts`): they are gone with it, however it ends.
 */
export class SmallDisks implements FullDisks {
  readonly how = `a file system of ${SIZE_BYTES >> 20} MiB for each server (tmpfs)`;
  readonly areInMemory = true;
  private mounted: string[] = [];

  prepare(directory: string, ids: readonly number[]): void {
    for (const id of ids) {
      const place = serverDirectory(directory, id);
      mkdirSync(directory, { recursive: true });
      makeFolder(place);
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_BYTES},mode=0700`, 'rkv-small-disk', place]);
      this.mounted.push(place);
    }
  }

  async fill({ plan }: RunningCluster, id: number, freeBytes: number): Promise<() => Promise<void>> {
    const { directory } = plan.servers[id - 1]!;
    const ballast = join(directory, BALLAST);
    const file = openSync(ballast, 'w');
    try {
      const zeros = Buffer.alloc(BALLAST_BYTES_AT_ONCE);
      for (;;) {
        const { bavail, bsize } = statfsSync(directory);
        const bytes = Math.min(zeros.length, bavail * bsize - freeBytes);
        // The server writes meanwhile.
        if (bytes <= 0 || !written(file, zeros.subarray(0, bytes))) break;
      }
    } finally {
      closeSync(file);
    }
    return async () => rmSync(ballast);
  }

  close(): void {
    for (const place of this.mounted) execFileSync('umount', ['--lazy', place]);
    this.mounted = [];
  }
}

/** Whether there was room for some of it. */
function written(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

/** In the environment of a process that has mounts of its own. */
const OWN_MOUNTS_VARIABLE = 'RKV_OWN_MOUNTS';

/** Whether this process may mount what nobody else sees, and what ends with it. */
export function hasOwnMounts(): boolean {
  return process.env[OWN_MOUNTS_VARIABLE] === '1';
}

/** The words before a command by which it runs with mounts of its own; undefined where the kernel, or unshare(1), lets this user not. */
export function withOwnMounts(): readonly string[] | undefined {
  const isRoot = process.geteuid?.() === 0;
  const command = ['unshare', ...(isRoot ? [] : ['--user', '--map-root-user']), '--mount', '--propagation', 'private'];
  try {
    const [file, ...args] = [...command, 'mount', '-t', 'tmpfs', 'rkv-small-disk', '/mnt'];
    execFileSync(file!, args, { stdio: 'ignore' });
    return command;
  } catch {
    return undefined;
  }
}

/** Runs this program once more with mounts of its own, and what it was told. Resolves with its exit code. */
export function runWithOwnMounts([file, ...args]: readonly string[]): Promise<number> {
  const child = spawn(file!, [...args, process.execPath, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, [OWN_MOUNTS_VARIABLE]: '1' },
  });
  // A terminal tells both; who signals this process alone means the other one.
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {});
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

import { readFileSync } from 'node:fs';
import { mainThreadStat, processStat, TICKS_PER_SECOND } from '../../files/processStat.ts';

/** CPU time used at one moment, seconds, since each process began; servers that cannot be seen are missing. */
export interface CpuSample {
  readonly atMs: number;
  readonly bench: number;
  readonly servers: ReadonlyMap<number, number>;
  /** All cores together, everything that ran; undefined where the system does not tell. */
  readonly machine: number | undefined;
}

/** `pids` by server id. */
export function sampleCpu(pids: ReadonlyMap<number, number>): CpuSample {
  const { user, system } = process.cpuUsage();
  const servers = new Map<number, number>();
  for (const [id, pid] of pids) {
    const seconds = processStat(pid)?.cpuSeconds;
    if (seconds !== undefined) servers.set(id, seconds);
  }
  return {
    atMs: performance.now(),
    bench: (user + system) / 1e6,
    servers,
    machine: parseMachineSeconds(readText('/proc/stat')),
  };
}

/** CPU time of this process' main thread, seconds, since it began; where the system does not tell, of all its threads. */
export function threadSeconds(): number {
  const seconds = mainThreadStat()?.cpuSeconds;
  if (seconds !== undefined) return seconds;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Most memory that a process ever held, bytes. */
export function residentBytesMax(pid: number): number | undefined {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`))?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Everything but idle and waiting for the disk, of the first line of /proc/stat. */
export function parseMachineSeconds(stat: string): number | undefined {
  const numbers = /^cpu\s+([\d ]+)$/m.exec(stat)?.[1]?.split(' ').map(Number);
  if (numbers === undefined || numbers.length < 8) return undefined;
  const [user, nice, system, , , irq, softirq, steal] = numbers as [number, number, number, number, ...number[]];
  return (user + nice + system + irq! + softirq! + steal!) / TICKS_PER_SECOND;
}

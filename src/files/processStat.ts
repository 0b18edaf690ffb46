import { readFileSync } from 'node:fs';

/** Linux counts process times in hundredths of a second towards user programs, whatever its own clock (proc(5), USER_HZ). */
export const TICKS_PER_SECOND = 100;

/** What the kernel says of a process or a thread. */
export interface ProcessStat {
  /** A letter: `Z` is one that has ended and waits to be reaped. */
  readonly state: string;
  /** User and system time since it began. */
  readonly cpuSeconds: number;
  /** When it began, in the kernel's own count. */
  readonly startTicks: string | undefined;
}

/** Of a process of this pid; undefined where there is none, or no such file system. */
export function processStat(pid: number): ProcessStat | undefined {
  return statIn(`/proc/${pid}/stat`);
}

/** Of this process' main thread. */
export function mainThreadStat(): ProcessStat | undefined {
  return statIn(`/proc/self/task/${process.pid}/stat`);
}

function statIn(path: string): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(path, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Fields 3, 14 and 15, and 22 of a /proc/<pid>/stat (proc(5)). */
export function parseProcessStat(stat: string): ProcessStat | undefined {
  // The command's name stands in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const cpuTicks = Number(fields[11]) + Number(fields[12]);
  if (Number.isNaN(cpuTicks)) return undefined;
  return { state: fields[0]!, cpuSeconds: cpuTicks / TICKS_PER_SECOND, startTicks: fields[19] };
}

import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { processStat } from '../../files/processStat.ts';
import { SUPERVISOR_FD_VARIABLE } from '../../wire/supervision.ts';

export const processIdentitySchema = z.object({
  pid: z.int().min(1),
  /** When the process began, in the kernel's own count; null where the system does not tell. */
  startTicks: z.string().nullable(),
});

/** Tells a process from a later one that was given the same pid. */
export type ProcessIdentity = Readonly<z.infer<typeof processIdentitySchema>>;

/** null where there is no such process, or the system does not tell. */
function startTicks(pid: number): string | null {
  const stat = processStat(pid);
  return stat === undefined || stat.state === 'Z' ? null : (stat.startTicks ?? null);
}

export function identify(pid: number): ProcessIdentity {
  return { pid, startTicks: startTicks(pid) };
}

/** Whether the very process that was identified still runs. Where start times are not told, a process of that pid will do. */
export function isRunning(identity: ProcessIdentity): boolean {
  if (identity.startTicks !== null) return startTicks(identity.pid) === identity.startTicks;
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What the kernel says of a process that was started as one of our servers. */
export interface ServerMark {
  /** Its working directory, and its data folder. */
  readonly directory: string;
  readonly id: number;
}

/**
 * Whether the process that was identified still runs and is, by what the kernel says of it, server `id` of the folder
 * `directory`, started by a supervisor. Undefined where the system does not tell.
 */
export function isOurServer(identity: ProcessIdentity, { directory, id }: ServerMark): boolean | undefined {
  if (startTicks(process.pid) === null) return undefined;
  if (identity.startTicks === null || !isRunning(identity)) return false;
  const args = words(identity.pid, 'cmdline');
  const isStarted = args.includes(`-id=${id}`) && args.includes(`-datadir=${directory}`);
  return isStarted && words(identity.pid, 'environ').some((word) => word.startsWith(`${SUPERVISOR_FD_VARIABLE}=`));
}

/** The processes that are servers of these folders, by what the kernel says; none where the system does not tell. */
export function serversThatRun(directories: readonly string[]): (ServerMark & { readonly process: ProcessIdentity })[] {
  const wanted = new Set(directories);
  return processIds().flatMap((pid) => {
    const args = words(pid, 'cmdline');
    const directory = flagValue(args, 'datadir');
    const id = Number(flagValue(args, 'id'));
    if (directory === undefined || !wanted.has(directory) || !Number.isSafeInteger(id)) return [];
    const process = identify(pid);
    return isOurServer(process, { directory, id }) === true ? [{ directory, id, process }] : [];
  });
}

/** Of the flag, in the form in which servers are started. */
function flagValue(args: readonly string[], flag: string): string | undefined {
  const start = `-${flag}=`;
  return args.find((arg) => arg.startsWith(start))?.slice(start.length);
}

function processIds(): number[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

/** What a file of /proc/<pid> holds, each ended by a zero byte; nothing where it is not ours to read. */
function words(pid: number, name: 'cmdline' | 'environ'): string[] {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

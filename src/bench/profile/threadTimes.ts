import { readdirSync, readFileSync } from 'node:fs';

/** What a thread had of the machine since it began, µs. */
export interface ThreadTime {
  readonly name: string;
  /** On a core. */
  readonly cpuUs: number;
  /** Ready to run, while others had the cores. */
  readonly waitedUs: number;
}

/** What threads other than the main one are for, as tables tell it. */
export const PROFILER_THREADS = 'the profiler’s';
export const V8_THREADS = 'V8’s helpers: collection, compiling';
export const POOL_THREADS = 'libuv’s pool, LevelDB’s: writes, syncs';

/** Those that Node.js starts before any work for libuv's pool: V8's, a scheduler of theirs, and who waits for signals. */
const FIRST_THREADS = 6;
const NAMED: readonly (readonly [RegExp, string])[] = [
  [/^v8:Prof/, PROFILER_THREADS],
  [/V8Worker|^DelayedTaskSche|^SignalInspector/, V8_THREADS],
  [/libuv/, POOL_THREADS],
];

/** By the name that it has from Node.js 24 on, and where it has none by how many threads of its process, the main one included, are older. */
export function threadKind(name: string, olderThreads: number): string {
  const named = NAMED.find(([pattern]) => pattern.test(name))?.[1];
  return named ?? (olderThreads <= FIRST_THREADS ? V8_THREADS : POOL_THREADS);
}

/** This machine does not say what its threads took. */
export class ThreadTimesError extends Error {
  override readonly name = 'ThreadTimesError';
}

/** Of all threads of a process, by their ids, the oldest first; its main thread has the id of the process. Throws ThreadTimesError. */
export function threadTimes(pid: number): Map<number, ThreadTime> {
  try {
    const tids = readdirSync(`/proc/${pid}/task`)
      .map(Number)
      .sort((one, other) => one - other);
    const times = tids.flatMap((tid) => timeOf(`/proc/${pid}/task/${tid}`, tid));
    return new Map(times);
  } catch (error) {
    throw new ThreadTimesError(`process ${pid}: expected times of its threads in /proc: ${(error as Error).message}`);
  }
}

/** Nothing of a thread that has ended meanwhile. */
function timeOf(folder: string, tid: number): (readonly [number, ThreadTime])[] {
  try {
    const [cpuNs, waitedNs] = readFileSync(`${folder}/schedstat`, 'latin1').split(' ').map(Number);
    const name = readFileSync(`${folder}/comm`, 'latin1').trim();
    return [[tid, { name, cpuUs: cpuNs! / 1000, waitedUs: waitedNs! / 1000 }]];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH' || code === 'ENOENT') return [];
    throw error;
  }
}

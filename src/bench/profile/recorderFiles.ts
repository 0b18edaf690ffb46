import { join } from 'node:path';

/** Begins a recording in a process that has the recorder, and ends it. */
export const PROFILE_SIGNAL = 'SIGUSR2';
/** Of the environment of such a process: where its files go, µs between two looks, and whether functions are kept apart (`1`). */
export const FOLDER_VARIABLE = 'RKV_PROFILE_FOLDER';
export const INTERVAL_VARIABLE = 'RKV_PROFILE_INTERVAL_US';
export const APART_VARIABLE = 'RKV_PROFILE_APART';

export interface RecorderFiles {
  /** It takes the signal; its command line, as JSON. */
  readonly ready: string;
  readonly begun: string;
  readonly profile: string;
}

const READY = '.ready.json';

export function recorderFiles(folder: string, pid: number): RecorderFiles {
  return {
    ready: join(folder, `${pid}${READY}`),
    begun: join(folder, `${pid}.begun`),
    profile: join(folder, `${pid}.cpuprofile`),
  };
}

/** The pid of a process that is ready, by the name of that file; undefined of other files. */
export function pidOfReady(name: string): number | undefined {
  return name.endsWith(READY) ? Number(name.slice(0, -READY.length)) : undefined;
}

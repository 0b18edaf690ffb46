import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { packagePath } from '../../cli/packagePath.ts';
import { machineMs } from '../run/loadWorkerMessages.ts';
import type { WindowObserver } from '../run/measure.ts';
import { preload } from '../run/preload.ts';
import type { ProfiledProcess } from './breakdown.ts';
import { parseCpuProfile } from './cpuProfile.ts';
import { CpuRecording } from './cpuRecording.ts';
import {
  APART_VARIABLE,
  FOLDER_VARIABLE,
  INTERVAL_VARIABLE,
  PROFILE_SIGNAL,
  pidOfReady,
  recorderFiles,
} from './recorderFiles.ts';
import { type ThreadTime, threadTimes } from './threadTimes.ts';

/** Processes run what is built. */
const RECORDER = packagePath('dist', 'bench', 'profile', 'recorder.js');
const LOAD_WORKER = join('bench', 'run', 'loadWorker.js');
const LOOK_MS = 5;
/** Profiles are tens of megabytes at most; a process that has not written its own by then never will. */
const RECORDER_MS_MAX = 60_000;

/** A process takes no profile of itself. */
export class RecorderError extends Error {
  override readonly name = 'RecorderError';
}

export interface ProfilingOptions {
  /** For the recorders' files: profiles among them. */
  readonly folder: string;
  readonly intervalUs: number;
  /** The functions of servers and workers are kept apart. */
  readonly isApart: boolean;
}

/** What was recorded. */
export interface Profiled {
  /** By server id. */
  readonly servers: ReadonlyMap<number, ProfiledProcess>;
  /** This process, and those that it had make load. */
  readonly bench: readonly ProfiledProcess[];
}

interface Window {
  readonly atUs: number;
  /** By process id. */
  readonly threads: ReadonlyMap<number, ReadonlyMap<number, ThreadTime>>;
}

/** Takes profiles of all that a run starts, and of this process, in the measured window. */
export class Profiling implements WindowObserver {
  private readonly folder: string;
  private readonly intervalUs: number;
  private readonly endPreloading: () => void;
  private readonly own = new CpuRecording();
  private servers: ReadonlyMap<number, number> = new Map();
  private workers: readonly number[] = [];
  private beginning: Window | undefined;
  private result: Profiled | undefined;

  /** From here on, until `close`, Node.js programs that this process starts have the recorder. */
  constructor({ folder, intervalUs, isApart }: ProfilingOptions) {
    this.folder = folder;
    this.intervalUs = intervalUs;
    this.endPreloading = preload(RECORDER, {
      [FOLDER_VARIABLE]: folder,
      [INTERVAL_VARIABLE]: String(intervalUs),
      [APART_VARIABLE]: isApart ? '1' : '0',
    });
  }

  /** Undefined until the window is over. */
  get profiled(): Profiled | undefined {
    return this.result;
  }

  /** Rejects with RecorderError where a server has no recorder, and ThreadTimesError. */
  async begin(pids: ReadonlyMap<number, number>): Promise<void> {
    this.servers = pids;
    this.workers = this.loadWorkers();
    if (pids.size === 0) throw new RecorderError('no server can be seen: expected servers that are started here');
    for (const [id, pid] of pids) {
      if (existsSync(recorderFiles(this.folder, pid).ready)) continue;
      throw new RecorderError(`server ${id} (process ${pid}) takes no profile: expected a program of Node.js`);
    }
    this.signal();
    await this.own.begin(this.intervalUs);
    await Promise.all(this.others().map((pid) => this.appears(recorderFiles(this.folder, pid).begun, pid)));
    this.beginning = this.now();
  }

  async end(): Promise<void> {
    const [from, to] = [this.beginning!, this.now()];
    this.signal();
    const profiles = new Map([[process.pid, await this.own.end()]]);
    for (const pid of this.others()) {
      const path = recorderFiles(this.folder, pid).profile;
      await this.appears(path, pid);
      profiles.set(pid, parseCpuProfile(readFileSync(path, 'utf8'), path));
    }
    const processOf = (pid: number): ProfiledProcess => ({
      pid,
      profile: profiles.get(pid)!,
      fromUs: from.atUs,
      toUs: to.atUs,
      before: from.threads.get(pid)!,
      after: to.threads.get(pid)!,
    });
    this.result = {
      servers: new Map([...this.servers].map(([id, pid]) => [id, processOf(pid)])),
      bench: [process.pid, ...this.workers].map(processOf),
    };
  }

  close(): void {
    this.endPreloading();
  }

  private loadWorkers(): number[] {
    return readdirSync(this.folder).flatMap((name) => {
      const pid = pidOfReady(name);
      if (pid === undefined) return [];
      const [, program] = JSON.parse(readFileSync(recorderFiles(this.folder, pid).ready, 'utf8')) as string[];
      return program?.endsWith(LOAD_WORKER) ? [pid] : [];
    });
  }

  private others(): number[] {
    return [...this.servers.values(), ...this.workers];
  }

  private signal(): void {
    for (const pid of this.others()) process.kill(pid, PROFILE_SIGNAL);
  }

  private now(): Window {
    const threads = new Map([process.pid, ...this.others()].map((pid) => [pid, threadTimes(pid)] as const));
    return { atUs: machineMs() * 1000, threads };
  }

  private async appears(path: string, pid: number): Promise<void> {
    const untilMs = performance.now() + RECORDER_MS_MAX;
    while (!existsSync(path)) {
      if (!existsSync(`/proc/${pid}`)) throw new RecorderError(`process ${pid} ended while its profile was taken`);
      if (performance.now() > untilMs) {
        throw new RecorderError(
          `process ${pid} has not said within ${RECORDER_MS_MAX / 1000} s that its profile is taken`,
        );
      }
      await pause(LOOK_MS);
    }
  }
}

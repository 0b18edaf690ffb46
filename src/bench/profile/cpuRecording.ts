import { Session } from 'node:inspector/promises';
import { setFlagsFromString } from 'node:v8';
import type { CpuProfile } from './cpuProfile.ts';

/** Takes a CPU profile of this process' main thread. */
export class CpuRecording {
  private readonly session = new Session();

  constructor() {
    this.session.connect();
  }

  async begin(intervalUs: number): Promise<void> {
    await this.session.post('Profiler.enable');
    await this.session.post('Profiler.setSamplingInterval', { interval: intervalUs });
    await this.session.post('Profiler.start');
  }

  async end(): Promise<CpuProfile> {
    const { profile } = await this.session.post('Profiler.stop');
    this.session.disconnect();
    return profile as CpuProfile;
  }
}

/**
 * From here on V8 puts no function into another one as it compiles. A profile does not know of such functions: what they take is taken
 * for time of what they were put into.
 */
export function keepFunctionsApart(): void {
  setFlagsFromString('--no-turbo-inlining');
  setFlagsFromString('--no-maglev-inlining');
}

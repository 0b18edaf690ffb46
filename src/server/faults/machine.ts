import type { FaultEnvironment } from '../../faults/environment.ts';

/** Time and chance of the machine that the server runs on. */
export const MACHINE: FaultEnvironment = {
  nowUs: () => performance.now() * 1000,
  next: Math.random,
  after: (delayUs, run) => {
    const timer = setTimeout(run, delayUs / 1000);
    return () => clearTimeout(timer);
  },
};

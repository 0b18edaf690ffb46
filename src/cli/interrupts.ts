/** Requests to stop that come to a process from outside, such as Ctrl-C. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a program exits with that such a request ended: 128 and the number of SIGINT, as shells have it. */
export const EXIT_INTERRUPTED = 130;

/** Calls back for every such request, instead of ending the process; returns how to end that. */
export function onInterrupt(interrupt: () => void): () => void {
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return () => {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  };
}

/** Who is asked once ends in order, and who is asked again waits for nothing. */
export class StopRequests {
  private readonly stopping = new AbortController();
  private readonly hurrying = new AbortController();

  get stop(): AbortSignal {
    return this.stopping.signal;
  }

  /** Fires after `stop`. */
  get hurry(): AbortSignal {
    return this.hurrying.signal;
  }

  ask(): void {
    (this.stop.aborted ? this.hurrying : this.stopping).abort();
  }
}

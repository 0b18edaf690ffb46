import { performance } from 'node:perf_hooks';

/** The clock, the randomness and the event loop as the client library uses them. */
export interface ClientEnvironment {
  /** Monotonic, ms, with fractions. */
  nowMs(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Runs `turn` once, after the inputs of this turn of the event loop. */
  soon(turn: () => void): void;
  /** Runs `turn` once after `delayMs`; the answer calls that off. */
  after(delayMs: number, turn: () => void): () => void;
}

export const systemEnvironment: ClientEnvironment = {
  nowMs: () => performance.now(),
  random: Math.random,
  soon: (turn) => {
    setImmediate(turn);
  },
  after: (delayMs, turn) => {
    const timer = setTimeout(turn, delayMs);
    return () => clearTimeout(timer);
  },
};

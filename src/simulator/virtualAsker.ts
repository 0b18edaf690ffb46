import type { NodeId } from '../consensus/contract.ts';
import { type Asker, type AskTimes, LATE } from '../server/identity/asking.ts';
import type { Introduction } from '../server/identity/identity.ts';
import type { Answer } from '../server/identity/startDecision.ts';

export interface AskingWorld {
  nowUs(): number;
  /** What is asked may never be answered, or more than once. */
  introduce(to: NodeId, claim: Introduction, answered: (answer: Answer) => void): void;
  /** Runs it later, in this process. */
  after(delayUs: number, run: () => void): void;
}

/** How a process asks the others who they are, over the virtual network. */
export function virtualAsker(world: AskingWorld, times: AskTimes): Asker {
  return {
    times,
    nowMs: () => world.nowUs() / 1000,
    after: (delayMs, run) => world.after(delayMs * 1000, run),
    ask: (peer, claim, timeoutMs, answered) => {
      let isOpen = true;
      const once = (answer: Answer) => {
        if (isOpen) answered(answer);
        isOpen = false;
      };
      world.introduce(peer, claim, once);
      world.after(timeoutMs * 1000, () => once(LATE));
    },
  };
}

/** Those of src/server, in the measure of faults that are over sooner than a machine's. */
export const VIRTUAL_ASK_TIMES: AskTimes = { leastMs: 300, mostMs: 3_000, silenceMs: 100 };

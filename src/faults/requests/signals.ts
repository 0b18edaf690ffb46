import { constants } from 'node:os';
import { z } from 'zod';

/** Whether the operating system knows a signal of this name. */
export function isSignal(value: unknown): value is NodeJS.Signals {
  return typeof value === 'string' && Object.hasOwn(constants.signals, value);
}

export const signalSchema = z.custom<NodeJS.Signals>(isSignal, { error: 'expected a signal such as SIGKILL' });

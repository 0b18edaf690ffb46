import { constants } from 'node:os';

/** Whether the operating system knows a signal of this name. */
export function isSignal(value: unknown): value is NodeJS.Signals {
  return typeof value === 'string' && Object.hasOwn(constants.signals, value);
}

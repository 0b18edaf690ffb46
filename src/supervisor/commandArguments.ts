import { InvalidArgumentError } from 'commander';
import { durationMs } from './config/schema.ts';
import { isSignal } from './control/signals.ts';

/** Whether it may number a server or a fault. */
export function isId(text: string): boolean {
  return /^[1-9]\d{0,8}$/.test(text);
}

export function parseId(text: string): number {
  if (!isId(text)) throw new InvalidArgumentError('Expected a server id such as 1.');
  return Number(text);
}

/** In ms. */
export function parseDuration(text: string): number {
  const ms = durationMs(text);
  if (ms <= 0) throw new InvalidArgumentError('Expected a duration such as 30s.');
  return ms;
}

/** People type `kill` as well as `SIGKILL`. */
export function parseSignal(text: string): NodeJS.Signals {
  const upper = text.toUpperCase();
  const signal = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  if (!isSignal(signal)) throw new InvalidArgumentError('Expected a signal such as SIGKILL or TERM.');
  return signal;
}

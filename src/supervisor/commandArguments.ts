import { type Command, InvalidArgumentError } from 'commander';
import { isSignal } from '../faults/requests/signals.ts';
import { UsageError } from '../goflags/goFlags.ts';
import { parseAddress } from '../net/endpoints/addresses.ts';
import { durationMs } from '../yaml/values.ts';
import { isClusterName } from './config/schema.ts';

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

export function parseName(text: string): string {
  if (!isClusterName(text))
    throw new InvalidArgumentError('Expected letters, digits, dots, dashes and underscores (at most 64).');
  return text;
}

/** `:9204` or `127.0.0.1:9204`. */
export function parseServerAddress(text: string): string {
  if (parseAddress(text) === undefined) throw new InvalidArgumentError('Expected an address such as :9204.');
  return text;
}

/** Words of which some are ids, and one may say which cluster is meant. Throws UsageError. */
export function idsAndCluster(words: readonly string[]): {
  readonly ids: number[];
  readonly cluster: string | undefined;
} {
  const [cluster, another] = words.filter((word) => !isId(word));
  if (another !== undefined) throw new UsageError(`one cluster at a time: ${cluster} and ${another} were given`);
  return { ids: words.filter(isId).map(Number), cluster };
}

/** What a command line says of which cluster is meant, beside a word for it. */
export interface WhichOptions {
  readonly name?: string;
  readonly datadir?: string;
}

export function whichOptions(command: Command): Command {
  return command
    .option('--name <name>', 'its name, where several run from the same file', parseName)
    .option('--datadir <folder>', 'its data folder, where that is not what the file says');
}

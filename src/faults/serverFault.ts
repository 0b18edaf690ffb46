import type { DelayShape } from './delays.ts';

/** What is wrong with a link, in the directions that are named beside it. */
export type LinkTrouble =
  | { readonly kind: 'cut' }
  | { readonly kind: 'delay'; readonly shape: UserDelayShape }
  | { readonly kind: 'loss'; readonly chance: number }
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number };

/** The delays that can be asked for. */
export type UserDelayShape = Exclude<DelayShape, { readonly kind: 'exponential' | 'measured' }>;

/** A fault of one server, as that server is told it. */
export type ServerFault =
  | {
      readonly kind: 'link';
      /** Ids, ascending; none: all others. */
      readonly peers: readonly number[];
      /** What goes to them. */
      readonly to: boolean;
      /** What comes from them. */
      readonly from: boolean;
      readonly trouble: LinkTrouble;
    }
  | {
      /** Of its link to its clients, all of them. */
      readonly kind: 'client-link';
      readonly to: boolean;
      readonly from: boolean;
      readonly trouble: LinkTrouble;
    }
  | { readonly kind: 'slow-disk'; readonly syncAddedUs: number }
  | { readonly kind: 'stalled-disk' }
  | { readonly kind: 'full-disk' }
  /** How many seconds its clock goes in one. */
  | { readonly kind: 'clock'; readonly rate: number };

/** A fault that makes no sense, or one too many. Nothing has changed. */
export class InvalidFaultError extends Error {
  override readonly name = 'InvalidFaultError';
}

/** Longer delays are a cut, for whoever waits for an answer. */
const DELAY_US_MAX = 60_000_000;
/** One byte a second carries nothing; a limit above this is none on any machine. */
const BYTES_PER_SECOND_MIN = 1;
const BYTES_PER_SECOND_MAX = 1e12;
export const CLOCK_RATE_MIN = 0.01;
export const CLOCK_RATE_MAX = 100;

/** Throws InvalidFaultError for what server `self` of `serverCount` cannot bring about. */
export function checkFault(fault: ServerFault, self: number, serverCount: number): void {
  switch (fault.kind) {
    case 'link':
      checkPeers(fault.peers, self, serverCount);
      checkLink(fault);
      return;
    case 'client-link':
      checkLink(fault);
      return;
    case 'slow-disk':
      expectWithin('delay of a sync', fault.syncAddedUs, 1, DELAY_US_MAX, 'µs');
      return;
    case 'clock':
      expectWithin('rate of the clock', fault.rate, CLOCK_RATE_MIN, CLOCK_RATE_MAX);
      return;
    case 'stalled-disk':
    case 'full-disk':
      return;
  }
}

function checkPeers(peers: readonly number[], self: number, serverCount: number): void {
  for (const peer of peers) {
    if (Number.isInteger(peer) && peer >= 1 && peer <= serverCount && peer !== self) continue;
    throw new InvalidFaultError(
      `link to server ${peer}: expected one of the other ${serverCount - 1} servers of -servers`,
    );
  }
}

function checkLink({ to, from, trouble }: Extract<ServerFault, { kind: 'link' | 'client-link' }>): void {
  if (!to && !from)
    throw new InvalidFaultError('link in no direction: expected what goes to others, what comes from them, or both');
  switch (trouble.kind) {
    case 'cut':
      return;
    case 'loss':
      expectWithin('chance of a loss', trouble.chance, 0, 1);
      return;
    case 'bandwidth':
      expectWithin('bandwidth', trouble.bytesPerSecond, BYTES_PER_SECOND_MIN, BYTES_PER_SECOND_MAX, 'bytes a second');
      return;
    case 'delay':
      checkDelay(trouble.shape);
  }
}

function checkDelay(shape: UserDelayShape): void {
  switch (shape.kind) {
    case 'fixed':
      expectWithin('delay', shape.us, 1, DELAY_US_MAX, 'µs');
      return;
    case 'normal':
      expectWithin('mean delay', shape.meanUs, 1, DELAY_US_MAX, 'µs');
      expectWithin('deviation of the delay', shape.deviationUs, 0, DELAY_US_MAX, 'µs');
      return;
    case 'heavy-tail':
      expectWithin('least delay', shape.leastUs, 1, DELAY_US_MAX, 'µs');
  }
}

function expectWithin(what: string, value: number, least: number, most: number, unit = ''): void {
  if (value >= least && value <= most) return;
  const range = `from ${least} to ${most}${unit === '' ? '' : ` ${unit}`}`;
  throw new InvalidFaultError(`${what} of ${value}: expected ${range}`);
}

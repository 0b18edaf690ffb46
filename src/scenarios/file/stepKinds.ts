/** As `rkv-cluster fault` calls them. */
export const FAULTS = [
  'kill',
  'pause',
  'partition',
  'delay',
  'loss',
  'bandwidth',
  'slow-disk',
  'stalled-disk',
  'full-disk',
  'clock',
] as const;

export const ACTIONS = ['choose', 'stop', 'start', 'restart', 'transfer', 'add', 'remove', 'load', 'heal'] as const;

export type StepKind = (typeof FAULTS)[number] | (typeof ACTIONS)[number];

export type StepKey =
  | 'at'
  | 'fault'
  | 'do'
  | 'server'
  | 'for'
  | 'as'
  | 'to'
  | 'from'
  | 'by'
  | 'jitter'
  | 'heavyTail'
  | 'chance'
  | 'limit'
  | 'signal'
  | 'restart'
  | 'rate'
  | 'clients';

interface StepKeys {
  readonly needed: readonly StepKey[];
  readonly allowed: readonly StepKey[];
}

const onLinks = (...needed: StepKey[]): StepKeys => ({
  needed: ['server', ...needed],
  allowed: ['to', 'from', 'for', 'as'],
});
const ofServers = (...needed: StepKey[]): StepKeys => ({ needed: ['server', ...needed], allowed: ['for', 'as'] });
const ON_SERVERS: StepKeys = { needed: ['server'], allowed: ['as'] };

const KEYS: Readonly<Record<StepKind, StepKeys>> = {
  kill: { needed: ['server'], allowed: ['for', 'signal', 'restart', 'as'] },
  pause: ofServers(),
  partition: onLinks(),
  delay: { needed: ['server', 'by'], allowed: ['jitter', 'heavyTail', 'to', 'from', 'for', 'as'] },
  loss: onLinks('chance'),
  bandwidth: onLinks('limit'),
  'slow-disk': ofServers('by'),
  'stalled-disk': ofServers(),
  'full-disk': ofServers(),
  clock: ofServers('rate'),
  choose: { needed: ['server', 'as'], allowed: [] },
  stop: ON_SERVERS,
  start: ON_SERVERS,
  restart: ON_SERVERS,
  transfer: { needed: [], allowed: ['to', 'as'] },
  add: ON_SERVERS,
  remove: ON_SERVERS,
  load: { needed: [], allowed: ['clients', 'rate'] },
  heal: { needed: [], allowed: [] },
};

/** What a step of the kind says besides `at` and what it is. */
export function keysOf(kind: StepKind): StepKeys {
  return KEYS[kind];
}

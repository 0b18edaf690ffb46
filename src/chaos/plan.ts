import { Random } from '../simulator/random.ts';

/** Whom a strike hits: whoever leads at the time, where that is asked for and anybody does, or else this server. */
export interface Target {
  readonly leader: boolean;
  readonly server: number;
}

/** One fault: when it begins, how long it lasts, and what it is. */
export type Strike = { readonly atMs: number; readonly lastsMs: number } & (
  | { readonly kind: 'kill' | 'stop' | 'pause' | 'remove'; readonly target: Target }
  | { readonly kind: 'kill all' }
  | { readonly kind: 'transfer' }
  /** The target and, of the others, those on its side are apart from the rest; `clients` are on its side as well. */
  | {
      readonly kind: 'partition';
      readonly target: Target;
      readonly side: readonly number[];
      readonly clients: readonly number[];
    }
  /** What the target sends to the other servers, or they to it, does not arrive. */
  | { readonly kind: 'mute' | 'deaf'; readonly target: Target }
  | { readonly kind: 'slow'; readonly target: Target; readonly delayMs: number }
  /** The client's way to the target is cut; or its requests, or the answers, get lost without a word; or late. */
  | { readonly kind: 'client cut' | 'client mute' | 'client deaf'; readonly target: Target; readonly client: number }
  | { readonly kind: 'client slow'; readonly target: Target; readonly client: number; readonly delayMs: number }
  /** The client's connections to the target are reset in the middle of a request, or of an answer. */
  | {
      readonly kind: 'client reset';
      readonly target: Target;
      readonly client: number;
      readonly way: 'there' | 'back';
      readonly bytes: number;
    }
);

export interface ChaosPlan {
  readonly seed: number;
  readonly servers: number;
  readonly members: readonly number[];
  readonly clients: number;
  readonly keys: number;
  readonly electionMs: number;
  readonly heartbeatMs: number;
  readonly faultsMs: number;
  readonly strikes: readonly Strike[];
}

export const ELECTION_MS = 300;
const HEARTBEAT_MS = 30;
/** Before the first strike, and between two of them on average. */
const CALM_MS = 300;
const STRIKE_MEAN_MS = 600;

/** What a seed means. The times are those of the machine it runs on, so a repetition is alike, not the same. */
export function drawChaos(seed: number, faultsMs: number): ChaosPlan {
  const random = new Random(seed).fork('chaos');
  const servers = random.pick([3, 3, 4, 5]);
  const spare = servers > 3 && random.chance(0.7) ? servers - 3 : 0;
  const ids = Array.from({ length: servers }, (_, i) => i + 1);
  const clients = random.between(3, 4);
  const strikes: Strike[] = [];
  for (let atMs = CALM_MS; ; atMs += random.exponential(STRIKE_MEAN_MS)) {
    if (atMs >= faultsMs) break;
    strikes.push(drawStrike(random, ids, clients, atMs));
  }
  return {
    seed,
    servers,
    members: ids.slice(0, servers - spare),
    clients,
    keys: random.between(2, 5),
    electionMs: ELECTION_MS,
    heartbeatMs: HEARTBEAT_MS,
    faultsMs,
    strikes,
  };
}

const KINDS: readonly Strike['kind'][] = [
  'kill',
  'kill',
  'kill all',
  'stop',
  'pause',
  'pause',
  'partition',
  'partition',
  'mute',
  'deaf',
  'slow',
  'remove',
  'remove',
  'transfer',
  'client cut',
  'client mute',
  'client deaf',
  'client slow',
  'client reset',
  'client reset',
];

function drawStrike(random: Random, ids: readonly number[], clients: number, atMs: number): Strike {
  const kind = random.pick(KINDS);
  const target: Target = { leader: random.chance(0.5), server: random.pick(ids) };
  const when = { atMs, lastsMs: random.between(100, 2000) };
  const client = random.int(clients);
  const delayMs = random.pick([5, 30, 200]);
  switch (kind) {
    case 'kill all':
    case 'transfer':
      return { ...when, kind };
    case 'partition': {
      const side = ids.filter(() => random.chance(0.35));
      const those = Array.from({ length: clients }, (_, i) => i).filter(() => random.chance(0.5));
      return { ...when, kind, target, side, clients: those };
    }
    case 'slow':
      return { ...when, kind, target, delayMs };
    case 'client slow':
      return { ...when, kind, target, client, delayMs };
    case 'client cut':
    case 'client mute':
    case 'client deaf':
      return { ...when, kind, target, client };
    case 'client reset':
      return { ...when, kind, target, client, way: random.pick(['there', 'back']), bytes: random.int(400) };
    default:
      return { ...when, kind, target };
  }
}

/** The strike in a line, as it is told when it comes. */
export function describeStrike(strike: Strike): string {
  const { kind, lastsMs } = strike;
  const client = 'client' in strike ? ` of client ${strike.client}` : '';
  const target = 'target' in strike ? ` ${strike.target.leader ? 'the leader' : `server ${strike.target.server}`}` : '';
  const lasts = kind === 'transfer' || kind === 'client reset' ? '' : ` for ${lastsMs} ms`;
  const delay = 'delayMs' in strike ? ` by ${strike.delayMs} ms` : '';
  const side = kind === 'partition' ? ` with servers [${strike.side}] and clients [${strike.clients}]` : '';
  const reset = kind === 'client reset' ? ` ${strike.way} after ${strike.bytes} bytes` : '';
  return `${kind}${client}${target}${side}${delay}${reset}${lasts}`;
}

import type { EngineSettings, NodeId } from '../consensus/contract.ts';
import type { Spread } from '../faults/spread.ts';

/** What strikes a cluster from time to time while the faults last. */
export const STRIKES = [
  'partition',
  'clog',
  'crash',
  'aimed crash',
  'vote crash',
  'crash of all',
  'graceful stop',
  'pause',
  'slow disk',
  'stalled disk',
  'full disk',
  'read error',
  'clock jump',
  'membership change',
  'leadership transfer',
  'lost tail',
  'lost folder',
  'backup',
  'foreign folder',
] as const;
/** The last is for seeds in which reads go by a lease. */
export type Strike = (typeof STRIKES)[number] | 'quick restart';

export interface NetworkPlan {
  readonly delayMinUs: number;
  /** Mean of the exponential part of a delay. */
  readonly delayMeanUs: number;
  readonly tailChance: number;
  readonly tailMeanUs: number;
  readonly lossChance: number;
  readonly duplicateChance: number;
  /** Whether messages of one link may overtake one another. */
  readonly reorders: boolean;
  /** Measured: how late a process gets round to what has come. */
  readonly wakeMs?: Spread;
}

export interface DiskPlan {
  readonly syncMinUs: number;
  readonly syncMeanUs: number;
  /** Measured instead. */
  readonly syncMs?: Spread;
  /** What a crash does to what was not synced. */
  readonly tears: boolean;
  readonly flips: boolean;
  readonly survivalChance: number;
  /** Records and snapshots of a few entries are large here, and written in pieces. */
  readonly inPieces: boolean;
  /** Of what is promised beside the disk: so small that it is gone round often, or not. */
  readonly journal: { readonly halfBytes: number; readonly blockBytes: number };
  /** How long it may wait for what the journal has. */
  readonly lagUs: number;
}

export interface ClientPlan {
  readonly count: number;
  readonly windowMax: number;
  readonly thinkMeanUs: number;
  readonly keyCount: number;
  readonly readFraction: number;
  readonly attemptTimeoutUs: number;
  /** After so long without an answer a client gives an operation up, while the faults last. */
  readonly patienceUs: number;
}

/** One seed's world: its own mix of sizes, settings and faults ("swarm testing", Groce et al., ISSTA 2012). */
export interface Plan {
  readonly seed: number;
  /** Ids 1 to `serverCount` may take part; `bootstrap` form the first cluster. */
  readonly serverCount: number;
  readonly bootstrap: readonly NodeId[];
  readonly settings: EngineSettings;
  readonly snapshotEveryEntries: number;
  /** Of a snapshot that is taken or restored: few enough that it takes many turns, or so many that it takes one. */
  readonly snapshotBytesPerTurn: number;
  readonly trailingEntries: number;
  readonly cacheEntries: number;
  /** A run lasts at least so long, and has at least so many finished client operations. */
  readonly runMinUs: number;
  readonly operationsMin: number;
  /** How many times faster than usual faults and absences are over. */
  readonly pace: number;
  /** The faults last so long; then everything heals. */
  readonly chaosUs: number;
  readonly network: NetworkPlan;
  readonly disk: DiskPlan;
  readonly clients: ClientPlan;
  /** Rates of the servers' clocks: 1 is right. */
  readonly clockRates: readonly number[];
  /** Mean time between two strikes of a kind, for those that this seed has. */
  readonly strikes: ReadonlyMap<Strike, number>;
  /** Once everything is healed, the leader is made deaf for a while, and it is judged whether the others serve meanwhile. */
  readonly deafLeader: boolean;
  /** Once everything is healed, some servers stay away for a while, and an operator asks for changes that involve them. */
  readonly deadServers: boolean;
  /** The cluster is founded in the run: its servers are new, and start one after the other. */
  readonly founding: boolean;
  /** Until most initial members took part everything is so much longer on its way, each way; 0: no longer. */
  readonly foundingDistanceUs: number;
  /** Processes end, and never with their machines, which say so to whoever had a connection. */
  readonly machinesLast: boolean;
}

/** One attack and what has to hold while it lasts. */
export interface Case {
  readonly name: string;
  readonly nodes: number;
  /** Resident memory of the server that is attacked, MiB. */
  readonly rssMibMax: number;
  /** The longest time that the well-behaved client may be without an answer. */
  readonly gapMsMax: number;
  /** The servers' limit on open files. */
  readonly openFiles?: number;
  /** Afterwards each server is started again, and then all at once: what it leaves behind shows then. */
  readonly restarts?: boolean;
  /** Of the answers a second of before, what is left while all that the attack has opened stays open. */
  readonly throughputShareMin?: number;
  /** Well-behaved clients; 1 where nothing is said. */
  readonly clients?: number;
  /** Without TLS there is nobody who would be refused. */
  readonly needsTls?: boolean;
  /** Of the servers, beside those of every cluster. */
  readonly flags?: Readonly<Record<string, number>>;
}

/**
 * A quiet server takes about 110 MiB; `-clientmemory` allows clients 256 more, and what the collector has not taken back yet
 * comes on top.
 */
const CLIENTS_MIB_MAX = 900;
/** Two election timeouts: nobody was without a leader for long. */
const GAP_MS_MAX = 2000;

const usual = { nodes: 3, rssMibMax: CLIENTS_MIB_MAX, gapMsMax: GAP_MS_MAX };

export const CASES: readonly Case[] = [
  { ...usual, name: 'unreadSessions' },
  { ...usual, name: 'unreadCalls' },
  { ...usual, name: 'unreadBurst' },
  { ...usual, name: 'unfinishedBodies' },
  { ...usual, name: 'compressedBodies' },
  { ...usual, name: 'idleStreamFrames', rssMibMax: 400 },
  { ...usual, name: 'openCalls' },
  { ...usual, name: 'registrations', rssMibMax: 400 },
  { ...usual, name: 'millionRegistrations', rssMibMax: 400 },
  { ...usual, name: 'numbersAhead', rssMibMax: 500 },
  { ...usual, name: 'idleConnections', openFiles: 64 },
  { ...usual, name: 'idleAndHalfOpen', clients: 20, throughputShareMin: 0.9 },
  { ...usual, name: 'largeValues', rssMibMax: 2000 },
  { ...usual, name: 'raisedValues', rssMibMax: 2000, flags: { maxvalue: 64 * 1024 * 1024 } },
  { ...usual, name: 'rapidReset', rssMibMax: 400 },
  { ...usual, name: 'controlFrames', rssMibMax: 400 },
  { ...usual, name: 'forgedIntroductions', rssMibMax: 400, restarts: true },
  { ...usual, name: 'strangers', rssMibMax: 400, needsTls: true },
];

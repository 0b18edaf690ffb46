import type { EngineSettings } from '../consensus/contract.ts';
import { CLOCK_DRIFT_MAX } from '../consensus/parts/leaderLease.ts';
import { LAG_MS } from '../server/storage/laggingDisk.ts';
import { dense } from './dense.ts';
import { type ClientPlan, type DiskPlan, type NetworkPlan, type Plan, STRIKES, type Strike } from './planShape.ts';
import { Random } from './random.ts';
import { VIRTUAL_ASK_TIMES } from './virtualAsker.ts';

export type { DiskPlan, NetworkPlan, Plan, Strike } from './planShape.ts';

const RUN_MIN_US = 60_000_000;
const OPERATIONS_MIN = 100;

/** Seven-server clusters are dear, so they are drawn less often. */
const CLUSTER_SIZES = [1, 2, 3, 3, 3, 3, 4, 5, 5, 7];

export function drawPlan(seed: number): Plan {
  const mix = drawMix(seed);
  const deadServers = new Random(seed).fork('dead servers').chance(DEAD_SERVERS_CHANCE);
  const founding = new Random(seed).fork('founding').chance(FOUNDING_CHANCE);
  const plan = {
    ...mix,
    deadServers,
    deafLeader: new Random(seed).fork('deaf leader').chance(DEAF_LEADER_CHANCE) && isBrisk(mix),
    founding,
    foundingDistanceUs: founding ? drawDistance(new Random(seed).fork('distance')) : 0,
    disk: {
      ...mix.disk,
      inPieces: new Random(seed).fork('pieces').chance(PIECES_CHANCE),
      journal: drawJournal(new Random(seed).fork('journal')),
      lagUs: new Random(seed).fork('lag').pick(LAGS_US),
    },
  };
  const random = new Random(seed).fork('lease');
  const drawn = drawPace(plan, seed);
  return random.chance(LEASE_CHANCE) ? withLease(drawn, random) : drawn;
}

function drawPace(plan: Plan, seed: number): Plan {
  if (new Random(seed).fork('storm').chance(STORM_CHANCE)) return withStormOfCrashes(plan);
  const random = new Random(seed).fork('dense');
  return random.chance(DENSE_CHANCE) ? dense(plan, random) : plan;
}

/** Clocks run as fast and as slowly as a lease allows for, and do not jump. */
export function withLease(plan: Plan, random: Random): Plan {
  const strikes = new Map(plan.strikes);
  strikes.delete('clock jump');
  return {
    ...plan,
    settings: { ...plan.settings, readProof: 'lease' },
    clockRates: plan.clockRates.map(() => 1 + random.pick([-1, 0, 1]) * CLOCK_DRIFT_MAX),
    strikes: strikes.set('quick restart', random.between(4, 14) * 1_000_000),
  };
}

/** A write takes some hundred bytes of the one, so that a half is full after a few, or after a few hundred. */
const JOURNAL = { halfBytes: 64 * 1024, blockBytes: 256 };

function drawJournal(random: Random): DiskPlan['journal'] {
  return { halfBytes: random.pick([2048, 8192, JOURNAL.halfBytes]), blockBytes: random.pick([64, JOURNAL.blockBytes]) };
}

/** None, so that the disk is written to as often as the journal and both are when a crash comes; or several times as long as in `rkvd`, and longer. */
const LAGS_US = [0, 5 * LAG_MS * 1000, 50 * LAG_MS * 1000];

/** States are of some hundred bytes. */
const SNAPSHOT_BYTES_PER_TURN = [2, 16, 128, 1 << 20];
const SNAPSHOT_CHUNK_BYTES = [24, 64, 256, 1 << 18];
const DEAF_LEADER_CHANCE = 0.6;
const DENSE_CHANCE = 0.45;
const PIECES_CHANCE = 0.15;
const DEAD_SERVERS_CHANCE = 0.4;
const FOUNDING_CHANCE = 0.3;
const LEASE_CHANCE = 0.3;
const DISTANCE_CHANCE = 0.3;
/** So far that an answer takes longer than the time that servers are given at first. */
const DISTANCE_US_MIN = VIRTUAL_ASK_TIMES.leastMs * 500;
const DISTANCE_US_MAX = VIRTUAL_ASK_TIMES.mostMs * 250;

function drawDistance(random: Random): number {
  return random.chance(DISTANCE_CHANCE) ? random.between(DISTANCE_US_MIN, DISTANCE_US_MAX) : 0;
}

/** Whether an election takes little of an election timeout, so that a bound on the whole means something. */
function isBrisk({ network, disk }: Plan): boolean {
  return network.delayMeanUs <= 1000 && disk.syncMeanUs <= 2000;
}

/** One seed in twenty has servers that crash again before they have recovered. */
const STORM_CHANCE = 0.05;

/**
 * Elections all the time, on slow disks that a crash leaves in the worst state and a slow network, in which servers crash just
 * when they vote.
 */
function withStormOfCrashes(plan: Plan): Plan {
  const { settings, network, disk, strikes } = plan;
  return {
    ...plan,
    settings: { ...settings, heartbeatMs: 50, electionTimeoutMs: 200 },
    network: { ...network, delayMinUs: 1000, delayMeanUs: 20_000 },
    deafLeader: false,
    deadServers: false,
    disk: { ...disk, syncMinUs: 1000, syncMeanUs: 20_000, tears: true, flips: true },
    strikes: new Map([...strikes, ['crash', 1_500_000], ['vote crash', 300_000]]),
  };
}

function drawMix(seed: number): Plan {
  const random = new Random(seed).fork('plan');
  const clusterSize = random.pick(CLUSTER_SIZES);
  const spare = random.chance(0.5) ? random.int(Math.min(2, 7 - clusterSize) + 1) : 0;
  const serverCount = clusterSize + spare;
  const ids = Array.from({ length: serverCount }, (_, i) => i + 1);
  const bootstrap = random.shuffled(ids).slice(0, clusterSize);
  bootstrap.sort((a, b) => a - b);
  const isCalm = random.chance(0.05);
  const takesSnapshots = random.chance(0.6);
  return {
    seed,
    serverCount,
    bootstrap,
    settings: {
      ...drawSettings(random),
      snapshotChunkBytes: new Random(seed).fork('snapshot chunks').pick(SNAPSHOT_CHUNK_BYTES),
    },
    snapshotEveryEntries: takesSnapshots ? random.between(5, 60) : 0,
    snapshotBytesPerTurn: new Random(seed).fork('snapshot slices').pick(SNAPSHOT_BYTES_PER_TURN),
    trailingEntries: random.chance(0.5) ? 0 : random.between(1, 30),
    cacheEntries: random.pick([1, 8, 1000]),
    runMinUs: RUN_MIN_US,
    operationsMin: OPERATIONS_MIN,
    pace: 1,
    chaosUs: random.between(40, 52) * 1_000_000,
    network: drawNetwork(random, isCalm),
    disk: {
      syncMinUs: random.between(100, 1000),
      syncMeanUs: random.pick([300, 2000, 10_000]),
      tears: random.chance(0.5),
      flips: random.chance(0.5),
      survivalChance: random.pick([0, 0.3, 0.7]),
      inPieces: false,
      journal: JOURNAL,
      lagUs: 0,
    },
    clients: drawClients(random),
    clockRates: ids.map(() => (random.chance(0.4) ? 0.8 + random.next() * 0.45 : 1)),
    strikes: isCalm ? new Map() : drawStrikes(random),
    deafLeader: false,
    deadServers: false,
    founding: false,
    foundingDistanceUs: 0,
    machinesLast: false,
  };
}

function drawSettings(random: Random): Omit<EngineSettings, 'snapshotChunkBytes'> {
  const heartbeatMs = random.pick([50, 80, 100, 150]);
  return {
    heartbeatMs,
    electionTimeoutMs: heartbeatMs * random.between(4, 10),
    entriesPerMessage: random.pick([1, 2, 5, 64]),
    catchUpMultiplier: random.pick([1, 4, 1024]),
    batch: random.chance(0.75),
    checkQuorum: random.chance(0.5),
    readProof: 'round',
    maxMessageBytes: random.pick([200, 4096, 1 << 20]),
  };
}

function drawNetwork(random: Random, isCalm: boolean): NetworkPlan {
  const sometimes = (chance: number) => !isCalm && random.chance(chance);
  return {
    delayMinUs: random.between(50, 1000),
    delayMeanUs: random.pick([200, 1000, 5000, 20_000]),
    tailChance: sometimes(0.5) ? random.pick([0.005, 0.05]) : 0,
    tailMeanUs: random.pick([50_000, 500_000, 2_000_000]),
    lossChance: sometimes(0.5) ? random.pick([0.005, 0.03, 0.15]) : 0,
    duplicateChance: sometimes(0.5) ? random.pick([0.01, 0.1]) : 0,
    reorders: sometimes(0.5),
  };
}

function drawClients(random: Random): ClientPlan {
  const attemptTimeoutUs = random.pick([200_000, 500_000, 1_000_000]);
  return {
    count: random.between(2, 5),
    windowMax: random.pick([1, 1, 2, 4, 8]),
    thinkMeanUs: random.pick([400_000, 800_000, 1_500_000]),
    keyCount: random.between(1, 6),
    readFraction: random.pick([0.1, 0.3, 0.6]),
    attemptTimeoutUs,
    patienceUs: attemptTimeoutUs * random.pick([1, 3, 10]),
  };
}

function drawStrikes(random: Random): ReadonlyMap<Strike, number> {
  const strikes = new Map<Strike, number>();
  for (const strike of STRIKES) {
    if (!random.chance(strike === 'crash of all' ? 0.2 : 0.45)) continue;
    strikes.set(strike, random.between(2, 14) * 1_000_000);
  }
  return strikes;
}

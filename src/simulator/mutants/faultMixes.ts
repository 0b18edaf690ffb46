/** The mixes of faults that suit some mutants, whose opportunities are rare in what seeds draw. */
import { CLOCK_DRIFT_MAX } from '../../consensus/parts/leaderLease.ts';
import type { Plan } from '../plan.ts';

/** Leaders are cut off from the others again and again, while many clients read and write few keys. */
export function leadersCutOff(plan: Plan): Plan {
  return {
    ...plan,
    settings: { ...plan.settings, checkQuorum: false },
    clients: { ...plan.clients, count: 6, windowMax: 4, thinkMeanUs: 200_000, keyCount: 2, readFraction: 0.6 },
    strikes: new Map([['partition', 1_500_000]]),
    founding: false,
    foundingDistanceUs: 0,
  };
}

/**
 * Reads go by a lease, all the time. The first server's clock is as slow as is allowed for, and the others' are as fast: a lease that is
 * too long by anything is longest there.
 */
function readsByLease(plan: Plan): Plan {
  return {
    ...plan,
    ...FOUNDED,
    serverCount: 3,
    bootstrap: [1, 2, 3],
    clockRates: [1 - CLOCK_DRIFT_MAX, 1 + CLOCK_DRIFT_MAX, 1 + CLOCK_DRIFT_MAX],
    settings: { ...plan.settings, readProof: 'lease', checkQuorum: false, heartbeatMs: 50, electionTimeoutMs: 500 },
    network: { ...plan.network, delayMinUs: 100, delayMeanUs: 500, lossChance: 0, tailChance: 0 },
    disk: { ...plan.disk, syncMinUs: 100, syncMeanUs: 300 },
    clients: { ...plan.clients, count: 6, windowMax: 8, thinkMeanUs: 40_000, readFraction: 0.9 },
    deafLeader: false,
    pace: 4,
  };
}

/** And leaders are cut off again and again. */
export function leasesCutOff(plan: Plan): Plan {
  return { ...readsByLease(plan), strikes: new Map([['partition', 500_000]]) };
}

/** And many messages come late, by as much as an election timeout: so short that rounds are not given up before. */
export function leasesAnsweredLate(plan: Plan): Plan {
  const { settings, ...leased } = withTails(leasesCutOff(plan), 0.3, 150_000);
  return { ...leased, settings: { ...settings, electionTimeoutMs: 200 } };
}

/** And leadership is handed on, of which the old leader hears late. */
export function leasesHandedOn(plan: Plan): Plan {
  const leased = withTails(leasesCutOff(plan), 0.2, 1_000_000);
  return { ...leased, strikes: new Map([...leased.strikes, ['leadership transfer', 200_000]]) };
}

function withTails(plan: Plan, tailChance: number, tailMeanUs: number): Plan {
  return { ...plan, network: { ...plan.network, reorders: true, tailChance, tailMeanUs } };
}

/** And one is cut off from the leader that another one made its promise to, which is up again before that is over. */
export function leasesOverRestarts(plan: Plan): Plan {
  const leased = readsByLease(plan);
  const settings = { ...leased.settings, heartbeatMs: 40, electionTimeoutMs: 240 };
  // Who is cut off lacks nothing, or it would get no vote: hardly anybody writes.
  const clients = { ...leased.clients, count: 10, thinkMeanUs: 300_000, readFraction: 0.995 };
  return { ...leased, settings, clients, strikes: new Map([['quick restart', 1_000_000]]) };
}

/** All but the smallest records are written in pieces, and the power goes again and again. */
export function crashesAmongPieces(plan: Plan): Plan {
  return {
    ...plan,
    disk: { ...plan.disk, inPieces: true },
    strikes: new Map([...plan.strikes, ['crash', 300_000]]),
  };
}

/** Nothing happens but that a leader hears nothing. */
export function deafLeaders(plan: Plan): Plan {
  return {
    ...plan,
    serverCount: 3,
    bootstrap: [1, 2, 3],
    settings: { ...plan.settings, checkQuorum: false },
    network: { ...plan.network, delayMeanUs: 1000 },
    disk: { ...plan.disk, syncMeanUs: 2000 },
    strikes: new Map(),
    deafLeader: true,
  };
}

/** And it is to step down by itself. */
export function deafLeadersThatStepDown(plan: Plan): Plan {
  return { ...deafLeaders(plan), settings: { ...plan.settings, checkQuorum: true } };
}

/** Nothing happens but that some servers stay away, and that the operator asks for changes that involve them; few write. */
export function deadServers(plan: Plan): Plan {
  return {
    ...plan,
    serverCount: 3,
    bootstrap: [1, 2, 3],
    network: { ...plan.network, delayMeanUs: 1000, tailChance: 0 },
    clients: { ...plan.clients, count: 2, thinkMeanUs: 1_500_000 },
    strikes: new Map(),
    deafLeader: false,
    deadServers: true,
  };
}

/**
 * An operator who does not wait for one change to be done before asking for the next, on slow disks: 70 ms a sync, so that many entries go
 * into one, and nobody is taken for dead for it. Else the mix alone would fail for want of service.
 */
export function restlessMembership(plan: Plan): Plan {
  return {
    ...plan,
    disk: { ...plan.disk, syncMinUs: 20_000, syncMeanUs: 50_000 },
    settings: {
      ...plan.settings,
      heartbeatMs: 100,
      electionTimeoutMs: 800,
      batch: true,
      entriesPerMessage: 64,
      maxMessageBytes: 1 << 20,
      snapshotChunkBytes: 4096,
    },
    strikes: new Map([...plan.strikes, ['membership change', 100_000]]),
  };
}

/** The same, of leaders that were just elected. */
export function restlessElections(plan: Plan): Plan {
  return {
    ...restlessMembership(plan),
    deadServers: false,
    deafLeader: false,
    strikes: new Map([
      ['membership change', 50_000],
      ['leadership transfer', 500_000],
      ['crash', 1_000_000],
    ]),
  };
}

/** Three, of whom some are cut off again and again for a moment, and an operator who asks for one change after the other. */
export function cutOffWhileChanging(plan: Plan): Plan {
  return {
    ...plan,
    serverCount: 3,
    bootstrap: [1, 2, 3],
    clockRates: [1, 1, 1],
    settings: {
      ...plan.settings,
      heartbeatMs: 30,
      electionTimeoutMs: 30 * (4 + ((plan.seed + 2) % 3)),
      checkQuorum: false,
      batch: true,
      entriesPerMessage: 64,
      maxMessageBytes: 1 << 20,
    },
    snapshotEveryEntries: 0,
    chaosUs: 16_000_000,
    runMinUs: 17_000_000,
    operationsMin: 20,
    pace: 8,
    network: {
      ...plan.network,
      delayMinUs: 300,
      delayMeanUs: 8000,
      tailChance: 0,
      lossChance: 0.05,
      duplicateChance: 0,
      reorders: false,
    },
    disk: { ...plan.disk, syncMinUs: 100, syncMeanUs: 300 },
    clients: {
      ...plan.clients,
      count: 2,
      windowMax: 1,
      thinkMeanUs: 1_500_000,
      attemptTimeoutUs: 100_000,
      patienceUs: 300_000,
    },
    deadServers: false,
    deafLeader: false,
    founding: false,
    foundingDistanceUs: 0,
    strikes: new Map([
      ['membership change', 5_000],
      ['partition', 300_000],
    ]),
  };
}

/** Changes of membership that are never answered, which a mistake in counting brings about too, are not what is looked for. */
export function nobodyStaysAway(plan: Plan): Plan {
  return { ...plan, deadServers: false };
}

/** Snapshots are taken often, and a few bytes a turn: much is applied meanwhile. */
export function takesSnapshotsSlowly(plan: Plan): Plan {
  return { ...plan, snapshotEveryEntries: 6, snapshotBytesPerTurn: 4 };
}

/** Snapshots go in many chunks, over a network that brings some of them late and twice, to servers that come and go. */
export function sendsSnapshotsSlowly(plan: Plan): Plan {
  return {
    ...plan,
    settings: { ...plan.settings, snapshotChunkBytes: 24 },
    snapshotEveryEntries: 4,
    snapshotBytesPerTurn: 1 << 20,
    trailingEntries: 0,
    network: { ...plan.network, reorders: true, duplicateChance: 0.3, tailChance: 0.2, tailMeanUs: 500_000 },
    strikes: new Map([...plan.strikes, ['partition', 2_000_000], ['crash', 2_000_000]]),
  };
}

/** Leaders are cut off while they take what nobody else gets, and the others cut their logs meanwhile. */
export function leadersCutOffLong(plan: Plan): Plan {
  return { ...leadersCutOff(plan), snapshotEveryEntries: 5, snapshotBytesPerTurn: 1 << 20, trailingEntries: 0 };
}

/** Servers come back without the end of what was durable. */
export function losesTails(plan: Plan): Plan {
  return { ...plan, strikes: new Map([...plan.strikes, ['lost tail', 2_000_000]]) };
}

/** Processes end again and again with a write under way, which machines that lose their power then forget. */
export function losesWhatWasInMemory(plan: Plan): Plan {
  return {
    ...plan,
    deafLeader: false,
    disk: { ...plan.disk, syncMinUs: 1000, syncMeanUs: 10_000, survivalChance: 0 },
    strikes: new Map([...plan.strikes, ['graceful stop', 500_000], ['crash', 500_000]]),
  };
}

/** Power goes all the time, and what disks hold of the journal is little. */
export function goesRoundItsJournal(plan: Plan): Plan {
  return {
    ...plan,
    deafLeader: false,
    disk: {
      ...plan.disk,
      syncMeanUs: 10_000,
      tears: true,
      flips: true,
      survivalChance: 0,
      journal: { halfBytes: 2048, blockBytes: 64 },
    },
    strikes: new Map([...plan.strikes, ['crash', 500_000], ['crash of all', 4_000_000]]),
  };
}

/** Three servers lose their folders one after the other, now and then while one is cut off. */
export function losesFolders(plan: Plan): Plan {
  return {
    ...plan,
    serverCount: 3,
    bootstrap: [1, 2, 3],
    clockRates: [1, 1, 1],
    deafLeader: false,
    strikes: new Map([
      ['partition', 2_000_000],
      ['crash', 2_000_000],
      ['pause', 2_000_000],
      ['lost folder', 1_500_000],
    ]),
  };
}

/** The cluster is there already, and so are its servers. */
const FOUNDED = { founding: false, foundingDistanceUs: 0, deadServers: false };

/** Leaders change again and again, while processes of servers that were given up for lost go on. */
export function earlierGoOn(plan: Plan): Plan {
  return {
    ...losesFolders(plan),
    ...FOUNDED,
    strikes: new Map([
      ['partition', 1_000_000],
      ['pause', 1_000_000],
      ['lost folder', 1_500_000],
      ['leadership transfer', 1_500_000],
    ]),
  };
}

/**
 * The same among five, where leaders change more often, and folders are lost more often. For an earlier process to be counted it has to be
 * heard by the one server that is elected just then, before as many others as suffice: of three those are one, of whom two are as quick.
 */
export function earlierGoOnAmongFive(plan: Plan): Plan {
  return {
    ...earlierGoOn(plan),
    serverCount: 5,
    bootstrap: [1, 2, 3, 4, 5],
    clockRates: [1, 1, 1, 1, 1],
    strikes: new Map([
      ['lost folder', 300_000],
      ['leadership transfer', 300_000],
    ]),
  };
}

/** Copies of folders are put back, and folders of others, while servers crash and messages are lost. */
export function misplacesFolders(plan: Plan): Plan {
  return {
    ...losesFolders(plan),
    ...FOUNDED,
    strikes: new Map([
      ['partition', 3_000_000],
      ['crash', 2_000_000],
      ['backup', 500_000],
      ['foreign folder', 2_000_000],
    ]),
  };
}

/** A cluster of three is founded while its servers crash and cannot hear each other. */
export function founds(plan: Plan): Plan {
  return {
    ...losesFolders(plan),
    deadServers: false,
    founding: true,
    foundingDistanceUs: 0,
    strikes: new Map([
      ['partition', 1_000_000],
      ['pause', 500_000],
      ['clog', 500_000],
    ]),
  };
}

/** Nothing happens but that they are so far apart that an answer takes longer than they have at first. */
export function foundsFarApart(plan: Plan): Plan {
  return { ...founds(plan), strikes: new Map(), foundingDistanceUs: 600_000 };
}

/** And copies that were made meanwhile are put back. */
export function foundsFromCopies(plan: Plan): Plan {
  return { ...founds(plan), strikes: new Map([['backup', 500_000]]) };
}

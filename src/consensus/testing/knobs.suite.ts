import { describe, expect, it } from 'vitest';
import {
  type EffectiveSettings,
  type EngineKind,
  type EngineSettings,
  NO_EFFECT,
  type NodeId,
  Role,
} from '../contract.ts';
import { EngineCluster, type EngineServer, TEST_SETTINGS } from './engineCluster.ts';
import type { Forgery } from './forgery.ts';
import { SteppedEngine } from './steppedEngine.ts';

/**
 * What users can set reaches what an engine sends, writes or does when: under two values of each setting something is seen to differ, by
 * as much as the values do. Or the engine says that the setting has no effect on it, and then it has none.
 */
export function describeKnobs<M>(kind: EngineKind<M>, forgery: Forgery<M>): void {
  describe(`${kind.name}: batch`, () => {
    function largestOf(batch: boolean, isLossy: boolean) {
      const { cluster, leader, sent } = watched(kind, { batch, electionTimeoutMs: 400 });
      const written = watchWrites(leader);
      // Longer on its way than a write takes, so that there is something to gather.
      cluster.oneWayMs = 2 * TEST_SETTINGS.heartbeatMs;
      const { loses } = cluster;
      if (isLossy) cluster.loses = () => true;
      cluster.propose(leader.id, ...commands(5));
      cluster.run(300);
      cluster.loses = loses;
      cluster.run(1000);
      expect(leader.commands()).toEqual(commands(5));
      return { inMessage: Math.max(...sent.map(({ entries }) => entries.length)), inWrite: Math.max(...written) };
    }

    it.each([false, true])(
      'gathers entries in a message and proposals in a disk write; off, there is one in each (lossy: %s)',
      (isLossy) => {
        expect(largestOf(true, isLossy)).toEqual({ inMessage: 5, inWrite: 5 });
        expect(largestOf(false, isLossy)).toEqual({ inMessage: 1, inWrite: 1 });
      },
    );
  });

  describe(`${kind.name}: entriesPerMessage`, () => {
    it.each([3, 8])('puts %i entries into a message to a follower that keeps up, where there are more', (most) => {
      const { cluster, leader, sent } = watched(kind, { entriesPerMessage: most });
      cluster.propose(leader.id, ...commands(40));
      cluster.settle();
      cluster.run(10 * TEST_SETTINGS.heartbeatMs);
      expect(leader.commands()).toHaveLength(40);
      expect(Math.max(...sent.map(({ entries }) => entries.length))).toBe(most);
      expect(leader.engine.effectiveSettings().entriesPerMessage).toBe(most);
    });
  });

  describe(`${kind.name}: heartbeatMs`, () => {
    it.each([10, 30])('has a leader without work tell every follower that it leads, every %i ms', (heartbeatMs) => {
      const { cluster, leader, sent } = watched(kind, { heartbeatMs, electionTimeoutMs: 600 });
      cluster.run(20 * heartbeatMs);
      for (const id of others(leader.id)) {
        const timesMs = [...new Set(sent.filter(({ to }) => to === id).map(({ atMs }) => atMs))];
        expect(timesMs).toHaveLength(20);
        const gapsMs = timesMs.slice(1).map((atMs, before) => atMs - timesMs[before]!);
        expect(new Set(gapsMs)).toEqual(new Set([heartbeatMs]));
      }
    });
  });

  describe(`${kind.name}: electionTimeoutMs`, () => {
    const DRAWS = [0, 0.25, 0.5, 0.75, 0.99];
    const HEARTBEAT_MS = 10;

    /** How long after it heard its leader last a follower that draws `draw` stands. */
    function standsAfterMs(electionTimeoutMs: number, draw: number): number {
      const settings = { electionTimeoutMs, heartbeatMs: HEARTBEAT_MS };
      const follower = new SteppedEngine(kind, { id: 1, bootstrap: [1, 2, 3], settings, random: () => draw });
      const append = { term: 1, prevIndex: 0, prevTerm: 0, commit: 0, entries: [] };
      // Often enough that a timer that went on regardless would have run out.
      for (let i = 0; i < 10; i++) {
        follower.pass(electionTimeoutMs / 5);
        follower.step(2, forgery.append(2, append));
        expect(follower.engine.status()).toMatchObject({ role: Role.Follower, leader: 2 });
      }
      const heardMs = follower.nowMs;
      while (follower.engine.status().role === Role.Follower) follower.pass(HEARTBEAT_MS / 2);
      return follower.nowMs - heardMs;
    }

    it.each([100, 400])(
      'of %i ms has a follower stand after between once and twice as long, as it draws',
      (timeoutMs) => {
        const waits = DRAWS.map((draw) => standsAfterMs(timeoutMs, draw));
        for (const [i, waitMs] of waits.entries()) {
          const drawnMs = timeoutMs * (1 + DRAWS[i]!);
          expect(Math.abs(waitMs - drawnMs)).toBeLessThanOrEqual(HEARTBEAT_MS);
          expect(waitMs).toBeGreaterThanOrEqual(timeoutMs);
          expect(waitMs).toBeLessThanOrEqual(2 * timeoutMs);
        }
      },
    );

    it.each([100, 400])('of %i ms is as long as a leader that checks its quorum waits for it', (electionTimeoutMs) => {
      const stepsDownMs = leadsAloneForMs(kind, { electionTimeoutMs, checkQuorum: true });
      expect(stepsDownMs).toBeGreaterThanOrEqual(0.8 * electionTimeoutMs);
      expect(stepsDownMs).toBeLessThanOrEqual(2 * electionTimeoutMs);
    });
  });

  describe(`${kind.name}: checkQuorum`, () => {
    it('has a leader that no quorum answers step down; off, it stays', () => {
      expect(leadsAloneForMs(kind, { checkQuorum: true })).toBeLessThan(Number.POSITIVE_INFINITY);
      expect(leadsAloneForMs(kind, { checkQuorum: false })).toBe(Number.POSITIVE_INFINITY);
    });
  });

  describe(`${kind.name}: catchUpMultiplier`, () => {
    /** How many entries were on their way at once to a follower that was away and lacks all of 2 000. */
    function onTheirWay(catchUpMultiplier: number) {
      const change = { entriesPerMessage: 2, catchUpMultiplier, electionTimeoutMs: 1000 };
      const { cluster, leader, sent } = watched(kind, change);
      const [away] = others(leader.id);
      cluster.stop(away);
      cluster.propose(leader.id, ...commands(2000));
      cluster.run(20 * TEST_SETTINGS.heartbeatMs);
      cluster.oneWayMs = 50;
      cluster.start(away);
      // None of that arrived.
      sent.length = 0;
      let most = 0;
      while (cluster.server(away).commands().length < 2000) {
        expect(cluster.nowMs).toBeLessThan(60_000);
        cluster.run(TEST_SETTINGS.heartbeatMs / 2);
        const messages = cluster.mail.filter(({ to }) => to === away).map(({ message }) => kind.codec.encode(message));
        const open = new Set(messages.flatMap(entriesIn));
        // A copy of what arrived once is no more.
        for (const { entries } of sent.filter(({ to }) => to === away)) for (const each of entries) open.delete(each);
        most = Math.max(most, open.size);
      }
      return { most, told: leader.engine.effectiveSettings() };
    }

    it('lets so many times entriesPerMessage go to a follower that catches up, and no more than is told', () => {
      const [few, many] = [onTheirWay(100), onTheirWay(300)];
      expect(few.most).toBeGreaterThan(100);
      for (const { most, told } of [few, many]) expect(most).toBeLessThanOrEqual(told.catchUpEntriesMax);
      if (hasNoEffect(many.told, 'catchUpMultiplier')) expect(many.most).toBe(few.most);
      else expect(many.most).toBeGreaterThanOrEqual(1.5 * few.most);
    });
  });

  describe(`${kind.name}: maxMessageBytes`, () => {
    it.each([300, 3000])('of %i bounds the entries in one message, also to a follower that catches up', (bytesMax) => {
      const { cluster, leader, sent } = watched(kind, { maxMessageBytes: bytesMax, entriesPerMessage: 64 });
      const followers = others(leader.id);
      const [away] = followers;
      cluster.stop(away);
      cluster.propose(leader.id, ...commands(200, 40));
      cluster.run(20 * TEST_SETTINGS.heartbeatMs);
      cluster.start(away);
      cluster.run(4 * TEST_SETTINGS.electionTimeoutMs);
      for (const id of followers) {
        expect(cluster.server(id).commands()).toEqual(commands(200, 40));
        const largest = Math.max(...sent.filter(({ to }) => to === id).map(({ bytes }) => bytes));
        expect(largest).toBeGreaterThan(0.8 * bytesMax);
        expect(largest).toBeLessThanOrEqual(bytesMax + HEADER_BYTES_MAX);
      }
    });

    it('lets an entry that is larger go by itself', () => {
      const { cluster, leader, sent } = watched(kind, { maxMessageBytes: 300 });
      cluster.propose(leader.id, ...commands(3, 400));
      cluster.run(5 * TEST_SETTINGS.heartbeatMs);
      expect(leader.commands()).toHaveLength(3);
      expect(Math.max(...sent.map(({ entries }) => entries.length))).toBe(1);
    });
  });

  describe(`${kind.name}: what it says of its settings`, () => {
    const told = (change: Partial<EngineSettings>) => {
      const settings = { ...TEST_SETTINGS, ...change };
      return new EngineCluster(kind, [1], undefined, settings).server(1).engine.effectiveSettings();
    };

    it('is under the names that all have, and what it applies', () => {
      const changes = [
        {},
        { batch: false },
        { checkQuorum: true, electionTimeoutMs: 400, heartbeatMs: 20, maxMessageBytes: 12_345 },
        { entriesPerMessage: 3, catchUpMultiplier: 1 },
      ];
      for (const change of changes) {
        const settings = { ...TEST_SETTINGS, ...change };
        const { batch, checkQuorum, electionTimeoutMs, heartbeatMs, maxMessageBytes, entriesPerMessage } = settings;
        const effective = told(change);
        const asGiven = { batch, checkQuorum, electionTimeoutMs, heartbeatMs, maxMessageBytes };
        expect(effective).toMatchObject({ ...asGiven, preVote: true });
        expect(effective.entriesPerMessage).toBe(batch ? entriesPerMessage : 1);
        expect(effective.catchUpEntriesMax).toBeGreaterThanOrEqual(effective.entriesPerMessage);
        expect(effective.reads).toMatch(/\w/);
        // What is an engine's own is measured, too: a word, a number or a switch.
        for (const value of Object.values(effective)) expect(['string', 'number', 'boolean']).toContain(typeof value);
      }
    });

    it.each(Object.entries(TWO_OF_EACH))(
      'is something else under another %s, or that it has no effect',
      (name, two) => {
        const [one, other] = two.map((value) => told({ [name]: value })) as [EffectiveSettings, EffectiveSettings];
        expect(hasNoEffect(one, name)).toBe(hasNoEffect(other, name));
        if (hasNoEffect(one, name)) expect(other).toEqual(one);
        else expect(other).not.toEqual(one);
      },
    );
  });
}

/** Two values of each setting, so far apart that no bound of an engine makes one of them. */
const TWO_OF_EACH: Readonly<{ [N in keyof EngineSettings]: readonly EngineSettings[N][] }> = {
  batch: [true, false],
  entriesPerMessage: [3, 8],
  heartbeatMs: [5, 10],
  electionTimeoutMs: [100, 400],
  checkQuorum: [true, false],
  readProof: ['round', 'lease'],
  catchUpMultiplier: [100, 300],
  maxMessageBytes: [300, 3000],
  snapshotChunkBytes: [300, 3000],
};

/** What a message is beside its entries. */
const HEADER_BYTES_MAX = 32;

function hasNoEffect(told: EffectiveSettings, name: string): boolean {
  const value = told[name];
  // And why.
  return typeof value === 'string' && value.startsWith(NO_EFFECT) && value.length > NO_EFFECT.length;
}

function others(leader: NodeId): readonly [NodeId, NodeId] {
  return [1, 2, 3].filter((id) => id !== leader) as [NodeId, NodeId];
}

/** Commands that are found again in the bytes of a message. */
function commands(count: number, length = 0): string[] {
  return Array.from({ length: count }, (_, i) => `#${String(i).padStart(5, '0')}#`.padEnd(length, '.'));
}

function entriesIn(bytes: Uint8Array): string[] {
  return new TextDecoder('latin1').decode(bytes).match(/#\d{5}#/g) ?? [];
}

interface Delivery {
  readonly to: NodeId;
  readonly atMs: number;
  readonly bytes: number;
  readonly entries: readonly string[];
}

/** Three servers, one of which leads, and what it sends from now on. */
function watched<M>(kind: EngineKind<M>, change: Partial<EngineSettings>) {
  const cluster = new EngineCluster(kind, [1, 2, 3], undefined, { ...TEST_SETTINGS, ...change });
  const leader = cluster.elect();
  const sent: Delivery[] = [];
  cluster.loses = (from, to, message) => {
    const bytes = kind.codec.encode(message);
    if (from === leader.id) sent.push({ to, atMs: cluster.nowMs, bytes: bytes.length, entries: entriesIn(bytes) });
    return false;
  };
  return { cluster, leader, sent };
}

/** Entries in each of its disk writes from now on. */
function watchWrites<M>({ log }: EngineServer<M>): number[] {
  const counts: number[] = [];
  const persist = log.persist.bind(log);
  log.persist = (batch) => {
    counts.push(batch.entries.length);
    persist(batch);
  };
  return counts;
}

/** How long a leader goes on to lead that nobody answers any more. */
function leadsAloneForMs<M>(kind: EngineKind<M>, change: Partial<EngineSettings>): number {
  const cluster = new EngineCluster(kind, [1, 2, 3], undefined, { ...TEST_SETTINGS, ...change });
  const leader = cluster.elect();
  const { electionTimeoutMs } = cluster.settings;
  cluster.isolate(leader.id);
  const cutMs = cluster.nowMs;
  while (leader.engine.status().role === Role.Leader) {
    if (cluster.nowMs - cutMs > 20 * electionTimeoutMs) return Number.POSITIVE_INFINITY;
    cluster.run(cluster.settings.heartbeatMs / 2);
  }
  return cluster.nowMs - cutMs;
}

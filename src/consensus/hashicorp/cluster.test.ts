import { describe, expect, it } from 'vitest';
import { ChangeType, type NodeId, Role } from '../contract.ts';
import { World } from './testing/world.ts';

/** Some seconds on a quiet machine. */
const TIMEOUT_MS = 240_000;
const SEEDS = Number(process.env.RKV_STORM_SEEDS ?? 300);
const SERVERS = [1, 2, 3, 4, 5];
const DISTURBANCES = 24;
const SETTINGS = {
  electionTimeoutMs: 50,
  heartbeatMs: 10,
  entriesPerMessage: 4,
  catchUpMultiplier: 4,
  batch: true,
  checkQuorum: true,
  readProof: 'round' as const,
  maxMessageBytes: 64,
  snapshotChunkBytes: 64,
};

/** Mulberry32: small, seeded, good enough to choose disturbances. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * A cluster under random crashes, cuts, stalled disks, lost, doubled and reordered messages, compaction, membership changes
 * and transfers. The world checks election safety and state machine safety as it runs; reads are held against what was
 * committed when they came; in the end all is healed and the cluster must serve.
 */
class Storm {
  private readonly random: () => number;
  private readonly world: World;
  private readonly reads = new Map<number, { index: number; at: NodeId }>();
  private lossy = true;
  private nextToken = 1;
  private committed = 0;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    const batch = seed % 5 !== 0;
    this.world = new World(
      {
        servers: SERVERS,
        voters: [1, 2, 3],
        settings: { ...SETTINGS, batch },
        diskMs: 1 + this.below(4),
        timerRandom: () => this.random,
        delaysMs: () => this.delaysMs(),
      },
      {
        output: (_id, output) => {
          for (const read of output.reads) if (read.ok) this.checkRead(read.token, read.index);
        },
      },
    );
  }

  run(): void {
    for (let i = 0; i < DISTURBANCES; i++) {
      this.disturb();
      this.exercise();
      for (let ms = this.below(40); ms > 0; ms--) this.step();
      this.world.checkLogs();
    }
    this.recover();
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private any(): NodeId {
    return SERVERS[this.below(SERVERS.length)]!;
  }

  private delaysMs(): number[] {
    const delayMs = 1 + this.below(this.random() < 0.1 ? 30 : 3);
    if (!this.lossy) return [delayMs];
    if (this.random() < 0.03) return [];
    return this.random() < 0.03 ? [delayMs, delayMs + this.below(40)] : [delayMs];
  }

  private step(): void {
    this.world.step();
    for (const { engine, up } of this.world.servers) {
      if (up) this.committed = Math.max(this.committed, engine.status().commitIndex);
    }
  }

  private disturb(): void {
    const id = this.any();
    const server = this.world.server(id);
    const draw = this.random();
    if (draw < 0.15) server.crash();
    else if (draw < 0.35) this.restartAll(0.7);
    else if (draw < 0.5) this.world.cut(id, this.any());
    else if (draw < 0.6) for (const other of SERVERS) this.world.cut(id, other);
    else if (draw < 0.75) this.world.heal();
    else if (draw < 0.82) server.stalled = !server.stalled;
    else if (draw < 0.95 && server.up) server.storeSnapshot(this.below(5));
  }

  private restartAll(chance: number): void {
    for (const server of this.world.servers) {
      if (!server.up && this.random() < chance) server.restart();
    }
  }

  /** Asks whoever leads, and sometimes somebody else, for everything that can be asked. */
  private exercise(): void {
    for (const { id, up, engine } of this.world.servers) {
      if (!up || (engine.status().role !== Role.Leader && this.random() < 0.8)) continue;
      const commands = Array.from({ length: this.below(8) }, (_, i) =>
        new TextEncoder().encode(`${this.nextToken}.${i}`),
      );
      engine.propose({ token: this.nextToken++, commands });
      this.reads.set(this.nextToken, { index: this.committed, at: id });
      engine.read(this.nextToken++);
      const draw = this.random();
      if (draw < 0.1) engine.transferLeadership(this.below(6), this.nextToken++);
      else if (draw < 0.3) engine.reconfigure({ type: this.anyChange(), id: this.any() }, this.nextToken++);
    }
  }

  private anyChange(): ChangeType {
    const types = Object.values(ChangeType);
    return types[this.below(types.length)]!;
  }

  /** A read sees at least everything that anybody knew committed when it came (linearizability, thesis §6.4). */
  private checkRead(token: number, index: number): void {
    const asked = this.reads.get(token)!;
    if (index < asked.index) {
      throw new Error(`server ${asked.at} answers a read at ${index}, when it came ${asked.index} was committed`);
    }
  }

  private recover(): void {
    this.lossy = false;
    this.world.heal();
    for (const server of this.world.servers) server.stalled = false;
    this.restartAll(1);
    for (let ms = 0; ms < 1500; ms++) this.step();
    const leader = this.world.servers.find(({ engine }) => engine.status().role === Role.Leader);
    if (leader === undefined) throw new Error('nobody leads after everything is healed');
    leader.engine.propose({ token: this.nextToken++, commands: [new TextEncoder().encode('last')] });
    for (let ms = 0; ms < 300; ms++) this.step();
    this.world.checkLogs();
    const { configuration, commitIndex, lastIndex } = leader.engine.status();
    expect(leader.words.at(-1)).toBe('last');
    expect(commitIndex).toBe(lastIndex);
    for (const id of [...configuration.voters, ...configuration.learners]) {
      expect(this.world.server(id).words, `state of server ${id}`).toEqual(leader.words);
    }
  }
}

describe('a cluster in a storm', () => {
  it(
    `keeps the safety of Raft figure 3 and recovers, over ${SEEDS} seeds`,
    () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        try {
          new Storm(seed).run();
        } catch (error) {
          throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
        }
      }
    },
    TIMEOUT_MS,
  );
});

import type { EngineKind, EngineSettings, NodeId } from '../../../consensus/contract.ts';
import type { Speaker } from '../../identity/fences.ts';
import { KeyValueStore } from '../../stateMachine/keyValueStore.ts';
import type { LogStore, LogStoreListener, PromisedArea } from '../../storage/contract.ts';
import { MemoryDisk } from '../../storage/memoryDisk.ts';
import { openMemoryLogStore } from '../../storage/openLogStore.ts';
import { Replica, type ReplicaEnvironment } from '../replica.ts';

export const SETTINGS: EngineSettings = {
  electionTimeoutMs: 100,
  heartbeatMs: 10,
  entriesPerMessage: 64,
  catchUpMultiplier: 16,
  batch: true,
  checkQuorum: false,
  readProof: 'round',
  maxMessageBytes: 1 << 20,
  snapshotChunkBytes: 1 << 18,
};

export interface DrivenReplica<M> {
  readonly replica: Replica<M>;
  readonly store: LogStore;
  readonly stateMachine: KeyValueStore;
  readonly sent: M[];
  readonly clock: { nowMs: number };
  /** The turns that are due. */
  readonly turns: readonly (() => void)[];
  /** Carries out the turns that are due, and those that they ask for. */
  run(): void;
  /** 5 ms pass, and the disk works. */
  step(): Promise<void>;
  /** An election timeout passes in which nothing is heard, tick by tick. */
  timeOut(): void;
}

export interface DrivenOptions<M> {
  /** 1 by default. */
  readonly id?: NodeId;
  readonly bootstrap: readonly NodeId[];
  readonly disk?: MemoryDisk;
  readonly area?: PromisedArea;
  /** 1000 by default. */
  readonly cacheEntries?: number;
  readonly stateMachine?: KeyValueStore;
  /** Without it no fence ends the replica. */
  readonly self?: Speaker;
  /** Changes the store before the replica has it. */
  readonly prepare?: (store: LogStore) => void;
  /** In place of parts of what is around it. */
  readonly environment?: Partial<ReplicaEnvironment<M>>;
  readonly snapshotEveryEntries?: number;
  readonly snapshotBytesPerTurn?: number;
  readonly trailingEntries?: number;
  readonly originalEntries?: number;
  readonly pendingBytesMax?: number;
  /** What it waits before it stands: a part of [0, 1). The shortest by default. */
  readonly patience?: number;
  /** By default a failure ends the test. */
  readonly failed?: (error: Error) => void;
}

/** A server, driven by hand, with its real log store on a disk in memory. */
export function drivenReplica<M>(kind: EngineKind<M>, options: DrivenOptions<M>): DrivenReplica<M> {
  const { bootstrap, disk = new MemoryDisk(), area, stateMachine = new KeyValueStore(), prepare } = options;
  const clock = { nowMs: 0 };
  const turns: (() => void)[] = [];
  const sent: M[] = [];
  const listener: LogStoreListener = {
    durable: (mark) => replica.durable(mark),
    snapshotStored: (index) => replica.snapshotStored(index),
    hasRoomAgain: () => replica.hasRoomAgain(),
    failed: (error) => replica.failed(error),
  };
  const { store } = openMemoryLogStore(listener, { cacheEntries: options.cacheEntries ?? 1000 }, disk, area);
  prepare?.(store);
  const replica: Replica<M> = new Replica(store, {
    kind,
    id: options.id ?? 1,
    ...(options.self === undefined ? {} : { self: options.self }),
    settings: SETTINGS,
    bootstrap,
    random: () => options.patience ?? 0,
    stateMachine,
    environment: {
      nowMs: () => clock.nowMs,
      schedule: (turn) => turns.push(turn),
      send: (envelopes) => sent.push(...envelopes.map(({ message }) => message)),
      event: () => {},
      statusChanged: () => {},
      failed:
        options.failed ??
        ((error) => {
          throw error;
        }),
      ...options.environment,
    },
    snapshotEveryEntries: options.snapshotEveryEntries ?? 0,
    snapshotBytesPerTurn: options.snapshotBytesPerTurn ?? 1 << 20,
    trailingEntries: options.trailingEntries ?? 0,
    originalEntries: options.originalEntries ?? 0,
    ...(options.pendingBytesMax === undefined ? {} : { pendingBytesMax: options.pendingBytesMax }),
  });
  const run = () => {
    while (turns.length > 0) turns.shift()!();
  };
  const timeOut = () => {
    const endMs = clock.nowMs + SETTINGS.electionTimeoutMs;
    while (clock.nowMs < endMs) {
      clock.nowMs += 5;
      replica.tick();
    }
  };
  const step = async () => {
    clock.nowMs += 5;
    replica.tick();
    run();
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { replica, store, stateMachine, sent, clock, turns, run, step, timeOut };
}

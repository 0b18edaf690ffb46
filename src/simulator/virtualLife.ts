import type { EngineKind, Envelope, NodeId } from '../consensus/contract.ts';
import type { FaultyClients } from '../server/faults/faultyClients.ts';
import type { CommandOutcome } from '../server/host/outcomes.ts';
import { Replica, type ReplicaEnvironment } from '../server/host/replica.ts';
import type { Speaker } from '../server/identity/fences.ts';
import { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import type { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import type { LogStore, LogStoreListener } from '../server/storage/contract.ts';
import type { AimedCrashes } from './aimedCrashes.ts';
import type { ServerJudge } from './invariants/bystander.ts';
import { ObservedEngine, ObservedStore, observeStateMachine } from './observers.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { VirtualSessions } from './virtualSessions.ts';

/** Who is told what becomes of a store's writes, once there is somebody. */
export interface ListenerTarget {
  listener: LogStoreListener | undefined;
}

export interface LifeHost {
  readonly id: NodeId;
  readonly self: Speaker;
  readonly around: Surroundings;
  readonly judge: ServerJudge;
  readonly clock: { readonly nowMs: number };
  /** What is wrong with the links of its clients. */
  readonly faultyClients: FaultyClients | undefined;
  readonly aimed: AimedCrashes;
  readonly random: Random;
  /** Runs it in a later turn of the process. */
  soon(run: () => void): void;
  after(delayUs: number, run: () => void): void;
  send(envelopes: readonly Envelope<unknown>[]): void;
  failed(error: Error): void;
  note(what: string, detail?: () => string): void;
}

/** The part of a process that serves: a production Replica, shown to the judge. */
export class VirtualLife {
  readonly replica: Replica<unknown>;
  readonly stateMachine: KeyValueStore;
  /** Of the clients that use the library. */
  readonly sessions: VirtualSessions;
  private readonly host: LifeHost;
  private leader: NodeId = 0;

  constructor(host: LifeHost, chunked: ChunkedLogStore, target: ListenerTarget) {
    this.host = host;
    const { id, judge, random } = host;
    const { plan, engine, mutation } = host.around;
    this.stateMachine = observeStateMachine(
      mutation.stateMachine?.() ?? new KeyValueStore(),
      (entry) => judge.applying(id, entry),
      (entry, result) => judge.appliedAs(id, entry, result),
      (how) => host.around.census.count(how),
    );
    this.replica = new Replica(this.observedStore(chunked, target), {
      kind: this.observedKind(engine.kind),
      id,
      settings: plan.settings,
      self: host.self,
      bootstrap: plan.bootstrap,
      random: random.next,
      stateMachine: this.stateMachine,
      environment: this.environment(),
      snapshotEveryEntries: plan.snapshotEveryEntries,
      snapshotBytesPerTurn: plan.snapshotBytesPerTurn,
      trailingEntries: plan.trailingEntries,
    });
    target.listener = this.replica;
    this.sessions = new VirtualSessions({ ...host, replica: this.replica });
  }

  private observedStore(chunked: ChunkedLogStore, target: ListenerTarget): LogStore {
    const { id, judge, aimed, around, soon, note } = this.host;
    const store = new ObservedStore(chunked, {
      votes: () => aimed.votes(),
      snapshotTaken: (snapshot) => {
        around.census.count('snapshot taken');
        around.chunks.taken(id, snapshot.index);
        note('snapshot', () => `at ${snapshot.index}`);
        judge.snapshotTaken(id, snapshot);
        aimed.calledOutside();
      },
    });
    const listener: LogStoreListener = {
      durable: (mark) => target.listener!.durable(mark),
      snapshotStored: (index) => target.listener!.snapshotStored(index),
      hasRoomAgain: () => target.listener!.hasRoomAgain?.(),
      failed: (error) => target.listener!.failed(error),
    };
    return around.mutation.store?.(store, listener, soon) ?? store;
  }

  private observedKind(kind: EngineKind<unknown>): EngineKind<unknown> {
    const { id, judge, around } = this.host;
    const { mutation, plan } = around;
    return {
      name: kind.name,
      codec: kind.codec,
      create: (init) => {
        const engine = kind.create(init);
        return new ObservedEngine(
          mutation.engine?.(engine, init) ?? engine,
          id,
          judge,
          () => around.judge.committed.length,
          () => {
            if (plan.settings.readProof === 'lease') around.census.count('read by a lease');
          },
        );
      },
    };
  }

  private environment(): ReplicaEnvironment<unknown> {
    const { id, around, judge, clock, aimed, soon, send, failed, note } = this.host;
    const { stateMachine } = this;
    return {
      nowMs: () => clock.nowMs,
      schedule: soon,
      send,
      event: (event) => note(`event ${event}`),
      statusChanged: ({ role, term, leader }) => {
        note(role, () => `term ${term}, leader ${leader || 'unknown'}`);
        if (leader !== this.leader) this.sessions.leaderChanged();
        this.leader = leader;
      },
      failed,
      mayBoundSessions: () => around.mutation.boundsSessions === true,
      applied: (entry) => {
        judge.applied(id, entry, stateMachine);
        aimed.calledOutside();
      },
      restored: (snapshot) => {
        around.census.count('snapshot installed');
        note('restore', () => `snapshot at ${snapshot.index}`);
        judge.restored(id, snapshot, stateMachine);
      },
    };
  }

  /** A command that is not one of a session stream. */
  submit(command: Uint8Array, done: (outcome: CommandOutcome) => void): void {
    this.replica.submit(command, { commandDone: (_tag, outcome) => done(outcome), lookupDone: () => {} }, 0);
  }
}

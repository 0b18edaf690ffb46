import type { EngineKind, Envelope, NodeId } from '../consensus/contract.ts';
import {
  type CommandOutcome,
  type CommandSink,
  type LookupOutcome,
  Replica,
  type ReplicaEnvironment,
} from '../server/host/replica.ts';
import type { Speaker } from '../server/identity/fences.ts';
import { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import type { ChunkedLogStore } from '../server/storage/chunkedLogStore.ts';
import type { LogStore, LogStoreListener } from '../server/storage/contract.ts';
import type { AimedCrashes } from './aimedCrashes.ts';
import type { ServerJudge } from './invariants/bystander.ts';
import { ObservedEngine, ObservedStore, observeStateMachine } from './observers.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import { InvariantViolation } from './violation.ts';
import type { VirtualClock } from './virtualClock.ts';

/** A command or lookup as it arrives at a server. */
export interface ClientCall {
  /** The client's endpoint in the network. */
  readonly from: number;
  /** The marshalled command; undefined for a lookup of `key`. */
  readonly command: Uint8Array | undefined;
  readonly key: string;
  /** The session's command, for the judge; 0 where it is a registration. */
  readonly clientId: number;
  readonly clientSeq: number;
  commandDone(outcome: CommandOutcome): void;
  lookupDone(outcome: LookupOutcome): void;
}

/** Who is told what becomes of a store's writes, once there is somebody. */
export interface ListenerTarget {
  listener: LogStoreListener | undefined;
}

export interface LifeHost {
  readonly id: NodeId;
  readonly self: Speaker;
  readonly around: Surroundings;
  readonly judge: ServerJudge;
  readonly clock: VirtualClock;
  readonly aimed: AimedCrashes;
  readonly random: Random;
  /** Runs it in a later turn of the process. */
  soon(run: () => void): void;
  send(envelopes: readonly Envelope<unknown>[]): void;
  failed(error: Error): void;
  note(what: string, detail?: () => string): void;
}

/** The part of a process that serves: a production Replica, shown to the judge. */
export class VirtualLife {
  readonly replica: Replica<unknown>;
  readonly stateMachine: KeyValueStore;
  readonly #host: LifeHost;

  constructor(host: LifeHost, chunked: ChunkedLogStore, target: ListenerTarget) {
    this.#host = host;
    const { id, judge, random } = host;
    const { plan, engine, mutation } = host.around;
    this.stateMachine = observeStateMachine(
      mutation.stateMachine?.() ?? new KeyValueStore(),
      (entry) => judge.applying(id, entry),
      (entry, result) => judge.appliedAs(id, entry, result),
    );
    this.replica = new Replica(this.#observedStore(chunked, target), {
      kind: this.#observedKind(engine.kind),
      id,
      settings: plan.settings,
      self: host.self,
      bootstrap: plan.bootstrap,
      random: random.next,
      stateMachine: this.stateMachine,
      environment: this.#environment(),
      snapshotEveryEntries: plan.snapshotEveryEntries,
      trailingEntries: plan.trailingEntries,
    });
    target.listener = this.replica;
  }

  #observedStore(chunked: ChunkedLogStore, target: ListenerTarget): LogStore {
    const { id, judge, aimed, around, soon, note } = this.#host;
    const store = new ObservedStore(chunked, {
      votes: () => aimed.votes(),
      snapshotTaken: (snapshot) => {
        around.census.count('snapshot taken');
        note('snapshot', () => `at ${snapshot.index}`);
        judge.snapshotTaken(id, snapshot);
        aimed.calledOutside();
      },
    });
    const listener: LogStoreListener = {
      durable: (mark) => target.listener!.durable(mark),
      snapshotStored: (index) => target.listener!.snapshotStored(index),
      failed: (error) => target.listener!.failed(error),
    };
    return around.mutation.store?.(store, listener, soon) ?? store;
  }

  #observedKind(kind: EngineKind<unknown>): EngineKind<unknown> {
    const { id, judge, around } = this.#host;
    const { mutation } = around;
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
        );
      },
    };
  }

  #environment(): ReplicaEnvironment<unknown> {
    const { id, around, judge, clock, aimed, soon, send, failed, note } = this.#host;
    const { stateMachine } = this;
    return {
      nowMs: () => clock.nowMs,
      schedule: soon,
      send,
      event: (event) => note(`event ${event}`),
      statusChanged: ({ role, term, leader }) => note(role, () => `term ${term}, leader ${leader || 'unknown'}`),
      failed,
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

  call(call: ClientCall): void {
    if (call.command === undefined) this.replica.lookup(call.key, this.#sink(call), 0);
    else this.replica.submit(call.command, this.#sink(call), 0);
  }

  #sink(call: ClientCall): CommandSink {
    const { id, judge, around } = this.#host;
    const { network } = around;
    let isAnswered = false;
    const answer = () => {
      if (isAnswered) throw new InvariantViolation('one answer', `server ${id}: answers a call twice`);
      isAnswered = true;
    };
    return {
      commandDone: (_tag, outcome) => {
        answer();
        if (outcome.status === 'ok' && call.clientId !== 0) judge.acknowledged(id, call.clientId, call.clientSeq);
        if (outcome.status === 'ok' && call.clientId === 0) judge.registered(id, outcome.clientId);
        network.send(id, call.from, () => call.commandDone(outcome));
      },
      lookupDone: (_tag, outcome) => {
        answer();
        network.send(id, call.from, () => call.lookupDone(outcome));
      },
    };
  }
}

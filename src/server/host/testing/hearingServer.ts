import fc from 'fast-check';
import {
  ChangeType,
  type EngineKind,
  MalformedMessageError,
  type NodeId,
  type Refusal,
  Role,
} from '../../../consensus/contract.ts';
import { TEST_SETTINGS } from '../../../consensus/testing/engineCluster.ts';
import { type Forgery, parts } from '../../../consensus/testing/forgery.ts';
import { CommandType, encodeCommand } from '../../../wire/command.ts';
import { KeyValueStore } from '../../stateMachine/keyValueStore.ts';
import { MemoryDisk, MemoryPromisedArea } from '../../storage/memoryDisk.ts';
import { openMemoryLogStore } from '../../storage/openLogStore.ts';
import type { CommandSink } from '../outcomes.ts';
import { Replica } from '../replica.ts';

const SINK: CommandSink = { commandDone: () => {}, lookupDone: () => {} };
const INSERT = encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq: 1, key: 'k', value: 'v' });

/** Server 1 of three with its real log store, on a disk whose writes complete when the test says so. */
export class HearingServer<M> {
  readonly kind: EngineKind<M>;
  readonly failures: Error[] = [];
  private nowMs = 0;
  private disk = new MemoryDisk('by-step');
  private area = new MemoryPromisedArea('by-step');
  private replica!: Replica<M>;
  private turns: (() => void)[] = [];
  private sent: M[] = [];

  constructor(kind: EngineKind<M>) {
    this.kind = kind;
    this.start();
  }

  /** As after a crash that lost nothing of what was on disk, and all the rest. */
  restart(): void {
    this.replica.stop();
    this.disk = this.disk.crash();
    this.area = this.area.crash();
    this.start();
  }

  private start(): void {
    this.turns = [];
    const listener = {
      durable: (mark: number) => this.replica.durable(mark),
      snapshotStored: (index: number) => this.replica.snapshotStored(index),
      hasRoomAgain: () => this.replica.hasRoomAgain(),
      failed: (error: Error) => this.replica.failed(error),
    };
    const { store } = openMemoryLogStore(listener, { cacheEntries: 4 }, this.disk, this.area);
    let draws = 0;
    this.replica = new Replica(store, {
      kind: this.kind,
      id: 1,
      settings: TEST_SETTINGS,
      bootstrap: [1, 2, 3],
      random: () => (draws++ * 0.37) % 1,
      stateMachine: new KeyValueStore(),
      environment: {
        nowMs: () => this.nowMs,
        schedule: (turn) => this.turns.push(turn),
        send: (envelopes) => {
          for (const { message } of envelopes) this.sent.push(this.kind.codec.decode(this.kind.codec.encode(message)));
        },
        event: () => {},
        statusChanged: () => {},
        failed: (error) => this.failures.push(error),
      },
      snapshotEveryEntries: 3,
      trailingEntries: 1,
    });
  }

  /** Through the codec, as everything from a peer. */
  receive(from: NodeId, message: M): void {
    let decoded: M;
    try {
      decoded = this.kind.codec.decode(this.kind.codec.encode(message));
    } catch (error) {
      if (error instanceof MalformedMessageError) return;
      throw error;
    }
    this.hear(from, decoded);
  }

  /** What came by whatever way, and was decoded. */
  hear(from: NodeId, message: M): Refusal | undefined {
    return this.replica.receive(from, message);
  }

  /** What it said since this was asked last. */
  takeSent(): readonly M[] {
    const { sent } = this;
    this.sent = [];
    return sent;
  }

  run(): void {
    while (this.turns.length > 0) this.turns.shift()!();
  }

  /** It stands for election, and whoever is asked votes for it. */
  elect(grant: (request: M) => M | undefined): void {
    for (let passedMs = 0; passedMs < 2 * TEST_SETTINGS.electionTimeoutMs; passedMs += 25) this.tick(25);
    for (let rounds = 0; rounds < 3; rounds++) {
      this.run();
      this.sync();
      this.run();
      for (const request of this.takeSent()) {
        const vote = grant(request);
        if (vote !== undefined) this.receive(2, vote);
      }
    }
  }

  sync(): void {
    while (this.disk.step() || this.area.step());
  }

  tick(passedMs: number): void {
    this.nowMs += passedMs;
    this.replica.tick();
  }

  /** What clients and operators ask for, whoever leads. */
  ask(what: number): void {
    if (what === 0) this.replica.lookup('k', SINK, 0);
    else if (what === 1) this.replica.submit(new Uint8Array(0), SINK, 0);
    else if (what === 2) this.replica.submit(INSERT, SINK, 0);
    else if (what === 3) this.replica.reconfigure({ type: ChangeType.AddVoter, id: 4 }, () => {});
    else if (what === 4) this.replica.reconfigure({ type: ChangeType.Remove, id: 2 }, () => {});
    else this.replica.transferLeadership(what - 5, () => {});
  }

  get leads(): boolean {
    return this.replica.status().role === Role.Leader;
  }

  /** Something got into its log. */
  get hasLog(): boolean {
    return this.replica.status().lastIndex > 0;
  }
}

export type HostileStep<M> = (server: HearingServer<M>) => void;

/** Whatever peers, clients and time may do to it. */
export function hostileSteps<M>(forgery: Forgery<M>): fc.Arbitrary<HostileStep<M>[]> {
  const snapshots = [new KeyValueStore().snapshot(), new Uint8Array(0)];
  const made = parts([new Uint8Array(0), INSERT, forgery.change(4), forgery.change(0)], snapshots);
  const message = fc.constantFrom(2, 3).chain((from) => forgery.any(from, made).map((of) => ({ from, of })));
  const step = fc.oneof(
    {
      weight: 20,
      arbitrary: message.map(
        ({ from, of }): HostileStep<M> =>
          named(`${from} sends ${JSON.stringify(of)}`, (server) => server.receive(from, of)),
      ),
    },
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(5, 60, 250)
        .map((ms): HostileStep<M> => named(`tick ${ms}`, (server) => server.tick(ms))),
    },
    { weight: 4, arbitrary: fc.constant<HostileStep<M>>(named('run', (server) => server.run())) },
    { weight: 3, arbitrary: fc.constant<HostileStep<M>>(named('sync', (server) => server.sync())) },
    {
      weight: 2,
      arbitrary: fc.constant<HostileStep<M>>(
        named('elect', (server) => server.elect((request) => forgery.grant(request))),
      ),
    },
    {
      weight: 2,
      arbitrary: fc.nat(7).map((what): HostileStep<M> => named(`ask ${what}`, (server) => server.ask(what))),
    },
    { weight: 1, arbitrary: fc.constant<HostileStep<M>>(named('restart', (server) => server.restart())) },
  );
  return fc.array(step, { minLength: 1, maxLength: 60 });
}

/** For the counterexample. */
function named<M>(what: string, step: HostileStep<M>): HostileStep<M> {
  return Object.assign(step, { [fc.toStringMethod]: () => what });
}

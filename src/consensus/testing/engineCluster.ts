import {
  type Engine,
  type EngineEvent,
  type EngineKind,
  type EngineSettings,
  type IncomingContent,
  type NodeId,
  type Output,
  Role,
  type Snapshot,
  type SnapshotPlace,
} from '../contract.ts';
import { type Entry, EntryType, isConfigurationType } from '../entry.ts';
import { LifeEvents } from '../parts/lifeEvents.ts';
import { IN_ORDER_BYTES_MAX } from '../parts/transit.ts';
import { contentBytes, MemoryContent, ReceivedContent } from '../snapshotContent.ts';
import { heldToContract } from './heldToContract.ts';
import { MemoryLog } from './memoryLog.ts';

/** What a host says of a snapshot that its state machine could not be restored from. */
export const UNREADABLE = Uint8Array.of(0xff);

/** As a host does whose state machine could be restored from anything else. */
export function receiveContent(place: SnapshotPlace, byteLength: number): IncomingContent {
  let seen = 0;
  return new ReceivedContent(place, byteLength, (piece) => {
    const isFirst = seen === 0;
    seen += piece.length;
    return isFirst && piece[0] === UNREADABLE[0] ? 'not a snapshot' : undefined;
  });
}

export const TEST_SETTINGS: EngineSettings = {
  electionTimeoutMs: 100,
  heartbeatMs: 10,
  entriesPerMessage: 8,
  catchUpMultiplier: 4,
  batch: true,
  checkQuorum: false,
  readProof: 'round',
  maxMessageBytes: 1 << 20,
  snapshotChunkBytes: 1 << 18,
};

type Outcomes<M> = Pick<Output<M>, 'accepted' | 'rejected' | 'reads' | 'requests'> & {
  /** As its host would tell them. */
  readonly events: readonly EngineEvent[];
};

/** One engine with an in-memory log, whose writes become durable when the test says so. */
export class EngineServer<M> {
  readonly id: NodeId;
  readonly log = new MemoryLog();
  engine: Engine<M>;
  applied: Entry[] = [];
  outcomes: Outcomes<M> = emptyOutcomes();
  restored: Snapshot | undefined;
  private appliedIndex = 0;
  private held: { mark: number; messages: Output<M>['messages'] }[] = [];
  private lastMark = 0;
  private durableMark = 0;
  private life: LifeEvents;
  private readonly cluster: EngineCluster<M>;

  constructor(cluster: EngineCluster<M>, id: NodeId) {
    this.cluster = cluster;
    this.id = id;
    this.engine = this.create();
    this.life = this.begin();
  }

  private begin(): LifeEvents {
    const { id, engine, appliedIndex } = this;
    return new LifeEvents(id, engine.summary(), engine.configurationAt(appliedIndex), engine.status().commitIndex);
  }

  private create(): Engine<M> {
    const { kind, settings, bootstrap, nowMs } = this.cluster;
    let draws = this.id;
    const engine = kind.create({
      id: this.id,
      settings,
      // Spread over [0, 1) and different on every server, so that the lowest id stands first.
      random: () => ((draws++ * 37) % 100) / 100,
      nowMs,
      hardState: this.log.hardState,
      log: this.log,
      bootstrap,
      appliedIndex: this.appliedIndex,
      receiveContent,
    });
    return heldToContract(engine, this.log.hardState);
  }

  /** As after a crash in which nothing that was handed over was lost. */
  restart(): void {
    this.appliedIndex = this.log.snapshot()?.index ?? 0;
    this.applied = this.applied.filter((entry) => entry.index <= this.appliedIndex);
    this.held = [];
    this.lastMark = 0;
    this.durableMark = 0;
    this.engine = this.create();
    this.life = this.begin();
  }

  /** Carries out what the engine wants; `sync` makes the writes durable at once. Returns whether there was anything. */
  turn(sync: boolean): boolean {
    const output = this.engine.drain();
    if (output.persist !== undefined) {
      this.log.persist(output.persist);
      this.lastMark = output.persist.mark;
    }
    this.cluster.post(this.id, output.messages);
    this.held.push({ mark: this.lastMark, messages: output.messagesAfterPersist });
    for (const name of ['accepted', 'rejected', 'reads', 'requests', 'events'] as const) {
      (this.outcomes[name] as unknown[]).push(...output[name]);
    }
    if (output.restore !== undefined) {
      this.restored = { ...output.restore, content: new MemoryContent(contentBytes(output.restore.content)) };
      this.appliedIndex = output.restore.index;
      this.applied = [];
      this.configurationApplied();
      this.engine.applied(this.appliedIndex);
    }
    this.apply(output.committed);
    this.tell(this.life.turned(this.engine.summary()));
    if (sync) this.sync();
    else this.release();
    return (
      output.persist !== undefined ||
      output.committed.length + output.messages.length + output.messagesAfterPersist.length > 0
    );
  }

  sync(): void {
    if (this.durableMark < this.lastMark) {
      this.durableMark = this.lastMark;
      this.engine.durable(this.durableMark);
    }
    this.release();
  }

  private release(): void {
    const due = this.held.filter((each) => each.mark <= this.durableMark);
    this.held = this.held.filter((each) => each.mark > this.durableMark);
    for (const { messages } of due) this.cluster.post(this.id, messages);
  }

  private apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.index !== this.appliedIndex + 1)
        throw new Error(`server ${this.id} committed ${entry.index} after ${this.appliedIndex}`);
      this.appliedIndex = entry.index;
      this.applied.push(entry);
      if (isConfigurationType(entry.type)) this.configurationApplied();
    }
    if (entries.length > 0) this.engine.applied(this.appliedIndex);
  }

  private configurationApplied(): void {
    const { life, engine, appliedIndex } = this;
    this.tell(life.applied(appliedIndex, engine.summary(), engine.configurationAt(appliedIndex)));
  }

  private tell(events: readonly EngineEvent[]): void {
    (this.outcomes.events as EngineEvent[]).push(...events);
  }

  takeOutcomes(): Outcomes<M> {
    const { outcomes } = this;
    this.outcomes = emptyOutcomes();
    return outcomes;
  }

  commands(): string[] {
    const normal = this.applied.filter((entry) => entry.type === EntryType.Normal && entry.data.length > 0);
    return normal.map((entry) => new TextDecoder().decode(entry.data));
  }
}

function emptyOutcomes<M>(): Outcomes<M> {
  return { accepted: [], rejected: [], reads: [], requests: [], events: [] };
}

/** Engines, a lossless network with links that can be cut, and a clock that the test moves. */
export class EngineCluster<M> {
  readonly kind: EngineKind<M>;
  readonly settings: EngineSettings;
  readonly bootstrap: readonly NodeId[];
  readonly servers = new Map<NodeId, EngineServer<M>>();
  nowMs = 0;
  /** How long a message takes, and how much of one server's messages to another arrives per ms. */
  oneWayMs = 0;
  bytesPerMs = Number.POSITIVE_INFINITY;
  /** Until when the way from one server to another is taken. */
  private readonly busyUntilMs = new Map<string, number>();
  mail: { from: NodeId; to: NodeId; message: M; dueMs: number }[] = [];
  /** For tests that watch messages, or lose some. */
  loses: (from: NodeId, to: NodeId, message: M) => boolean = () => false;
  private readonly cuts = new Set<string>();
  private readonly down = new Set<NodeId>();
  private nextToken = 1;

  constructor(kind: EngineKind<M>, ids: readonly NodeId[], bootstrap = ids, settings = TEST_SETTINGS) {
    this.kind = kind;
    this.settings = settings;
    this.bootstrap = bootstrap;
    for (const id of ids) this.servers.set(id, new EngineServer(this, id));
  }

  server(id: NodeId): EngineServer<M> {
    return this.servers.get(id)!;
  }

  post(from: NodeId, envelopes: Output<M>['messages']): void {
    // Through the codec, as in the world.
    const { codec } = this.kind;
    for (const { to, message } of envelopes) {
      const bytes = codec.encode(message);
      const dueMs = this.oneWayMs + this.throughMs(`${from}>${to}`, bytes.length, codec.mayOvertake(message));
      this.mail.push({ from, to, message: codec.decode(bytes), dueMs });
    }
  }

  /** When a message that is sent now is through, in order, or before what waits where it may overtake and that is much. */
  private throughMs(way: string, bytes: number, mayOvertake: boolean): number {
    const { nowMs, bytesPerMs } = this;
    if (bytesPerMs === Number.POSITIVE_INFINITY) return nowMs;
    const freeMs = Math.max(nowMs, this.busyUntilMs.get(way) ?? 0);
    if (mayOvertake && (freeMs - nowMs) * bytesPerMs > IN_ORDER_BYTES_MAX) return nowMs;
    const throughMs = freeMs + bytes / bytesPerMs;
    this.busyUntilMs.set(way, throughMs);
    return throughMs;
  }

  /** Cuts `id` off from everybody else. */
  isolate(id: NodeId): void {
    for (const other of this.servers.keys()) {
      this.cuts.add(`${id}>${other}`);
      this.cuts.add(`${other}>${id}`);
    }
  }

  /** What `from` sends does not reach `to`. */
  cut(from: NodeId, to: NodeId): void {
    this.cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.cuts.clear();
  }

  stop(id: NodeId): void {
    this.down.add(id);
  }

  start(id: NodeId): void {
    this.down.delete(id);
    this.server(id).restart();
  }

  /** Delivers what is due and carries out until all is quiet. */
  settle(): void {
    for (let turns = 0; turns < 2_000; turns++) {
      let busy = false;
      for (const [id, server] of this.servers) if (!this.down.has(id) && server.turn(true)) busy = true;
      const mail = this.mail.filter(({ dueMs }) => dueMs <= this.nowMs);
      this.mail = this.mail.filter(({ dueMs }) => dueMs > this.nowMs);
      for (const { from, to, message } of mail) {
        if (this.loses(from, to, message) || this.cuts.has(`${from}>${to}`)) continue;
        if (this.down.has(to) || this.down.has(from)) continue;
        this.servers.get(to)?.engine.receive(from, message);
        busy = true;
      }
      if (!busy) return;
    }
    throw new Error('the cluster does not come to rest');
  }

  /** Lets `durationMs` pass in steps of half a heartbeat. */
  run(durationMs: number): void {
    const end = this.nowMs + durationMs;
    while (this.nowMs < end) {
      this.nowMs += this.settings.heartbeatMs / 2;
      for (const [id, server] of this.servers) if (!this.down.has(id)) server.engine.tick(this.nowMs);
      this.settle();
    }
  }

  leaders(): NodeId[] {
    return [...this.servers.values()]
      .filter(({ id, engine }) => !this.down.has(id) && engine.status().role === Role.Leader)
      .map(({ id }) => id);
  }

  /** Runs until one server leads that everybody reachable follows. */
  elect(): EngineServer<M> {
    this.run(5 * this.settings.electionTimeoutMs);
    const [leader] = [...this.leaders()].sort(
      (a, b) => this.server(b).engine.status().term - this.server(a).engine.status().term,
    );
    if (leader === undefined) throw new Error('no leader');
    return this.server(leader);
  }

  propose(id: NodeId, ...commands: string[]): number {
    const token = this.nextToken++;
    this.server(id).engine.propose({ token, commands: commands.map((text) => new TextEncoder().encode(text)) });
    return token;
  }

  token(): number {
    return this.nextToken++;
  }
}

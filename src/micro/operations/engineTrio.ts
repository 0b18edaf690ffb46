import type { Engine, EngineSettings, Envelope, NodeId } from '../../consensus/contract.ts';
import type { EngineEntry } from '../../consensus/engineEntry.ts';
import { ReceivedContent } from '../../consensus/snapshotContent.ts';
import { RingLog } from './ringLog.ts';

const SETTINGS: EngineSettings = {
  electionTimeoutMs: 1000,
  heartbeatMs: 100,
  entriesPerMessage: 1024,
  catchUpMultiplier: 4,
  batch: true,
  checkQuorum: true,
  readProof: 'round',
  maxMessageBytes: 1 << 20,
  snapshotChunkBytes: 1 << 18,
};
const IDS: readonly NodeId[] = [1, 2, 3];
/** A leader is there long before. */
const ELECTION_MS_MAX = 60_000;
/** A round takes a handful. */
const TURNS_MAX = 1000;

interface Server {
  readonly id: NodeId;
  readonly engine: Engine<unknown>;
  readonly log: RingLog;
}

/** Three engines that hand each other their messages as they are, write at once and whose clock stands still once one leads. */
export class EngineTrio {
  private readonly servers: readonly Server[];
  private readonly leader: Server;
  private nextToken = 1;
  private applied = 0;
  /** Told of every message, before it arrives. */
  watch: (message: unknown) => void = () => {};

  constructor(entry: EngineEntry) {
    this.servers = IDS.map((id) => {
      const log = new RingLog();
      // Spread over [0, 1), so that one stands first.
      const random = () => id / (IDS.length + 1);
      const engine = entry.kind.create({
        id,
        settings: SETTINGS,
        random,
        nowMs: 0,
        hardState: log.hardState,
        log,
        bootstrap: IDS,
        appliedIndex: 0,
        receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
      });
      return { id, engine, log };
    });
    this.leader = this.elect();
  }

  private elect(): Server {
    for (let nowMs = 0; nowMs < ELECTION_MS_MAX; nowMs += SETTINGS.heartbeatMs / 2) {
      for (const { engine } of this.servers) engine.tick(nowMs);
      this.settle();
      const leader = this.servers.find(({ id, engine }) => engine.summary().leader === id);
      // The others have heard of it, too.
      if (leader !== undefined && this.servers.every(({ engine }) => engine.summary().leader === leader.id))
        return leader;
    }
    throw new Error('no leader');
  }

  /** Has commands proposed, written by all, acknowledged and applied by the leader. Throws where that does not come about. */
  round(commands: readonly Uint8Array[]): void {
    const { engine, log } = this.leader;
    engine.propose({ token: this.nextToken++, commands });
    this.settle();
    if (this.applied !== log.lastIndex) throw new Error(`${this.applied} of ${log.lastIndex} entries are applied`);
  }

  private settle(): void {
    for (let turn = 0; turn < TURNS_MAX; turn++) {
      let isBusy = false;
      for (const server of this.servers) if (this.turn(server)) isBusy = true;
      if (!isBusy) return;
    }
    throw new Error('the engines do not come to rest');
  }

  private turn({ id, engine, log }: Server): boolean {
    const { persist, messages, messagesAfterPersist, committed } = engine.drain();
    if (persist !== undefined) log.persist(persist);
    this.deliver(id, messages);
    if (persist !== undefined) engine.durable(persist.mark);
    this.deliver(id, messagesAfterPersist);
    const last = committed[committed.length - 1];
    if (last !== undefined) {
      engine.applied(last.index);
      if (this.leader?.id === id) this.applied = last.index;
    }
    return persist !== undefined || messages.length + messagesAfterPersist.length + committed.length > 0;
  }

  private deliver(from: NodeId, envelopes: readonly Envelope<unknown>[]): void {
    for (const { to, message } of envelopes) {
      this.watch(message);
      this.servers[to - 1]!.engine.receive(from, message);
    }
  }
}

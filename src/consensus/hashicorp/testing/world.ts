import {
  type EngineSettings,
  type Envelope,
  type NodeId,
  type Output,
  type PersistBatch,
  Role,
  type Snapshot,
} from '../../contract.ts';
import { type Entry, EntryType } from '../../entry.ts';
import { contentBytes, MemoryContent, ReceivedContent } from '../../snapshotContent.ts';
import { MemoryLog } from '../../testing/memoryLog.ts';
import { hashicorpCodec } from '../codec.ts';
import { HashicorpEngine } from '../engine.ts';
import type { HashicorpMessage } from '../messages.ts';

/** How the virtual world behaves. Times are ms. */
export interface WorldOptions {
  readonly servers: readonly NodeId[];
  readonly voters: readonly NodeId[];
  readonly settings: EngineSettings;
  readonly diskMs: number;
  /** Uniform in [0, 1), for server `id`'s timers. */
  readonly timerRandom: (id: NodeId) => () => number;
  /** When a message sent now arrives; none where it is lost, several where it is duplicated. */
  readonly delaysMs: () => readonly number[];
}

type Write = { readonly batch: PersistBatch } | { readonly snapshot: Snapshot; readonly trailing: number };

/** What a server tells the script about. */
export interface Witness {
  sent?(from: NodeId, to: NodeId, message: HashicorpMessage, cut: boolean): void;
  output?(id: NodeId, output: Output<HashicorpMessage>): void;
}

/** One server: an engine, a disk that takes time, and a state machine that is a list of words. */
export class VirtualServer {
  readonly id: NodeId;
  readonly world: World;
  up = true;
  /** The disk accepts writes and finishes none. */
  stalled = false;
  log = new MemoryLog();
  engine: HashicorpEngine;
  words: string[] = [];
  appliedIndex = 0;
  /** Everything on disk, in order. */
  private onDisk: Write[] = [];
  private queued: { mark: number; write: Write }[] = [];
  private writing: { mark: number; writes: Write[]; doneMs: number } | undefined;
  private lastMark = 0;
  private durableMark = 0;
  private held: { mark: number; letters: readonly Envelope<HashicorpMessage>[] }[] = [];

  constructor(world: World, id: NodeId) {
    this.world = world;
    this.id = id;
    this.engine = this.create();
  }

  /** Loses what is not on disk, and everything in memory. */
  crash(): void {
    this.up = false;
    this.queued = [];
    this.writing = undefined;
    this.held = [];
  }

  restart(): void {
    this.log = new MemoryLog();
    for (const write of this.onDisk) carryOut(this.log, write);
    const snapshot = this.log.snapshot();
    this.words = snapshot === undefined ? [] : wordsOf(contentBytes(snapshot.content));
    this.appliedIndex = snapshot?.index ?? 0;
    this.lastMark = 0;
    this.durableMark = 0;
    this.up = true;
    this.engine = this.create();
  }

  /** Loses everything: the same id comes back with an empty disk. */
  wipe(): void {
    this.onDisk = [];
  }

  /** Stores a snapshot of the applied state and compacts the log, where that much is on disk. */
  storeSnapshot(trailing: number): boolean {
    if (this.queued.length > 0 || this.writing !== undefined) return false;
    const index = this.appliedIndex;
    const term = this.log.term(index);
    if (term === undefined || index <= (this.log.snapshot()?.index ?? 0)) return false;
    const snapshot = {
      index,
      term,
      configuration: this.engine.configurationAt(index),
      content: new MemoryContent(dataOf(this.words)),
    };
    const write = { snapshot, trailing };
    carryOut(this.log, write);
    this.onDisk.push(write);
    this.engine.snapshotStored(index);
    return true;
  }

  advance(nowMs: number): void {
    const { writing } = this;
    if (writing !== undefined && !this.stalled && nowMs >= writing.doneMs) {
      this.writing = undefined;
      this.onDisk.push(...writing.writes);
      this.durableMark = writing.mark;
      this.engine.durable(writing.mark);
      this.release();
    }
    this.engine.tick(nowMs);
  }

  turn(): void {
    const output = this.engine.drain();
    const { persist, restore } = output;
    if (persist !== undefined) {
      const write = { batch: persist };
      carryOut(this.log, write);
      this.lastMark = persist.mark;
      this.queued.push({ mark: persist.mark, write });
    }
    this.world.witness.output?.(this.id, output);
    this.startWrite();
    this.post(output.messages);
    if (output.messagesAfterPersist.length > 0) {
      this.held.push({ mark: this.lastMark, letters: output.messagesAfterPersist });
    }
    this.release();
    if (restore !== undefined) {
      this.words = wordsOf(contentBytes(restore.content));
      this.appliedIndex = restore.index;
      this.world.restored(this.id, restore);
      this.engine.applied(restore.index);
    }
    for (const entry of output.committed) this.apply(entry);
    if (output.committed.length > 0) this.engine.applied(this.appliedIndex);
  }

  private create(): HashicorpEngine {
    const { options, nowMs } = this.world;
    return new HashicorpEngine({
      id: this.id,
      settings: options.settings,
      random: options.timerRandom(this.id),
      nowMs,
      hardState: this.log.hardState,
      log: this.log,
      bootstrap: options.voters,
      appliedIndex: this.appliedIndex,
      receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
    });
  }

  private startWrite(): void {
    if (this.writing !== undefined || this.queued.length === 0) return;
    const { mark } = this.queued[this.queued.length - 1]!;
    const writes = this.queued.map((each) => each.write);
    this.queued = [];
    this.writing = { mark, writes, doneMs: this.world.nowMs + this.world.options.diskMs };
  }

  private release(): void {
    while (this.held.length > 0 && this.held[0]!.mark <= this.durableMark) this.post(this.held.shift()!.letters);
  }

  private post(letters: readonly Envelope<HashicorpMessage>[]): void {
    for (const { to, message } of letters) this.world.post(this.id, to, message);
  }

  private apply(entry: Entry): void {
    if (entry.index !== this.appliedIndex + 1) {
      throw new Error(`server ${this.id} was given entry ${entry.index} after ${this.appliedIndex}`);
    }
    this.appliedIndex = entry.index;
    this.world.applied(this.id, entry);
    if (entry.type === EntryType.Normal) this.words.push(new TextDecoder().decode(entry.data));
  }
}

/** A cluster in virtual time: links that can be cut, disks that can stall, servers that can crash; and the safety it must keep. */
export class World {
  readonly options: WorldOptions;
  readonly witness: Witness;
  /** Ascending by id. */
  readonly servers: readonly VirtualServer[];
  nowMs = 0;
  private mail: { atMs: number; from: NodeId; to: NodeId; bytes: Uint8Array }[] = [];
  private readonly cuts = new Set<string>();
  private readonly leaders = new Map<number, NodeId>();
  private readonly history = new Map<number, Entry | 'restored'>();

  constructor(options: WorldOptions, witness: Witness = {}) {
    this.options = options;
    this.witness = witness;
    this.servers = options.servers.map((id) => new VirtualServer(this, id));
  }

  server(id: NodeId): VirtualServer {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined) throw new RangeError(`no server ${id}; there are ${this.options.servers}`);
    return server;
  }

  cut(from: NodeId, to: NodeId): void {
    this.cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.cuts.clear();
  }

  post(from: NodeId, to: NodeId, message: HashicorpMessage): void {
    const cut = this.cuts.has(`${from}>${to}`) || this.servers.find((each) => each.id === to)?.up !== true;
    this.witness.sent?.(from, to, message, cut);
    if (cut) return;
    const bytes = hashicorpCodec.encode(message);
    for (const delayMs of this.options.delaysMs()) this.mail.push({ atMs: this.nowMs + delayMs, from, to, bytes });
  }

  /** One millisecond. */
  step(): void {
    this.nowMs++;
    const due = this.mail.filter((each) => each.atMs <= this.nowMs).sort((a, b) => a.atMs - b.atMs);
    this.mail = this.mail.filter((each) => each.atMs > this.nowMs);
    for (const { from, to, bytes } of due) {
      const server = this.server(to);
      if (server.up && !this.cuts.has(`${from}>${to}`)) server.engine.receive(from, hashicorpCodec.decode(bytes));
    }
    for (const server of this.servers) {
      if (!server.up) continue;
      server.advance(this.nowMs);
      server.turn();
      this.checkLeader(server);
    }
  }

  run(durationMs: number): void {
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs; ) this.step();
  }

  /** State machine safety (Raft figure 3): nobody applies another entry at an index. */
  applied(id: NodeId, entry: Entry): void {
    const before = this.history.get(entry.index);
    if (before === undefined) this.history.set(entry.index, entry);
    else if (before !== 'restored' && (before.term !== entry.term || before.type !== entry.type)) {
      throw new Error(`server ${id} applied ${entry.index}/${entry.term}, another ${before.index}/${before.term}`);
    }
  }

  restored(_id: NodeId, snapshot: Snapshot): void {
    if (!this.history.has(snapshot.index)) this.history.set(snapshot.index, 'restored');
  }

  /** Log matching (Raft figure 3): logs with the same term at an index are the same up to it. */
  checkLogs(): void {
    for (const one of this.servers) {
      for (const two of this.servers) if (one.id < two.id) checkMatching(one, two);
    }
  }

  /** Election safety (Raft figure 3): at most one leader in a term. */
  private checkLeader(server: VirtualServer): void {
    const { role, term } = server.engine.status();
    if (role !== Role.Leader) return;
    const other = this.leaders.get(term);
    if (other === undefined) this.leaders.set(term, server.id);
    else if (other !== server.id) throw new Error(`servers ${other} and ${server.id} both lead term ${term}`);
  }
}

function checkMatching(one: VirtualServer, two: VirtualServer): void {
  let matched = false;
  const from = Math.max(one.log.firstIndex, two.log.firstIndex);
  for (let index = Math.min(one.log.lastIndex, two.log.lastIndex); index >= from; index--) {
    const same = one.log.term(index) === two.log.term(index);
    if (matched && !same) throw new Error(`logs of ${one.id} and ${two.id} match above ${index} but not there`);
    matched ||= same;
  }
}

function carryOut(log: MemoryLog, write: Write): void {
  if ('batch' in write) log.persist(write.batch);
  else log.storeSnapshot(write.snapshot, write.trailing);
}

function dataOf(words: readonly string[]): Uint8Array {
  return new TextEncoder().encode(words.join(' '));
}

function wordsOf(data: Uint8Array): string[] {
  return data.length === 0 ? [] : new TextDecoder().decode(data).split(' ');
}

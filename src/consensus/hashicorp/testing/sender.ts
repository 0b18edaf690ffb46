import { expect } from 'vitest';
import { type EngineInit, simpleConfiguration } from '../../contract.ts';
import { Entry, EntryType } from '../../entry.ts';
import { MemoryContent, ReceivedContent } from '../../snapshotContent.ts';
import type { MemoryLog } from '../../testing/memoryLog.ts';
import { HeartbeatRounds } from '../heartbeatRounds.ts';
import type { AppendRequest, SnapshotChunk } from '../messages.ts';
import { Replicator } from '../replication.ts';
import { ServerState } from '../state.ts';
import { logOf, SETTINGS } from './oneServer.ts';

export function snapshotOf(index: number, bytes = 2500) {
  return {
    index,
    term: 1,
    configuration: simpleConfiguration([1, 2, 3]),
    content: new MemoryContent(new Uint8Array(bytes)),
  };
}

/** The leader of term 1, `held` entries in its log, and what it does to bring server 2 to where it is. */
export class Sender {
  readonly log: MemoryLog;
  readonly state: ServerState;
  readonly rounds = new HeartbeatRounds(1);
  readonly replicator: Replicator;

  constructor(held = 3, settings: Partial<EngineInit['settings']> = {}) {
    this.log = logOf(...Array<number>(held).fill(1));
    this.state = new ServerState({
      id: 1,
      settings: { ...SETTINGS, ...settings },
      random: () => 0,
      nowMs: 0,
      hardState: this.log.hardState,
      log: this.log,
      bootstrap: [1, 2, 3],
      appliedIndex: 0,
      receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
    });
    this.replicator = new Replicator(2, this.state, this.rounds);
  }

  at(nowMs: number): this {
    this.state.nowMs = nowMs;
    return this;
  }

  /** Entries of `bytes` each come to the log; they share their data. */
  append(count: number, bytes = 1): void {
    const data = new Uint8Array(bytes);
    const first = this.state.log.lastIndex + 1;
    const entries = Array.from({ length: count }, (_, i) => new Entry(first + i, 1, EntryType.Normal, data));
    this.log.persist({ mark: 2, entries, hardState: undefined, mustSync: true });
    this.state.log.append(entries);
    this.state.log.take();
    this.state.log.prune(this.state.log.lastIndex);
  }

  compact(index: number): void {
    this.log.storeSnapshot(snapshotOf(index), 0);
  }

  taken() {
    return this.state.out.take(undefined, []);
  }

  pump(tellCommit = false) {
    this.replicator.pump(tellCommit);
    return this.taken().messages.map(({ to, message }) => {
      expect(to).toBe(2);
      return message as AppendRequest | SnapshotChunk;
    });
  }

  appends(tellCommit = false): AppendRequest[] {
    return this.pump(tellCommit).map((message) => {
      if (message.type !== 'append') throw new Error(`a ${message.type}`);
      return message;
    });
  }

  chunks(): SnapshotChunk[] {
    return this.pump().map((message) => {
      if (message.type !== 'snapshot') throw new Error(`a ${message.type}`);
      return message;
    });
  }

  accept({ seq, prevIndex, entries }: AppendRequest, index = prevIndex + entries.length): boolean {
    return this.replicator.appendReplied({ type: 'append-reply', term: 1, seq, ok: true, index });
  }

  refuse({ seq }: { readonly seq: number }, index: number): boolean {
    return this.replicator.appendReplied({ type: 'append-reply', term: 1, seq, ok: false, index });
  }

  heartbeat(round: number, lastIndex: number, commit = 0): boolean {
    return this.replicator.heartbeatAnswered({ type: 'heartbeat-reply', term: 1, round, lastIndex, commit });
  }

  received({ seq, index }: SnapshotChunk, received: number, installed = false): boolean {
    return this.replicator.snapshotReplied({ type: 'snapshot-reply', term: 1, seq, index, received, installed });
  }

  beginRound(): number {
    return this.rounds.begin(this.state.nowMs, 0);
  }
}

/** Server 2 holds all `held` entries, and gets what comes without being waited for. */
export function pipelined(held = 3, settings: Partial<EngineInit['settings']> = {}): Sender {
  const sender = new Sender(held, settings);
  expect(sender.accept(sender.appends()[0]!)).toBe(held > 0);
  expect(sender.replicator.state).toBe('pipeline');
  return sender;
}

export const places = (requests: readonly AppendRequest[]) =>
  requests.map(({ prevIndex, entries }) => [prevIndex, entries.length]);

import type {
  Engine,
  EngineStatus,
  MembershipChange,
  NodeId,
  Output,
  PersistBatch,
  ProposalBatch,
  Snapshot,
} from '../consensus/contract.ts';
import type { Entry } from '../consensus/entry.ts';
import type { ApplyResult, SnapshotSource } from '../server/host/stateMachine.ts';
import type { KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import type { LogStore } from '../server/storage/contract.ts';
import { DelegatingEngine, DelegatingStore } from './delegates.ts';
import type { ServerJudge } from './invariants/bystander.ts';
import { isSo, type OperatorRequest } from './invariants/promiseJudge.ts';
import { InvariantViolation } from './violation.ts';

/** Shows the judge every turn of an engine. */
export class ObservedEngine extends DelegatingEngine<unknown> {
  private readonly id: NodeId;
  private readonly judge: ServerJudge;
  /** How many entries are known to be committed, by anybody. */
  private readonly committed: () => number;
  /** How many were so when each read was asked for. */
  private readonly reads = new Map<number, number>();
  /** Reads of this turn. */
  private fresh: number[] = [];
  /** Some were answered in the turn in which they were asked, where there are others to ask. */
  private readonly answeredUnasked: () => void;
  private readonly requests = new Map<number, OperatorRequest>();
  /** How many commands of each batch are neither accepted nor rejected. */
  private readonly proposals = new Map<number, number>();

  constructor(
    inner: Engine<unknown>,
    id: NodeId,
    judge: ServerJudge,
    committed: () => number,
    answeredUnasked: () => void,
  ) {
    super(inner);
    this.answeredUnasked = answeredUnasked;
    this.id = id;
    this.judge = judge;
    this.committed = committed;
  }

  override propose(batch: ProposalBatch): void {
    this.proposals.set(batch.token, batch.commands.length);
    this.inner.propose(batch);
  }

  override read(token: number): void {
    this.reads.set(token, this.committed());
    this.fresh.push(token);
    this.inner.read(token);
  }

  override reconfigure(change: MembershipChange, token: number): void {
    const wasSo = isSo(change, this.inner.status().configuration);
    this.requests.set(token, { kind: 'change', change, wasSo, becameSo: wasSo });
    this.inner.reconfigure(change, token);
  }

  override transferLeadership(to: NodeId, token: number, unable?: readonly NodeId[]): void {
    this.requests.set(token, { kind: 'transfer', to, term: this.inner.status().term });
    this.inner.transferLeadership(to, token, unable);
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    const { persist, restore, committed, reads, requests, accepted, rejected } = output;
    if (persist !== undefined || restore !== undefined || committed.length > 0) {
      this.judge.turn(this.id, { persist, restore, committed, status: this.inner.status() });
    }
    const { fresh } = this;
    if (fresh.length > 0) this.fresh = [];
    for (const read of reads) {
      if (read.ok && fresh.includes(read.token) && this.hasOthers) this.answeredUnasked();
      if (!this.reads.has(read.token)) this.answeredTwice(`read ${read.token}`);
      if (read.ok) this.judge.readDone(this.id, read.index, this.reads.get(read.token)!);
      this.reads.delete(read.token);
    }
    if (this.requests.size > 0) this.watchChanges();
    for (const { token, ok } of requests) {
      if (!this.requests.has(token)) this.answeredTwice(`request ${token}`);
      if (ok) this.judge.requestDone(this.id, this.requests.get(token)!, this.inner.status());
      this.requests.delete(token);
    }
    for (const { token, count } of accepted) this.decided(token, count);
    for (const { token, count } of rejected) this.decided(token, count);
    return output;
  }

  private get hasOthers(): boolean {
    return this.inner.summary().configuration.voters.length > 1;
  }

  /** What an operator asked for may have been undone by a later leader when this server says that it was done. */
  private watchChanges(): void {
    const { configuration } = this.inner.status();
    for (const request of this.requests.values()) {
      if (request.kind === 'change') request.becameSo ||= isSo(request.change, configuration);
    }
  }

  private decided(token: number, count: number): void {
    const left = (this.proposals.get(token) ?? 0) - count;
    if (left < 0) this.answeredTwice(`commands of batch ${token}`);
    if (left === 0) this.proposals.delete(token);
    else this.proposals.set(token, left);
  }

  private answeredTwice(what: string): never {
    throw new InvariantViolation('one answer', `server ${this.id}: the engine answers ${what} twice`);
  }

  override status(): EngineStatus {
    const status = this.inner.status();
    this.judge.status(this.id, status);
    return status;
  }
}

export interface StoreWatcher {
  /** A vote is about to be stored. */
  votes(): void;
  snapshotTaken(snapshot: Snapshot): void;
}

/** Shows what a replica hands to its store. */
export class ObservedStore extends DelegatingStore {
  private readonly watcher: StoreWatcher;

  constructor(inner: LogStore, watcher: StoreWatcher) {
    super(inner);
    this.watcher = watcher;
  }

  override persist(batch: PersistBatch): void {
    const { term, vote } = batch.hardState ?? this.inner.hardState;
    if (vote !== 0 && (vote !== this.inner.hardState.vote || term !== this.inner.hardState.term)) this.watcher.votes();
    super.persist(batch);
  }

  override storeSnapshot(snapshot: Snapshot, trailingEntries: number, needed?: () => readonly Snapshot[]): void {
    this.watcher.snapshotTaken(snapshot);
    super.storeSnapshot(snapshot, trailingEntries, needed);
  }
}

/** Asks the judge before each entry that the state machine applies, and tells it what came of it; and counts how snapshots were read. */
export function observeStateMachine(
  stateMachine: KeyValueStore,
  applying: (entry: Entry) => void,
  appliedAs: (entry: Entry, result: ApplyResult) => void,
  count: (how: 'snapshot taken over turns') => void,
): KeyValueStore {
  const openSnapshot = stateMachine.openSnapshot.bind(stateMachine);
  stateMachine.openSnapshot = () => observedSource(openSnapshot(), count);
  const apply = stateMachine.apply.bind(stateMachine);
  stateMachine.apply = (entry: Entry): ApplyResult => {
    applying(entry);
    const result = apply(entry);
    appliedAs(entry, result);
    return result;
  };
  return stateMachine;
}

function observedSource(source: SnapshotSource, count: (how: 'snapshot taken over turns') => void): SnapshotSource {
  let reads = 0;
  return {
    size: source.size,
    read: (into, at, limit) => {
      reads++;
      return source.read(into, at, limit);
    },
    close: () => {
      if (reads > 1) count('snapshot taken over turns');
      source.close();
    },
  };
}

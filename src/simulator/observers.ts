import type { Engine, EngineStatus, NodeId, Output, PersistBatch, Snapshot } from '../consensus/contract.ts';
import type { Entry } from '../consensus/entry.ts';
import type { ApplyResult, KeyValueStore } from '../server/stateMachine/keyValueStore.ts';
import type { LogStore } from '../server/storage/contract.ts';
import { DelegatingEngine, DelegatingStore } from './delegates.ts';
import type { ServerJudge } from './invariants/bystander.ts';

/** Shows the judge every turn of an engine. */
export class ObservedEngine extends DelegatingEngine<unknown> {
  readonly #id: NodeId;
  readonly #judge: Pick<ServerJudge, 'turn' | 'status'>;

  constructor(inner: Engine<unknown>, id: NodeId, judge: Pick<ServerJudge, 'turn' | 'status'>) {
    super(inner);
    this.#id = id;
    this.#judge = judge;
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    const { persist, restore, committed } = output;
    if (persist !== undefined || restore !== undefined || committed.length > 0) {
      this.#judge.turn(this.#id, { persist, restore, committed, status: this.inner.status() });
    }
    return output;
  }

  override status(): EngineStatus {
    const status = this.inner.status();
    this.#judge.status(this.#id, status);
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
  readonly #watcher: StoreWatcher;

  constructor(inner: LogStore, watcher: StoreWatcher) {
    super(inner);
    this.#watcher = watcher;
  }

  override persist(batch: PersistBatch): void {
    const { term, vote } = batch.hardState ?? this.inner.hardState;
    if (vote !== 0 && (vote !== this.inner.hardState.vote || term !== this.inner.hardState.term)) this.#watcher.votes();
    super.persist(batch);
  }

  override storeSnapshot(snapshot: Snapshot, trailingEntries: number): void {
    this.#watcher.snapshotTaken(snapshot);
    super.storeSnapshot(snapshot, trailingEntries);
  }
}

/** Asks the judge before each entry that the state machine applies, and tells it what came of it. */
export function observeStateMachine(
  stateMachine: KeyValueStore,
  applying: (entry: Entry) => void,
  appliedAs: (entry: Entry, result: ApplyResult) => void,
): KeyValueStore {
  const apply = stateMachine.apply.bind(stateMachine);
  stateMachine.apply = (entry: Entry): ApplyResult => {
    applying(entry);
    const result = apply(entry);
    appliedAs(entry, result);
    return result;
  };
  return stateMachine;
}

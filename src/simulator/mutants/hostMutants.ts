import type { HardState, PersistBatch, Snapshot, SnapshotContent } from '../../consensus/contract.ts';
import { Entry } from '../../consensus/entry.ts';
import { contentBytes, MemoryContent } from '../../consensus/snapshotContent.ts';
import type { ApplyResult, Restoring, SnapshotSource } from '../../server/host/stateMachine.ts';
import { KeyValueStore } from '../../server/stateMachine/keyValueStore.ts';
import { SessionTable } from '../../server/stateMachine/sessionTable.ts';
import type { Disk, DiskOperation, LogStore, LogStoreListener, PromisedArea } from '../../server/storage/contract.ts';
import { CHUNK_PREFIX, PIECE_PREFIX, PROMISED_KEY, SNAPSHOT_PREFIX } from '../../server/storage/keys.ts';
import { CommandType, decodeCommand, encodeCommand } from '../../wire/command.ts';
import { DelegatingStore } from '../delegates.ts';

/** Reports batches durable as soon as it has taken them. */
export class ReportsDurableAtOnce extends DelegatingStore {
  private readonly listener: LogStoreListener;
  private readonly later: (run: () => void) => void;

  constructor(inner: LogStore, listener: LogStoreListener, later: (run: () => void) => void) {
    super(inner);
    this.listener = listener;
    this.later = later;
  }

  override persist(batch: PersistBatch): void {
    super.persist(batch);
    this.later(() => this.listener.durable(batch.mark));
  }
}

/** Starts with a hard state that lacks something. */
export class ForgetsAtStart extends DelegatingStore {
  private readonly forget: (hardState: HardState) => HardState;

  constructor(inner: LogStore, forget: (hardState: HardState) => HardState) {
    super(inner);
    this.forget = forget;
  }

  override get hardState(): HardState {
    return this.forget(super.hardState);
  }
}

/** Stores the first snapshot's content under every later snapshot's index. */
export class StoresStaleSnapshots extends DelegatingStore {
  private content: SnapshotContent | undefined;

  override storeSnapshot(snapshot: Snapshot, trailingEntries: number, needed?: () => readonly Snapshot[]): void {
    this.content ??= new MemoryContent(contentBytes(snapshot.content).slice());
    super.storeSnapshot({ ...snapshot, content: this.content }, trailingEntries, needed);
  }
}

/** Writes without waiting for the platter. */
export function neverSyncs(disk: Disk): Disk {
  return {
    get: (key) => disk.get(key),
    keys: (prefix) => disk.keys(prefix),
    write: (operations, _sync, done) => disk.write(operations, false, done),
    close: () => disk.close(),
  };
}

/** Puts the pieces of a large value where they belong once its head is there, and was reported durable. */
export function writesPiecesLast(disk: Disk): Disk {
  let held: readonly DiskOperation[] = [];
  const isPiece = ({ key, value }: DiskOperation) => value !== null && key.startsWith(PIECE_PREFIX);
  return {
    get: (key) => held.find((operation) => operation.key === key)?.value ?? disk.get(key),
    keys: (prefix) => disk.keys(prefix),
    write: (operations, sync, done) => {
      if (operations.every(isPiece)) {
        held = [...held, ...operations];
        disk.write([], false, done);
        return;
      }
      disk.write(operations, sync, done);
      if (held.length > 0) disk.write(held, false, () => {});
      held = [];
    },
    close: () => disk.close(),
  };
}

/** Puts a snapshot where it belongs only once the log was cut that it takes the place of. */
export function cutsLogsFirst(disk: Disk): Disk {
  let held: readonly DiskOperation[] = [];
  const isSnapshot = ({ key, value }: DiskOperation) => value !== null && key.startsWith(SNAPSHOT_PREFIX);
  const cuts = ({ key, value }: DiskOperation) => value === null && key.startsWith(CHUNK_PREFIX);
  return {
    get: (key) => held.find((operation) => operation.key === key)?.value ?? disk.get(key),
    keys: (prefix) => disk.keys(prefix),
    write: (operations, sync, done) => {
      const isCut = operations.some(cuts);
      disk.write(
        operations.filter((each) => !isSnapshot(each)),
        sync,
        done,
      );
      held = [...held, ...operations.filter(isSnapshot)];
      if (!isCut || held.length === 0) return;
      disk.write(held, false, () => {});
      held = [];
    },
    close: () => disk.close(),
  };
}

/** Knows nothing of a promised area. */
export function hidesStoreId(disk: Disk): Disk {
  return {
    get: (key) => (key === PROMISED_KEY ? undefined : disk.get(key)),
    keys: (prefix) => disk.keys(prefix),
    write: (operations, sync, done) => disk.write(operations, sync, done),
    close: () => disk.close(),
  };
}

/** Says that what was written before is durable, and makes only what is written with it so. */
export function coversNothing(disk: Disk): Disk {
  return {
    get: (key) => disk.get(key),
    keys: (prefix) => disk.keys(prefix),
    write: (operations, sync, done) => disk.write(operations, sync && operations.length > 0, done),
    close: () => disk.close(),
  };
}

/** Lets an entry begin where the one before ended. */
export function sharesBlocks(area: PromisedArea): PromisedArea {
  return { ...area, blockBytes: 1 };
}

/** Keeps no promise beyond the process. */
export function forgetsPromises(area: PromisedArea): PromisedArea {
  return {
    ...area,
    found: undefined,
  };
}

/** Applies every insert it sees, seen before or not: it goes by the entry's index and not by the client's number. */
export class ForgetsSequenceNumbers extends KeyValueStore {
  override apply(entry: Entry): ApplyResult {
    const command = decodeCommand(entry.data);
    if (command.type !== CommandType.Insert) return super.apply(entry);
    const { index, term, type } = entry;
    return super.apply(new Entry(index, term, type, encodeCommand({ ...command, clientSeq: index })));
  }

  /** By its numbers, new ones of clients could be applied already. */
  override foresee(
    command: Uint8Array,
    appliedIndex: number,
    isCurrent: boolean,
  ): ApplyResult | 'undecided' | undefined {
    const verdict = super.foresee(command, appliedIndex, isCurrent);
    return verdict !== 'undecided' && verdict?.status === 'ok' ? undefined : verdict;
  }
}

/** Takes every second command of a session for one that it has seen. */
export class AcknowledgesWithoutApplying extends KeyValueStore {
  override apply(entry: Entry): ApplyResult {
    const command = decodeCommand(entry.data);
    if (command.type !== CommandType.Insert || command.clientSeq % 2 === 1) return super.apply(entry);
    return { status: 'ok', clientId: 0 };
  }
}

/** Lets everything into the log. */
export class ForeseesNothing extends KeyValueStore {
  override foresee(): undefined {
    return undefined;
  }
}

/** Takes for certain what only looks so: a session that is not applied here yet. */
export class ForeseesTooMuch extends KeyValueStore {
  override foresee(command: Uint8Array, appliedIndex: number): ApplyResult | 'undecided' | undefined {
    return super.foresee(command, appliedIndex, true);
  }
}

/** Its snapshots say nothing of who writes. */
export class LeavesSessionsOut extends KeyValueStore {
  override openSnapshot(): SnapshotSource {
    const inside = this as unknown as { sessions: SessionTable };
    const { sessions } = inside;
    inside.sessions = new SessionTable(sessions.limits);
    const data = this.snapshot();
    inside.sessions = sessions;
    let position = 0;
    const read = (into: Uint8Array, at: number, end: number) => {
      into.set(data.subarray(position, position + end - at), at);
      position += end - at;
      return end;
    };
    return { size: data.length, read, close: () => {} };
  }
}

/** Starts empty, whatever the snapshot holds. */
export class IgnoresSnapshots extends KeyValueStore {
  override restore(): void {}

  override beginRestore(): Restoring {
    return { read: () => true };
  }
}

/** A snapshot has of each piece what stands there when it is read. */
export class RewritesWhatASnapshotReads extends KeyValueStore {
  override openSnapshot(): SnapshotSource {
    const size = this.snapshot().length;
    let position = 0;
    const read = (into: Uint8Array, at: number, end: number) => {
      into.set(this.snapshot().subarray(position, position + end - at), at);
      position += end - at;
      return end;
    };
    return { size, read, close: () => {} };
  }
}

/** A snapshot has the state as it is a few slices later, where that is as long. */
export class TakesSnapshotsLate extends KeyValueStore {
  override openSnapshot(): SnapshotSource {
    const then = this.snapshot();
    let data: Uint8Array | undefined;
    let late = 0;
    let position = 0;
    const read = (into: Uint8Array, at: number, end: number) => {
      if (late++ < LATE_SLICES) return at;
      const now = this.snapshot();
      data ??= now.length === then.length ? now : then;
      into.set(data.subarray(position, position + end - at), at);
      position += end - at;
      return end;
    };
    return { size: then.length, read, close: () => {} };
  }
}

const LATE_SLICES = 3;

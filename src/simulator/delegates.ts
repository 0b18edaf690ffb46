import type {
  Configuration,
  EffectiveSettings,
  Engine,
  EngineStatus,
  EngineSummary,
  HardState,
  MembershipChange,
  NodeId,
  Output,
  PersistBatch,
  ProposalBatch,
  Refusal,
  Snapshot,
  SnapshotPiece,
} from '../consensus/contract.ts';
import type { Entry } from '../consensus/entry.ts';
import type { LogStore } from '../server/storage/contract.ts';

/** An engine that is another one; observers and mutants change what they need. */
export class DelegatingEngine<M> implements Engine<M> {
  protected readonly inner: Engine<M>;
  constructor(inner: Engine<M>) {
    this.inner = inner;
  }
  tick(nowMs: number): void {
    this.inner.tick(nowMs);
  }
  receive(from: NodeId, message: M): Refusal | undefined {
    return this.inner.receive(from, message);
  }
  propose(batch: ProposalBatch): void {
    this.inner.propose(batch);
  }
  read(token: number): void {
    this.inner.read(token);
  }
  reconfigure(change: MembershipChange, token: number): void {
    this.inner.reconfigure(change, token);
  }
  transferLeadership(to: NodeId, token: number, unable?: readonly NodeId[]): void {
    this.inner.transferLeadership(to, token, unable);
  }
  durable(mark: number): void {
    this.inner.durable(mark);
  }
  applied(index: number): void {
    this.inner.applied(index);
  }
  snapshotStored(index: number): void {
    this.inner.snapshotStored(index);
  }
  promisesAreRead(areRead: boolean): void {
    this.inner.promisesAreRead(areRead);
  }

  sending(): readonly Snapshot[] {
    return this.inner.sending();
  }
  drain(): Output<M> {
    return this.inner.drain();
  }
  summary(): EngineSummary {
    return this.inner.summary();
  }
  status(): EngineStatus {
    return this.inner.status();
  }
  effectiveSettings(): EffectiveSettings {
    return this.inner.effectiveSettings();
  }
  configurationAt(appliedIndex: number): Configuration {
    return this.inner.configurationAt(appliedIndex);
  }
}

/** A log store that is another one; observers and mutants change what they need. */
export class DelegatingStore implements LogStore {
  protected readonly inner: LogStore;
  constructor(inner: LogStore) {
    this.inner = inner;
  }
  get firstIndex(): number {
    return this.inner.firstIndex;
  }
  get lastIndex(): number {
    return this.inner.lastIndex;
  }
  get hardState(): HardState {
    return this.inner.hardState;
  }
  get durableMark(): number {
    return this.inner.durableMark;
  }
  term(index: number): number | undefined {
    return this.inner.term(index);
  }
  entries(from: number, to: number, maxBytes: number): Entry[] {
    return this.inner.entries(from, to, maxBytes);
  }
  configurationEntries(): readonly Entry[] {
    return this.inner.configurationEntries();
  }
  fenceEntries(): readonly Entry[] {
    return this.inner.fenceEntries();
  }
  snapshot(): Snapshot | undefined {
    return this.inner.snapshot();
  }
  persist(batch: PersistBatch): void {
    this.inner.persist(batch);
  }
  get hasRoom(): boolean {
    return this.inner.hasRoom;
  }
  addPiece(piece: SnapshotPiece): void {
    this.inner.addPiece(piece);
  }
  storeSnapshot(snapshot: Snapshot, trailingEntries: number, needed?: () => readonly Snapshot[]): void {
    this.inner.storeSnapshot(snapshot, trailingEntries, needed);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}
